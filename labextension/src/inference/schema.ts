// A form out of a service's OpenAPI document: the path to post to, and a field for each property of its body.
// Pure. A document is somebody else's: whatever it holds, what comes of it is a form or the raw JSON mode.

export type Kind = 'integer' | 'number' | 'string' | 'boolean' | 'choice' | 'json';

export interface IField {
  name: string;
  kind: Kind;
  required: boolean;
  /** Of a choice, as JSON. */
  choices: readonly string[];
  /** What a field begins with, "" for nothing. */
  initial: string;
  /** Its type and what is said of it. */
  hint: string;
}

export interface IForm {
  path: string;
  title: string;
  doc: string;
  /** null where the body is not an object of named values. */
  fields: readonly IField[] | null;
}

/** What a field's text means, or why it means nothing; undefined leaves the property out. */
export type Meaning = { value: unknown } | { problem: 'number' | 'whole' | 'json' | 'needed' } | undefined;

type Node = Record<string, unknown>;
const DEEP = 20; // references one after another
const MOST = 100; // fields

export function formOf(document: Node): IForm {
  const paths = object(document.paths);
  const path = '/predict' in paths ? '/predict' : (Object.keys(paths).find(each => 'post' in object(paths[each])) ?? '/predict');
  const post = object(object(paths[path]).post);
  const media = object(object(object(resolved(post.requestBody, document).content)['application/json']));
  const schema = byName(resolved(media.schema, document), document);
  const info = object(document.info);
  return {
    path,
    title: text(post.summary) || text(info.title),
    doc: text(post.description) || text(info.description),
    fields: schema ? fieldsOf(schema, document) : null
  };
}

/** Read a field's text as its kind says. */
export function meaning(field: IField, typed: string): Meaning {
  const { kind } = field;
  if (kind === 'boolean') {
    return typed === '' ? undefined : { value: typed === 'true' };
  }
  if (typed.trim() === '' && !(kind === 'string' && (typed !== '' || field.required))) {
    return field.required ? { problem: 'needed' } : undefined;
  }
  if (kind === 'string') {
    return { value: typed };
  }
  if (kind === 'integer' || kind === 'number') {
    const number = Number(typed.trim());
    if (!Number.isFinite(number)) {
      return { problem: 'number' };
    }
    return kind === 'integer' && !Number.isInteger(number) ? { problem: 'whole' } : { value: number };
  }
  return parsed(typed);
}

export function parsed(typed: string): { value: unknown } | { problem: 'json' } {
  try {
    return { value: JSON.parse(typed) as unknown };
  } catch {
    return { problem: 'json' };
  }
}

/** The way to call it with named values, where there is one. */
function byName(schema: Node, document: Node): Node | null {
  const ways = [schema, ...list(schema.anyOf), ...list(schema.oneOf)].map(each => resolved(each, document));
  return ways.find(each => Object.keys(object(each.properties)).length > 0) ?? null;
}

function fieldsOf(schema: Node, document: Node): IField[] | null {
  const properties = Object.entries(object(schema.properties));
  const required = list(schema.required);
  if (properties.length > MOST) {
    return null;
  }
  return properties.map(([name, node]) => fieldOf(name, resolved(node, document), required.includes(name)));
}

function fieldOf(name: string, schema: Node, required: boolean): IField {
  const choices = list(schema.enum).map(each => JSON.stringify(each));
  const kind = choices.length > 0 ? 'choice' : kindOf(schema);
  const initial = schema.default === undefined ? '' : initialOf(kind, schema.default);
  const said = [typeWord(schema), text(schema.description)].filter(each => each !== '').join(': ');
  return { name, kind, required, choices, initial: initial || (kind === 'boolean' && required ? 'false' : ''), hint: said };
}

function kindOf(schema: Node): Kind {
  const { type } = schema;
  const one = Array.isArray(type) && type.length === 1 ? (type[0] as unknown) : type;
  return one === 'integer' || one === 'number' || one === 'string' || one === 'boolean' ? one : 'json';
}

function initialOf(kind: Kind, value: unknown): string {
  return kind === 'string' && typeof value === 'string' ? value : JSON.stringify(value);
}

/** "array of number", "integer or null", "" for any. */
function typeWord(schema: Node, depth = 0): string {
  const ways = [...list(schema.anyOf), ...list(schema.oneOf)];
  if (ways.length > 0 && depth < 3) {
    return ways.map(each => typeWord(object(each), depth + 1) || 'any').join(' or ');
  }
  const types = Array.isArray(schema.type) ? schema.type.filter(each => typeof each === 'string').join(' or ') : text(schema.type);
  const items = depth < 3 ? typeWord(object(schema.items), depth + 1) : '';
  return types === 'array' && items !== '' ? `array of ${items}` : types;
}

/** The node that a reference within the document leads to; {} where it leads nowhere. */
function resolved(node: unknown, document: Node): Node {
  let found = object(node);
  for (let step = 0; typeof found.$ref === 'string' && step < DEEP; step++) {
    const parts = found.$ref.replace(/^#\//, '').split('/');
    const names = parts.map(part => part.replace(/~1/g, '/').replace(/~0/g, '~'));
    found = object(names.reduce<unknown>((at, name) => (Object.hasOwn(object(at), name) ? object(at)[name] : {}), document));
  }
  return '$ref' in found ? {} : found;
}

function object(value: unknown): Node {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Node) : {};
}

function list(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
