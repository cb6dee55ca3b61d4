// One run in the list, as the cells of a grid's row, and the pieces that the details show as well.
// It shows what it is given and holds nothing; all of a run's texts are shown as text.

import type { TranslationBundle } from '@jupyterlab/translation';
import type { JSX } from 'react';

import { age } from '../panel/words';
import type { Run } from '../types';
import type { RunActs } from './acts';
import { MOST } from './stepper';
import { KIND_ICONS, kindWord, PHASE_ICONS, phaseWord } from './words';

const REASON = 500; // characters: the details have all of it

interface IRowProps {
  run: Run;
  acts: RunActs;
  trans: TranslationBundle;
}

export function RunRow({ run, acts, trans }: IRowProps): JSX.Element {
  const Kind = KIND_ICONS[run.kind];
  const kind = kindWord(run.kind, trans);
  return (
    <>
      <span role="gridcell" className="nbc-run-name" title={`${run.name} (${kind})`}>
        <span className="nbc-icon" role="img" aria-label={kind}>
          <Kind.react tag="span" width="16px" height="16px" />
        </span>
        <span className="nbc-ellipsis">{run.name}</span>
      </span>
      <span role="gridcell" className="nbc-run-age" title={run.created ?? ''}>
        {age(run.created)}
      </span>
      <span role="gridcell" className="nbc-run-state">
        <PhaseMark phase={acts.isStopping(run) ? 'Stopping' : run.phase} trans={trans} />
        <Replicas run={run} acts={acts} trans={trans} inGrid />
        <span className="nbc-run-reason nbc-ellipsis" title={run.reason.slice(0, REASON)}>
          {run.reason.slice(0, REASON)}
        </span>
      </span>
    </>
  );
}

/** A phase, drawn and said. */
export function PhaseMark({ phase, trans }: { phase: Run['phase'] | 'Stopping'; trans: TranslationBundle }): JSX.Element {
  const icon = phase === 'Stopping' ? PHASE_ICONS.Stopped : PHASE_ICONS[phase];
  return (
    <span className="nbc-phase" data-phase={phase}>
      <icon.react tag="span" className="nbc-icon" width="14px" height="14px" />
      {phase === 'Stopping' ? trans.__('Stopping…') : phaseWord(phase, trans)}
    </span>
  );
}

/** How many replicas are ready of how many wanted, and a stepper; in the grid, Tab passes it and the details have another. */
export function Replicas({ run, acts, trans, inGrid = false }: IRowProps & { inGrid?: boolean }): JSX.Element | null {
  if (run.kind === 'training') {
    return run.workers > 1 ? (
      <span className="nbc-replicas">{trans.__('%1/%2 workers', run.replicas.ready, run.workers)}</span>
    ) : null;
  }
  const stepper = acts.stepper(run);
  const known = run.replicas.wanted;
  const wanted = stepper.value(known);
  const fixed = run.phase === 'Stopped' || acts.isStopping(run);
  const button = (by: number, sign: string, label: string, off: boolean) => (
    <button
      type="button"
      className="nbc-step-button"
      title={label}
      aria-label={label}
      disabled={off || fixed}
      tabIndex={inGrid ? -1 : 0}
      onClick={() => stepper.step(by, known)}
    >
      {sign}
    </button>
  );
  return (
    <span className={`nbc-replicas ${stepper.pending ? 'nbc-mod-pending' : ''}`}>
      {button(-1, '−', trans.__('One replica less of %1', run.name), wanted === 0)}
      <span className="nbc-replica-count" title={trans.__('%1 ready of %2 replicas', run.replicas.ready, wanted)}>
        {run.replicas.ready}/{wanted}
      </span>
      {button(1, '+', trans.__('One replica more of %1', run.name), wanted >= MOST)}
    </span>
  );
}
