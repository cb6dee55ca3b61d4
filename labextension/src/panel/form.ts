// The Launch form as data: what was typed, what is wrong with it, and the request that it makes.
// 
// What this is: pure functions. What it is not: inputs (launch.tsx) or the patterns themselves (checks.ts).
// In the flow: last used options -> Form -> problems, or the options of a request with only what was said.
import type { TranslationBundle } from '@jupyterlab/translation';

import type { Inspection, Options, Request } from '../types';
import {
  checkCount,
  checkDuration,
  checkEnvName,
  checkName,
  checkParameter,
  checkQuantity,
  checkSecrets,
  parameterText,
  parameterValue,
  secondsIn,
  unset,
  words
} from './checks';

type Parameter = Inspection['parameters'][number];

export type Kind = 'training' | 'inference';
export type Verb = Request['verb'];

export interface EnvRow {
  /** Stays the same while the row is there. */
  id: number;
  name: string;
  value: string;
  /** The name is known from an earlier run, the value, which nobody keeps, is not. */
  lost: boolean;
}

export interface Form {
  name: string;
  /** As typed, and only those that differ from the notebook's own. */
  parameters: Record<string, string>;
  callable: string;
  replicas: string;
  cpu: string;
  memory: string;
  gpu: string;
  env: EnvRow[];
  secrets: string;
  startTimeout: string;
  keepOutputs: boolean;
}

/** Where and of what it is made: chosen once for all that the panel does. */
export interface Place {
  target: string;
  namespace: string;
  base: string;
  include: string;
  image: string;
}

let rows = 0;

export function envRow(name = '', value = '', lost = false): EnvRow {
  return { id: ++rows, name, value, lost };
}

/** A form with the last used values; those of env are never known. */
export function prefilled(last: Options | undefined, parameters: readonly Parameter[], envNames: readonly string[] = []): Form {
  const given = last?.parameters ?? {};
  const typed: Record<string, string> = {};
  for (const each of parameters) {
    if (Object.hasOwn(given, each.name) && !same(given[each.name], each.default)) {
      typed[each.name] = parameterText(each.type, given[each.name]);
    }
  }
  const names = envNames.length > 0 ? envNames : Object.keys(last?.env ?? {});
  return {
    name: last?.name ?? '',
    parameters: typed,
    callable: last?.callable ?? '',
    replicas: last?.replicas === undefined || last.replicas < 0 ? '' : String(last.replicas),
    cpu: last?.cpu ?? '',
    memory: last?.memory ?? '',
    gpu: last?.gpu ? String(last.gpu) : '',
    env: names.map(name => envRow(name, '', true)),
    secrets: (last?.secret ?? []).join(', '),
    startTimeout: last?.start_timeout ? spelled(last.start_timeout) : '',
    keepOutputs: last?.keep_outputs ?? false
  };
}

function spelled(seconds: number): string {
  return seconds % 3600 === 0 ? `${seconds / 3600}h` : seconds % 60 === 0 ? `${seconds / 60}m` : `${seconds}s`;
}

/** What is wrong, by field: "name", "cpu", "parameter:C", "env:3". Empty = nothing. */
export function problems(
  form: Form,
  kind: Kind,
  inspection: Pick<Inspection, 'parameters' | 'callables'>,
  trans: TranslationBundle
): Record<string, string> {
  const found: Record<string, string> & { replicas?: string; callable?: string } = {
    name: checkName(form.name, trans),
    cpu: checkQuantity(form.cpu, trans),
    memory: checkQuantity(form.memory, trans),
    gpu: checkCount(form.gpu, trans),
    secrets: checkSecrets(form.secrets, trans),
    startTimeout: checkDuration(form.startTimeout, trans)
  };
  if (kind === 'inference') {
    found.replicas = checkCount(form.replicas, trans);
    found.callable = callableOf(form, inspection) === '' ? trans.__('Which function should answer?') : '';
  } else {
    for (const each of inspection.parameters) {
      const text = form.parameters[each.name];
      found[`parameter:${each.name}`] = text === undefined ? '' : checkParameter(each.type, text, trans);
    }
  }
  for (const row of form.env) {
    found[`env:${row.id}`] = checkEnv(row, trans);
  }
  return Object.fromEntries(Object.entries(found).filter(([, text]) => text !== ''));
}

function checkEnv(row: EnvRow, trans: TranslationBundle): string {
  if (row.name === '' && row.value === '') {
    return '';
  }
  if (row.lost) {
    return trans.__('Values are never kept. Enter it again, or remove the row.');
  }
  return checkEnvName(row.name, trans);
}

/** The chosen function, else the only or last one of the notebook. */
export function callableOf(form: Form, inspection: Pick<Inspection, 'callables'>): string {
  const names = inspection.callables.map(each => each.name);
  if (names.includes(form.callable)) {
    return form.callable;
  }
  return names.includes('predict') ? 'predict' : (names[names.length - 1] ?? '');
}

/** Only the parameters that differ from the notebook's own, as JSON values. */
export function changedParameters(form: Form, parameters: readonly Parameter[]): Record<string, unknown> {
  const changed: Record<string, unknown> = {};
  for (const each of parameters) {
    const text = form.parameters[each.name];
    const value = text === undefined ? unset : parameterValue(each.type, text);
    if (value !== unset && !same(value, each.default)) {
      changed[each.name] = value;
    }
  }
  return changed;
}

function same(one: unknown, other: unknown): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}

/** The options of a request; what was not said is not in it. Call it with a form that has no problems. */
export function optionsOf(form: Form, kind: Kind, inspection: Pick<Inspection, 'parameters' | 'callables'>, place: Place): Options {
  const options: Options = { ...placeOptions(place) };
  for (const key of ['name', 'cpu', 'memory'] as const) {
    if (form[key] !== '') {
      options[key] = form[key];
    }
  }
  const env = form.env.filter(row => row.name !== '');
  const secret = words(form.secrets);
  const said: Options = {
    ...(Number(form.gpu) > 0 && { gpu: Number(form.gpu) }),
    ...(env.length > 0 && { env: Object.fromEntries(env.map(row => [row.name, row.value])) }),
    ...(secret.length > 0 && { secret }),
    ...(form.startTimeout !== '' && { start_timeout: secondsIn(form.startTimeout) })
  };
  return { ...options, ...said, ...ofKind(form, kind, inspection) };
}

function ofKind(form: Form, kind: Kind, inspection: Pick<Inspection, 'parameters' | 'callables'>): Options {
  if (kind === 'inference') {
    return {
      callable: callableOf(form, inspection),
      ...(form.replicas !== '' && { replicas: Number(form.replicas) })
    };
  }
  const parameters = changedParameters(form, inspection.parameters);
  return {
    ...(Object.keys(parameters).length > 0 && { parameters }),
    ...(form.keepOutputs && { keep_outputs: true })
  };
}

/** The part that building has as well. */
export function placeOptions(place: Place): Options {
  const include = words(place.include);
  return {
    ...(place.target !== '' && { target: place.target }),
    ...(place.namespace !== '' && { namespace: place.namespace }),
    ...(place.base !== '' && { base: place.base }),
    ...(place.image !== '' && { image: place.image }),
    ...(include.length > 0 && { include })
  };
}

/** The request for the manifest of what `kind` would submit. */
export function manifestOptions(options: Options, kind: Kind): Options {
  return { ...options, kind };
}
