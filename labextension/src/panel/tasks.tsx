// The section "Activity": all that this server builds and submits, and what became of it.
// The list is the server's (topic "tasks"), so it is the same after a reload and in another browser. Used by panel.tsx.

import { checkIcon, errorIcon, infoIcon, stopIcon, type LabIcon } from '@jupyterlab/ui-components';
import type { TranslationBundle } from '@jupyterlab/translation';
import { type JSX, useState } from 'react';

import { refOf } from '../desk';
import type { Problem, Run, Task } from '../types';
import { RetryButton, TaskButtons } from './actions';
import { useChanges, usePanel, useTicks } from './hooks';
import { newestBuild } from './notebook';
import { Icon, ProblemBox } from './parts';
import { hasEnded, newestOf, secondsOf } from './tasklist';
import { ImageResult, TaskProgress } from './taskview';
import { baseName, duration } from './words';
import { showYaml } from './yaml';

const ENDED_SHOWN = 4;

export function Activity(): JSX.Element {
  const { state, folds } = usePanel();
  useChanges(state.tasksChanged, state.notebookChanged, folds.changed);
  const [all, setAll] = useState(false);
  const above = folds.isOpen('notebook', true) ? newestBuild(state.tasks.list, state.notebook)?.id : undefined;
  if (state.tasks.list.length === 0) {
    return <p className="nbc-dim">{state.trans.__('Nothing is being built or submitted.')}</p>;
  }
  const { shown, older } = newestOf(state.tasks.list, all ? Infinity : ENDED_SHOWN);
  return (
    <>
      <ul className="nbc-tasks">
        {shown.map(task => (
          <TaskItem key={task.id} task={task} shownAbove={task.id === above} />
        ))}
      </ul>
      {older > 0 && (
        <button type="button" className="nbc-link" onClick={() => { setAll(true); }}>
          {state.trans._n('%1 older', '%1 older', older)}
        </button>
      )}
    </>
  );
}

export function taskTitle(task: Task, trans: TranslationBundle): string {
  const name = baseName(task.notebook);
  switch (task.verb) {
    case 'build':
      return trans.__('Image of %1', name);
    case 'train':
      return trans.__('Train %1', name);
    case 'serve':
      return trans.__('Serve %1', name);
    case 'manifest':
      return trans.__('Manifest of %1', name);
    default:
      return `${task.verb} ${name}`;
  }
}

export function stateText(task: Task, trans: TranslationBundle): string {
  switch (task.state) {
    case 'queued':
      return trans.__('waiting');
    case 'running':
      return trans.__('under way');
    case 'done':
      return task.run === null ? trans.__('done') : trans.__('submitted');
    case 'failed':
      return trans.__('failed');
    case 'cancelled':
      return trans.__('cancelled');
    case 'interrupted':
      return trans.__('interrupted');
  }
}

const ICONS: Partial<Record<Task['state'], LabIcon>> = {
  done: checkIcon,
  failed: errorIcon,
  cancelled: stopIcon,
  interrupted: infoIcon
};

function TaskItem({ task, shownAbove }: { task: Task; shownAbove: boolean }): JSX.Element {
  const { state } = usePanel();
  const { trans } = state;
  const [problem, setProblem] = useState<Problem | null>(null);
  useTicks(!hasEnded(task));
  const icon = ICONS[task.state];
  const run = task.run;
  return (
    <li className="nbc-task" data-nbc-state={task.state}>
      <div className="nbc-row">
        {icon === undefined ? <span className="nbc-icon nbc-spinner" /> : <Icon icon={icon} />}
        <span className="nbc-grow nbc-task-title" title={task.notebook}>
          <b className="nbc-ellipsis">{taskTitle(task, trans)}</b>
          <span className="nbc-dim nbc-ellipsis">
            {[stateText(task, trans), task.target, duration(secondsOf(state.tasks, task))].filter(Boolean).join(' · ')}
          </span>
        </span>
        <TaskButtons task={task} onProblem={setProblem} />
      </div>
      {problem !== null && <ProblemBox problem={problem} />}
      {task.state === 'interrupted' && (
        <p className="nbc-dim">{trans.__('The server was restarted while this ran.')}</p>
      )}
      {!shownAbove && <TaskProgress task={task} />}
      {!shownAbove && task.image !== null && run === null && <ImageResult image={task.image} fold={`layers-${task.id}`} />}
      {!shownAbove && <RetryButton task={task} onProblem={setProblem} />}
      {run !== null && <RunResult task={task} run={run} />}
      {task.yaml !== '' && (
        <button type="button" className="nbc-small-button" onClick={() => { showYaml(taskTitle(task, trans), task.yaml, trans); }}>
          {trans.__('Show the manifest')}
        </button>
      )}
    </li>
  );
}

function RunResult({ task, run }: { task: Task; run: Run }): JSX.Element {
  const { state } = usePanel();
  const { trans } = state;
  const ref = refOf(task, run);
  return (
    <div className="nbc-actions nbc-result">
      <button
        type="button"
        className="nbc-link nbc-ellipsis"
        title={trans.__('Show it among the runs')}
        onClick={() => {
          state.highlight(run.name);
          state.reveal('runs');
        }}
      >
        {run.name}
      </button>
      <button type="button" className="nbc-small-button" onClick={() => { state.openLog(ref); }}>
        {trans.__('Logs')}
      </button>
      {run.kind === 'inference' && (
        <button type="button" className="nbc-small-button" onClick={() => { state.openInference(ref); }}>
          {trans.__('Try it')}
        </button>
      )}
    </div>
  );
}
