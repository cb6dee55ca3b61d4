// The list of tasks as this page has it: the server's, plus what was answered to our own requests meanwhile.
// 
// What this is: pure functions from one list to the next. What it is not: asking the server (state.ts).
// In the flow: topic "tasks" and the answers to POST and DELETE -> Tasks -> the Activity section.
import type { Task } from '../types';

export interface Tasks {
  /** Newest first. */
  list: readonly Task[];
  /** Dismissed here; a list that was on its way meanwhile doesn't bring them back. */
  gone: ReadonlySet<string>;
  /** When the newest value of each task came, by this page's clock: a running task's seconds go on from there. */
  seen: ReadonlyMap<string, number>;
}

export const noTasks: Tasks = { list: [], gone: new Set(), seen: new Map() };

const ENDED: ReadonlySet<string> = new Set(['done', 'failed', 'cancelled', 'interrupted']);

export function hasEnded(task: Task): boolean {
  return ENDED.has(task.state);
}

/** The server's list replaces ours. A task that ended here doesn't run again because of an older list. */
export function applyList(tasks: Tasks, list: readonly Task[], now = performance.now()): Tasks {
  const before = new Map(tasks.list.map(each => [each.id, each]));
  const kept = list
    .filter(each => !tasks.gone.has(each.id))
    .map(each => {
      const known = before.get(each.id);
      return known !== undefined && hasEnded(known) && !hasEnded(each) ? known : each;
    });
  const ids = new Set(list.map(each => each.id));
  const gone = new Set([...tasks.gone].filter(id => ids.has(id)));
  return { list: kept, gone, seen: stamps(tasks, kept, now) };
}

/** One task, new or changed. */
export function applyTask(tasks: Tasks, task: Task, now = performance.now()): Tasks {
  if (tasks.gone.has(task.id)) {
    return tasks;
  }
  const known = tasks.list.some(each => each.id === task.id);
  const list = known ? tasks.list.map(each => (each.id === task.id ? task : each)) : [task, ...tasks.list];
  return { ...tasks, list, seen: stamps(tasks, list, now) };
}

/** Dismissed by the person; the server follows. */
export function forget(tasks: Tasks, id: string): Tasks {
  return { ...tasks, list: tasks.list.filter(each => each.id !== id), gone: new Set([...tasks.gone, id]) };
}

/** Seconds that a task has taken: what the server said, gone on by our clock while it runs. */
export function secondsOf(tasks: Tasks, task: Task, now = performance.now()): number {
  const seen = tasks.seen.get(task.id);
  return hasEnded(task) || seen === undefined ? task.seconds : task.seconds + Math.max(0, now - seen) / 1000;
}

function stamps(tasks: Tasks, list: readonly Task[], now: number): Map<string, number> {
  const before = new Map(tasks.list.map(each => [each.id, each.seconds]));
  return new Map(
    list.map(each => {
      const known = tasks.seen.get(each.id);
      return [each.id, known !== undefined && before.get(each.id) === each.seconds ? known : now];
    })
  );
}

/** All that go on, and the newest `most` of those that ended; the runs below stay in sight. */
export function newestOf(list: readonly Task[], most: number): { shown: Task[]; older: number } {
  let ended = 0;
  const shown = list.filter(task => !hasEnded(task) || ++ended <= most);
  return { shown, older: list.length - shown.length };
}
