// The end of the Launch form: the magic that would do the same, the manifest to look at, and the button that begins.
// The form's text is form.ts's; this only sends what it is given. Used by launch.tsx.

import { addBelowIcon } from '@jupyterlab/ui-components';
import { type JSX, useEffect, useState } from 'react';

import { problemOf } from '../answer';
import type { Equivalent as Same, Options, Problem, Request, Task } from '../types';
import { type Kind, manifestOptions } from './form';
import { useChanges, usePanel, useSettled } from './hooks';
import { magicCell } from './magic';
import { CopyButton, IconButton, ProblemBox } from './parts';
import { settleChanges } from './saved';
import { hasEnded } from './tasklist';
import { TaskProgress } from './taskview';
import { showYaml } from './yaml';

interface ISubmitProps {
  kind: Kind;
  wrong: Record<string, string>;
  /** null while something is wrong with the form. */
  options: Options | null;
}

export function Submit({ kind, wrong, options }: ISubmitProps): JSX.Element {
  const { state } = usePanel();
  const { trans } = state;
  useChanges(state.tasksChanged);
  const [problem, setProblem] = useState<Problem | null>(null);
  const [asking, setAsking] = useState(false);
  const [awaited, setAwaited] = useState('');
  useManifest(awaited, () => { setAwaited(''); }, setProblem);
  const verb = kind === 'training' ? 'train' : 'serve';
  const begin = async (request: Request): Promise<Task | null> => {
    setProblem(null);
    setAsking(true);
    try {
      return (await settleChanges(state)) ? await state.start(request) : null;
    } catch (error) {
      setProblem(problemOf(error));
      return null;
    } finally {
      setAsking(false);
    }
  };
  const request = options && ({ verb, notebook: state.notebook, options } satisfies Request);
  const preview = async (asked: Options) => {
    const task = await begin({ verb: 'manifest', notebook: state.notebook, options: manifestOptions(asked, kind) });
    setAwaited(task?.id ?? '');
  };
  const disabled = asking || request === null;
  return (
    <>
      {request !== null && <Equivalent request={request} />}
      <div className="nbc-actions">
        <button type="button" className="jp-mod-styled jp-mod-accept" disabled={disabled} onClick={() => void (request && begin(request))}>
          {kind === 'training' ? trans.__('Train') : trans.__('Serve')}
        </button>
        <button
          type="button"
          className="jp-mod-styled nbc-quiet"
          disabled={disabled || awaited !== ''}
          onClick={() => void (options && preview(options))}
        >
          {awaited === '' ? trans.__('Preview manifest') : trans.__('Writing it…')}
        </button>
      </div>
      {Object.keys(wrong).length > 0 && (
        <div className="nbc-field-problem" role="status">
          {trans.__('Something in the form needs another look.')}
        </div>
      )}
      {problem !== null && <ProblemBox problem={problem} />}
      <UnderWay verb={verb} />
    </>
  );
}

/** Show the manifest of the task `id` once it is written. */
function useManifest(id: string, done: () => void, onProblem: (problem: Problem) => void): void {
  const { state } = usePanel();
  const task = state.tasks.list.find(each => each.id === id);
  const ended = task !== undefined && hasEnded(task);
  useEffect(() => {
    if (!ended) {
      return;
    }
    done();
    if (task.yaml !== '') {
      showYaml(state.trans.__('Manifest'), task.yaml, state.trans);
      void state.dismiss(task).catch((error: unknown) => { onProblem(problemOf(error)); });
    }
    // once for each task that has ended
  }, [ended]);
}

/** What was begun here, step by step until it is submitted; all of it is under Activity. */
function UnderWay({ verb }: { verb: string }): JSX.Element | null {
  const { state } = usePanel();
  const { trans } = state;
  const task = state.tasks.list.find(each => each.verb === verb && each.notebook === state.notebook && !hasEnded(each));
  if (task === undefined) {
    return null;
  }
  return (
    <div className="nbc-task" data-nbc-state={task.state}>
      <div className="nbc-row">
        <b className="nbc-grow" role="status">
          {verb === 'train' ? trans.__('The training is being made ready') : trans.__('The service is being made ready')}
        </b>
        <button type="button" className="nbc-link" onClick={() => { state.reveal('activity'); }}>
          {trans.__('Show all')}
        </button>
      </div>
      <TaskProgress task={task} />
    </div>
  );
}

function Equivalent({ request }: { request: Request }): JSX.Element {
  const { state } = usePanel();
  const { trans } = state;
  const [same, setSame] = useState<Same | null>(null);
  const [problem, setProblem] = useState<Problem | null>(null);
  const wanted = useSettled(JSON.stringify(request), 300);
  useEffect(() => {
    const given = new AbortController();
    state.client.equivalent(JSON.parse(wanted) as Request, given.signal).then(
      answer => {
        setSame(answer);
        setProblem(null);
      },
      (error: unknown) => {
        if (!given.signal.aborted) {
          setProblem(problemOf(error));
        }
      }
    );
    return () => { given.abort(); };
  }, [wanted, state.client]);
  return (
    <div className="nbc-equivalent">
      <div className="nbc-row">
        <span className="nbc-label nbc-grow">{trans.__('The same as a magic')}</span>
        {same !== null && (
          <>
            <IconButton
              icon={addBelowIcon}
              label={trans.__('Insert as a cell')}
              onClick={() => { state.insertCell(magicCell(same.magic, state.desk.cells())); }}
            />
            <CopyButton text={same.magic} label={trans.__('Copy the magic')} />
          </>
        )}
      </div>
      <code className="nbc-magic" tabIndex={0}>
        {same?.magic ?? '…'}
      </code>
      {problem !== null && <ProblemBox problem={problem} />}
    </div>
  );
}
