// The section "This notebook": what it would become, what would go wrong, and the button that makes an image of it.
// Nothing here runs anything in a cluster; that is Launch. Used by panel.tsx.

import { infoIcon, type LabIcon } from '@jupyterlab/ui-components';
import type { TranslationBundle } from '@jupyterlab/translation';
import { type JSX, type ReactNode, useState } from 'react';

import { problemOf } from '../answer';
import type { Inspection, Problem, Task } from '../types';
import { RetryButton, TaskButtons } from './actions';
import { containerize, pushes } from './build';
import { CheckField } from './fields';
import { useChanges, usePanel } from './hooks';
import { BaseField, ImageFields } from './image';
import { Distributions, Files } from './packages';
import { Clipped, Fold, Icon, ProblemBox } from './parts';
import { ImageResult, TaskProgress } from './taskview';
import { hasEnded } from './tasklist';
import { duration, sinceLast, sinceLastDetail, size } from './words';

export function ThisNotebook(): JSX.Element {
  const { state } = usePanel();
  const { trans } = state;
  useChanges(state.notebookChanged, state.inspectionChanged);
  const { value, error, loading } = state.inspection;
  if (state.notebook === '') {
    return <p className="nbc-dim">{trans.__('Open a notebook to see what it needs, and to run it in a container.')}</p>;
  }
  return (
    <div aria-busy={loading}>
      {error !== null && <ProblemBox problem={error} />}
      {value === null && loading && (
        <p className="nbc-row nbc-dim">
          <span className="nbc-icon nbc-spinner" />
          <span>{trans.__('Looking at the notebook and its environment…')}</span>
        </p>
      )}
      {value !== null && <Known found={value} />}
    </div>
  );
}

function Known({ found }: { found: Inspection }): JSX.Element {
  const { trans } = usePanel().state;
  return (
    <>
      {found.error !== null && <ProblemBox problem={found.error} />}
      <Facts found={found} />
      <BaseField />
      {found.warnings.length > 0 && (
        <ul className="nbc-notes" aria-label={trans.__('Warnings')}>
          {found.warnings.map((each, index) => (
            <Noted key={index} icon={infoIcon} label={trans.__('Warning')}>
              <Clipped text={each.message} limit={600} />
              {each.remedy !== '' && (
                <div className="nbc-hint">
                  <Clipped text={each.remedy} limit={600} />
                </div>
              )}
            </Noted>
          ))}
        </ul>
      )}
      <Distributions found={found.distributions} />
      <Files found={found.files} />
      <Fold name="image-options" title={trans.__('More about the image')}>
        <ImageFields />
      </Fold>
      <Containerize />
    </>
  );
}

function Noted({ icon, label, children }: { icon: LabIcon; label: string; children: ReactNode }): JSX.Element {
  return (
    <li>
      <Icon icon={icon} label={label} />
      <div>{children}</div>
    </li>
  );
}

function Facts({ found }: { found: Inspection }): JSX.Element {
  const { trans } = usePanel().state;
  const { kernel, framework, size: bytes } = found;
  const python = kernel.version && trans.__('Python %1', kernel.version);
  return (
    <dl className="nbc-facts">
      <dt>{trans.__('Kernel')}</dt>
      <dd title={[kernel.executable, kernel.chosen_by, kernel.platform].filter(Boolean).join('\n')}>
        {[kernel.name, python].filter(Boolean).join(', ') || trans.__('not known')}
      </dd>
      {framework.name !== '' && (
        <>
          <dt>{trans.__('Framework')}</dt>
          <dd title={framework.evidence}>{framework.name}</dd>
        </>
      )}
      {bytes.estimated > 0 && (
        <>
          <dt>{trans.__('Size')}</dt>
          <dd title={trans.__('compressed; %1 of it is there already', size(bytes.known))}>
            {trans.__('about %1', size(bytes.estimated))}
          </dd>
        </>
      )}
      <dt>{trans.__('Changes')}</dt>
      <dd title={sinceLastDetail(found.since_last)}>{sinceLast(found.since_last, trans)}</dd>
    </dl>
  );
}

function Containerize(): JSX.Element {
  const { state } = usePanel();
  const { trans, drafts } = state;
  useChanges(state.tasksChanged, state.targetChanged, drafts.changed);
  const [problem, setProblem] = useState<Problem | null>(null);
  const [asking, setAsking] = useState(false);
  const task = newestBuild(state.tasks.list, state.notebook);
  const registry = state.resolved?.registry ?? '';
  const build = async () => {
    setProblem(null);
    setAsking(true);
    try {
      await containerize(state);
    } catch (error) {
      setProblem(problemOf(error));
    } finally {
      setAsking(false);
    }
  };
  const busy = asking || (task !== undefined && !hasEnded(task));
  return (
    <div className="nbc-containerize">
      <div className="nbc-actions">
        <button type="button" className="jp-mod-styled jp-mod-accept" disabled={busy} onClick={() => void build()}>
          {trans.__('Containerize')}
        </button>
        {registry !== '' && (
          <CheckField
            label={trans.__('and push')}
            title={registry}
            checked={pushes(state)}
            onValue={value => { drafts.setPush(state.notebook, value); }}
          />
        )}
      </div>
      {problem !== null && <ProblemBox problem={problem} />}
      {task !== undefined && <Build task={task} />}
    </div>
  );
}

export function newestBuild(list: readonly Task[], notebook: string): Task | undefined {
  return list.find(each => each.verb === 'build' && each.notebook === notebook);
}

function Build({ task }: { task: Task }): JSX.Element {
  const { state } = usePanel();
  const { trans } = state;
  const [problem, setProblem] = useState<Problem | null>(null);
  return (
    <div className="nbc-task" data-nbc-state={task.state}>
      <div className="nbc-row">
        <b className="nbc-grow" role="status">
          {buildTitle(task, trans)}
        </b>
        <TaskButtons task={task} onProblem={setProblem} />
      </div>
      {problem !== null && <ProblemBox problem={problem} />}
      <TaskProgress task={task} />
      <RetryButton task={task} onProblem={setProblem} />
      {task.image !== null && <ImageResult image={task.image} fold="build-layers" />}
    </div>
  );
}

function buildTitle(task: Task, trans: TranslationBundle): string {
  switch (task.state) {
    case 'done':
      return trans.__('Image ready in %1', duration(task.image?.seconds ?? task.seconds));
    case 'failed':
      return trans.__('No image was made');
    case 'cancelled':
      return trans.__('Cancelled');
    case 'interrupted':
      return trans.__('Interrupted: the server was restarted while this ran');
    case 'queued':
    case 'running':
      return trans.__('The image is being made');
  }
}
