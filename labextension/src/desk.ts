// What the application around the panel does for it, and how a run is named to a tab.
// Only types and one helper: index.ts gives the desk, the panel uses it, tests put a plain object in its place.

import type { Run, Task } from './types';

/** Names a run for a tab that shows it; plain JSON, so that the layout can restore the tab. */
export interface RunRef {
  name: string;
  target: string;
  namespace: string;
  /** Path on the server of the notebook whose settings hold; "" for none. */
  notebook: string;
}

/** The sections of the panel, in order. */
export type Section = 'notebook' | 'launch' | 'activity' | 'runs';

/** What the surrounding application does for the panel; index.ts gives it. */
export interface Desk {
  openLog(run: RunRef, pod?: string): void;
  openInference(run: RunRef): void;
  /** Put `text` into a new cell below the active one. */
  insertCell(text: string): void;
  /** The sources of the current notebook's code cells. */
  cells(): string[];
  /** Whether the notebook has changes that are not saved, and how to save them. */
  dirty(): boolean;
  save(): Promise<void>;
  openNotebook(path: string): void;
}

/** How a tab names the run of a task. */
export function refOf(task: Task, run: Run): RunRef {
  return { name: run.name, target: run.target, namespace: run.namespace, notebook: task.notebook };
}
