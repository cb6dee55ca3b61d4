// How a run's kind and phase are called and drawn. State is a word and an icon, never a colour alone.
// Pure; used by the rows, the details and the tabs of a run.

import type { TranslationBundle } from '@jupyterlab/translation';
import {
  buildIcon,
  checkIcon,
  errorIcon,
  historyIcon,
  type LabIcon,
  offlineBoltIcon,
  runIcon,
  stopIcon
} from '@jupyterlab/ui-components';

import type { Run } from '../types';

export const PHASES: readonly Run['phase'][] = ['Pending', 'Running', 'Succeeded', 'Failed', 'Stopped'];

export const PHASE_ICONS: Record<Run['phase'], LabIcon> = {
  Pending: historyIcon,
  Running: runIcon,
  Succeeded: checkIcon,
  Failed: errorIcon,
  Stopped: stopIcon
};

export const KIND_ICONS: Record<Run['kind'], LabIcon> = { training: buildIcon, inference: offlineBoltIcon };

export function phaseWord(phase: string, trans: TranslationBundle): string {
  switch (phase) {
    case 'Pending':
      return trans.__('Pending');
    case 'Running':
      return trans.__('Running');
    case 'Succeeded':
      return trans.__('Succeeded');
    case 'Failed':
      return trans.__('Failed');
    case 'Stopped':
      return trans.__('Stopped');
    default:
      return phase;
  }
}

export function kindWord(kind: Run['kind'], trans: TranslationBundle): string {
  return kind === 'training' ? trans.__('training') : trans.__('inference');
}

export function isOver(run: Run): boolean {
  return run.phase === 'Succeeded' || run.phase === 'Failed' || run.phase === 'Stopped';
}

/** A stamp of the server in the reader's own manner, "" for none. */
export function moment(stamp: string | null): string {
  const at = stamp === null ? NaN : Date.parse(stamp);
  return Number.isNaN(at) ? '' : new Date(at).toLocaleString(undefined, { dateStyle: 'short', timeStyle: 'medium' });
}

/** The address when a browser may be sent there, else "": it comes from a cluster's labels. */
export function safeUrl(url: string): string {
  return /^https?:\/\/[^\s]+$/i.test(url) ? url : '';
}

/** What goes when a run is stopped. */
export function whatGoes(run: Run, trans: TranslationBundle): string {
  if (run.kind === 'inference') {
    const { wanted } = run.replicas;
    return trans._n(
      'The service, its %1 replica and its logs are removed from %2. Calls to it fail from then on.',
      'The service, its %1 replicas and their logs are removed from %2. Calls to it fail from then on.',
      wanted,
      run.target
    );
  }
  return isOver(run)
    ? trans.__('The run has ended. Its pods and their logs are removed from %1.', run.target)
    : trans.__('The training ends now, unfinished. Its pods and their logs are removed from %1.', run.target);
}
