// The buttons of a task: cancel while it runs; retry and dismiss once it has ended.
// A retry that lacks environment values, which nobody keeps, goes to the Launch form instead.

import { closeIcon, refreshIcon, stopIcon } from '@jupyterlab/ui-components';
import { type JSX, useState } from 'react';

import { problemOf } from '../answer';
import { RequestError } from '../client';
import type { PanelState } from '../state';
import type { Problem, Task } from '../types';
import { usePanel } from './hooks';
import { IconButton } from './parts';
import { hasEnded } from './tasklist';

interface ITaskButtonsProps {
  task: Task;
  onProblem: (problem: Problem | null) => void;
}

/** Cancel or dismiss, in the task's title. */
export function TaskButtons({ task, onProblem }: ITaskButtonsProps): JSX.Element {
  const { state } = usePanel();
  const { trans } = state;
  const [busy, act] = useAct(onProblem);
  return hasEnded(task) ? (
    <IconButton icon={closeIcon} label={trans.__('Dismiss')} disabled={busy} onClick={act(() => state.dismiss(task))} />
  ) : (
    <IconButton icon={stopIcon} label={trans.__('Cancel')} disabled={busy} onClick={act(() => state.cancel(task))} />
  );
}

/** Below what went wrong; nothing where nothing did. */
export function RetryButton({ task, onProblem }: ITaskButtonsProps): JSX.Element | null {
  const { state } = usePanel();
  const [busy, act] = useAct(onProblem);
  return !hasEnded(task) || task.state === 'done' ? null : (
    <button type="button" className="nbc-small-button" disabled={busy} onClick={act(() => retry(state, task))}>
      <refreshIcon.react tag="span" width="14px" height="14px" />
      {state.trans.__('Retry')}
    </button>
  );
}

/** Whether something asked for is still on its way, and what makes a handler of a request. */
function useAct(onProblem: ITaskButtonsProps['onProblem']): [boolean, (act: () => Promise<unknown>) => () => void] {
  const [busy, setBusy] = useState(false);
  const act = (act: () => Promise<unknown>) => () => {
    setBusy(true);
    onProblem(null);
    void act()
      .catch((error: unknown) => {
        onProblem(problemOf(error));
      })
      .finally(() => {
        setBusy(false);
      });
  };
  return [busy, act];
}

/** Begin it again; the ended one goes. 409: its environment values are gone, so the form asks for them. */
export async function retry(state: PanelState, task: Task): Promise<void> {
  try {
    await state.retry(task);
  } catch (error) {
    if (!(error instanceof RequestError && error.status === 409)) {
      throw error;
    }
    refill(state, task);
    return;
  }
  await state.dismiss(task);
}

/** Put what a task asked for into the Launch form. */
function refill(state: PanelState, task: Task): void {
  if (task.notebook !== state.notebook) {
    state.desk.openNotebook(task.notebook);
    state.notebook = task.notebook;
  }
  const { target, namespace, base, image, include } = task.request.options;
  state.choose({
    target: target ?? '',
    namespace: namespace ?? '',
    base: base ?? '',
    image: image ?? '',
    include: (include ?? []).join(', ')
  });
  state.drafts.refill(task);
  state.reveal('launch');
}
