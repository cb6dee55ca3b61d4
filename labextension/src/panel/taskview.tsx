// One task as it goes on: its steps with bars and seconds, then what it made or why it didn't.
// Not its buttons' consequences: those are the state's. Used by This notebook (builds) and Activity (all).

import { checkIcon, circleEmptyIcon, errorIcon, infoIcon, stopIcon } from '@jupyterlab/ui-components';
import type { JSX } from 'react';

import type { Image, Step, Task } from '../types';
import { useChanges, usePanel, useTicks } from './hooks';
import { Clipped, CopyButton, Fold, Icon, ProblemBox } from './parts';
import { hasEnded, secondsOf } from './tasklist';
import { duration, shortDigest, size } from './words';

/** The bar of a step: how far, in words and as a share of 1; null where nobody knows. */
export function progressOf(step: Step): { text: string; share: number } | null {
  if (step.total <= 0) {
    return null;
  }
  const text =
    step.unit === 'B' ? `${size(step.done)} / ${size(step.total)}` : `${step.done} / ${step.total} ${step.unit}`.trim();
  return { text, share: Math.min(1, step.done / step.total) };
}

export function Steps({ task }: { task: Task }): JSX.Element {
  const { state } = usePanel();
  const running = !hasEnded(task);
  useTicks(running, 500);
  const all = secondsOf(state.tasks, task);
  const steps = task.steps.filter(step => step.stage !== 'note');
  return (
    <ol className="nbc-steps">
      {task.state === 'queued' && steps.length === 0 && (
        <li className="nbc-step">
          <Icon icon={circleEmptyIcon} />
          <span className="nbc-step-text">{state.trans.__('Waiting for its turn')}</span>
        </li>
      )}
      {steps.map((step, index) => {
        const next = steps[index + 1];
        const now = running && next === undefined;
        return <StepRow key={step.stage} step={step} task={task} now={now} last={next === undefined} seconds={(next?.began ?? all) - step.began} />;
      })}
    </ol>
  );
}

const MESSAGE = 500; // characters: a step's message is a line, whatever it holds

interface IStepProps {
  step: Step;
  task: Task;
  now: boolean;
  last: boolean;
  seconds: number;
}

function StepRow({ step, task, now, last, seconds }: IStepProps): JSX.Element {
  const { trans } = usePanel().state;
  const progress = progressOf(step);
  const broke = last && task.state !== 'done' && !now;
  return (
    <li className="nbc-step" aria-current={now ? 'step' : undefined}>
      {now ? (
        <span className="nbc-icon nbc-spinner" role="img" aria-label={trans.__('Under way')} />
      ) : broke ? (
        <Icon icon={task.state === 'failed' ? errorIcon : stopIcon} label={task.state === 'failed' ? trans.__('Failed') : trans.__('Ended here')} />
      ) : (
        <Icon icon={checkIcon} label={trans.__('Done')} />
      )}
      <span className="nbc-step-text nbc-clamp" title={step.message.slice(0, MESSAGE)}>
        <b>{step.stage}</b> {step.message.slice(0, MESSAGE)}
      </span>
      <span className="nbc-seconds">{duration(Math.max(0, seconds))}</span>
      {now && progress !== null && (
        <span className="nbc-step-bar">
          <progress className="nbc-progress" max={1} value={progress.share} aria-label={step.stage} />
          <span className="nbc-dim">{progress.text}</span>
        </span>
      )}
    </li>
  );
}

export function Notes({ task }: { task: Task }): JSX.Element | null {
  return task.notes.length === 0 ? null : (
    <ul className="nbc-notes">
      {task.notes.map((note, index) => (
        <li key={index}>
          <Icon icon={infoIcon} />
          <span>
            <Clipped text={note} limit={300} />
          </span>
        </li>
      ))}
    </ul>
  );
}

export function ImageResult({ image, fold }: { image: Image; fold: string }): JSX.Element {
  const { trans } = usePanel().state;
  const fresh = image.layers.filter(each => each.new);
  const reference = image.reference || image.digest;
  return (
    <div className="nbc-result">
      <div className="nbc-row">
        <code className="nbc-reference nbc-grow" title={reference}>
          {image.reference ? image.reference.replace(/@sha256:.*$/, '') : shortDigest(image.digest)}
        </code>
        <CopyButton text={reference} label={trans.__('Copy the reference')} />
      </div>
      <Fold
        name={fold}
        title={trans.__('%1 in %2 layers, %3 new (%4)', size(image.size), image.layers.length, fresh.length, size(sum(fresh)))}
      >
        <table className="nbc-table">
          <thead>
            <tr>
              <th>{trans.__('Layer')}</th>
              <th className="nbc-number">{trans.__('Size')}</th>
              <th>{trans.__('State')}</th>
            </tr>
          </thead>
          <tbody>
            {image.layers.map(each => (
              <tr key={each.digest}>
                <td title={each.digest}>
                  <Clipped text={each.content} limit={200} />
                </td>
                <td className="nbc-number">{size(each.size)}</td>
                <td>{each.new ? <b>{trans.__('new')}</b> : trans.__('kept')}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </Fold>
    </div>
  );
}

function sum(layers: readonly { size: number }[]): number {
  return layers.reduce((all, each) => all + each.size, 0);
}

/** Steps while it runs, then the error; what was made is shown by whoever shows the task. */
export function TaskProgress({ task }: { task: Task }): JSX.Element {
  const { state } = usePanel();
  useChanges(state.tasksChanged);
  return (
    <>
      {task.state !== 'done' && <Steps task={task} />}
      {task.error !== null && <ProblemBox problem={task.error} />}
      <Notes task={task} />
    </>
  );
}
