// What each field of the form may hold: the same patterns as nbcontainer/options.py and names.py have.
// 
// What this is: checks that answer while one types. What it is not: the last word; the server checks all of it again.
// In the flow: the text of a field -> "" or what is wrong with it.
import type { TranslationBundle } from '@jupyterlab/translation';

import type { Inspection } from '../types';

type Parameter = Inspection['parameters'][number];

const NAME = /^[a-z]([-a-z0-9]{0,51}[a-z0-9])?$/;
const QUANTITY = /^\d+(\.\d+)?(m|k|M|G|T|Ki|Mi|Gi|Ti)?$/;
const COUNT = /^\d{1,6}$/;
const DURATION = /^(\d+(?:\.\d+)?)([smh]?)$/;
const ENV_NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;
const SECRET = /^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$/;
const UNITS: Record<string, number> = { '': 1, s: 1, m: 60, h: 3600 };

export function checkName(text: string, trans: TranslationBundle): string {
  return text === '' || NAME.test(text)
    ? ''
    : trans.__('Use at most 53 lower-case letters, digits and "-", starting with a letter.');
}

export function checkQuantity(text: string, trans: TranslationBundle): string {
  return text === '' || QUANTITY.test(text) ? '' : trans.__('Write 2, 500m, 4Gi or 512Mi.');
}

export function checkCount(text: string, trans: TranslationBundle): string {
  return text === '' || COUNT.test(text) ? '' : trans.__('A whole number of 0 or more.');
}

export function checkDuration(text: string, trans: TranslationBundle): string {
  return text === '' || DURATION.test(text) ? '' : trans.__('Write 90s, 10m or 2h.');
}

/** "10m" as seconds; NaN for what is no duration. */
export function secondsIn(text: string): number {
  const found = DURATION.exec(text);
  return found === null ? NaN : Number(found[1]) * (UNITS[found[2] ?? ''] ?? NaN);
}

export function checkEnvName(text: string, trans: TranslationBundle): string {
  return ENV_NAME.test(text) ? '' : trans.__('A name has letters, digits and "_", and starts with no digit.');
}

export function checkSecrets(text: string, trans: TranslationBundle): string {
  const wrong = words(text).find(each => !SECRET.test(each));
  return wrong === undefined ? '' : trans.__('"%1" can\'t name a secret. Give its name, never its value.', wrong);
}

/** The words of a field that takes several, separated by commas or blanks. */
export function words(text: string): string[] {
  return text.split(/[\s,]+/).filter(each => each !== '');
}

/** A parameter as its input shows it. */
export function parameterText(type: Parameter['type'], value: unknown): string {
  switch (type) {
    case 'json':
      return JSON.stringify(value, null, 1);
    case 'null':
      return value === null || value === undefined ? '' : asText(value);
    default:
      return asText(value);
  }
}

function asText(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

/** What was typed for a parameter, as a JSON value; `unset` where the notebook's own value holds. */
export const unset = Symbol('unset');

export function parameterValue(type: Parameter['type'], text: string): unknown {
  const plain = text.trim();
  switch (type) {
    case 'bool':
      return plain === 'true';
    case 'str':
      return text;
    case 'int':
    case 'float':
      return plain === '' ? unset : Number(plain);
    case 'json':
      return plain === '' ? unset : JSON.parse(plain);
    case 'null':
      return plain === '' ? unset : lenient(text);
  }
}

/** As the command line reads a value: JSON where it is JSON, else text. */
function lenient(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}

export function checkParameter(type: Parameter['type'], text: string, trans: TranslationBundle): string {
  const plain = text.trim();
  if (type === 'int' && plain !== '' && !(/^[-+]?\d+$/.test(plain) && Number.isSafeInteger(Number(plain)))) {
    return trans.__('A whole number, please.');
  }
  if (type === 'float' && plain !== '' && !/^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i.test(plain)) {
    return trans.__('A number, please, as 0.1 or 1e-3.');
  }
  if (type === 'json' && plain !== '') {
    try {
      JSON.parse(plain);
    } catch (error) {
      return trans.__('This is no JSON: %1', error instanceof Error ? error.message : String(error));
    }
  }
  return '';
}
