// Sizes, times and changes as people say them.
// 
// What this is: pure functions from the server's values to words of the chosen language. What it is not: markup.
// In the flow: Inspection, Task, Run -> words -> the sections of the panel.
import type { TranslationBundle } from '@jupyterlab/translation';

import type { Inspection } from '../types';

type SinceLast = NonNullable<Inspection['since_last']>;

/** Bytes in decimal units, as registries and the magics count them: "812 B", "20.1 KB", "71.3 MB". */
export function size(bytes: number): string {
  let number = bytes;
  for (const unit of ['B', 'KB', 'MB']) {
    if (number < 1000) {
      return `${unit === 'B' || number >= 100 ? number.toFixed(0) : number.toFixed(1)} ${unit}`;
    }
    number /= 1000;
  }
  return `${number.toFixed(2)} GB`;
}

/** "0.4 s", "12 s", "4 min 5 s": how long something took. */
export function duration(seconds: number): string {
  if (seconds < 10) {
    return `${seconds.toFixed(1)} s`;
  }
  const whole = Math.round(seconds);
  if (whole < 60) {
    return `${whole} s`;
  }
  const minutes = Math.floor(whole / 60);
  return minutes < 60 ? `${minutes} min ${whole % 60} s` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** "12s", "4m", "3h", "2d" between a server's stamp and now; "" for none. */
export function age(stamp: string | null, now = Date.now()): string {
  const began = stamp === null ? NaN : Date.parse(stamp);
  if (Number.isNaN(began)) {
    return '';
  }
  let number = Math.max(0, (now - began) / 1000);
  for (const [unit, length] of [['s', 60], ['m', 60], ['h', 24]] as const) {
    if (number < length) {
      return `${Math.floor(number)}${unit}`;
    }
    number /= length;
  }
  return `${Math.floor(number)}d`;
}

/** The digest as people compare it: "sha256:5db6f3a91c02". */
export function shortDigest(digest: string): string {
  const [algorithm, hex] = digest.split(':');
  return hex === undefined ? digest.slice(0, 12) : `${algorithm}:${hex.slice(0, 12)}`;
}

/** What changed since the last image, in one line. */
export function sinceLast(since: SinceLast | null, trans: TranslationBundle): string {
  if (since === null) {
    return trans.__('No image of this notebook yet.');
  }
  const { distributions, files } = since;
  const said = [
    since.code_changed ? trans.__('code changed') : '',
    counted(distributions.added.length, n => trans._n('%1 distribution added', '%1 distributions added', n)),
    counted(distributions.changed.length, n => trans._n('%1 distribution in another version', '%1 distributions in another version', n)),
    counted(distributions.removed.length, n => trans._n('%1 distribution gone', '%1 distributions gone', n)),
    counted(files.added.length, n => trans._n('%1 file added', '%1 files added', n)),
    counted(files.removed.length, n => trans._n('%1 file gone', '%1 files gone', n))
  ].filter(each => each !== '');
  const layers = since.layers_new;
  if (said.length === 0 && layers === 0) {
    return trans.__('Nothing changed since the last image.');
  }
  const packed =
    layers === 0
      ? trans.__('no layer to pack')
      : trans._n('%1 layer to pack', '%1 layers to pack', layers);
  return `${sentence(said.join(', ') || trans.__('same content'))}; ${packed}.`;
}

/** The names behind sinceLast, for whoever wants to know. */
export function sinceLastDetail(since: SinceLast | null): string {
  if (since === null) {
    return '';
  }
  const { distributions, files } = since;
  return [
    ...distributions.added.map(name => `+ ${name}`),
    ...distributions.changed.map(([name, ...versions]) => `${name ?? ''} ${versions.join(' → ')}`),
    ...distributions.removed.map(name => `− ${name}`),
    ...files.added.map(name => `+ ${name}`),
    ...files.removed.map(name => `− ${name}`)
  ].join('\n');
}

function counted(number: number, word: (n: number) => string): string {
  return number === 0 ? '' : word(number);
}

export function sentence(text: string): string {
  return text.charAt(0).toLocaleUpperCase() + text.slice(1);
}

/** The last part of a path on the server. */
export function baseName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}
