import { describe, expect, it } from 'vitest';

import { pretty } from '../src/inference/pretty';
import { formOf, meaning } from '../src/inference/schema';
import { curl, literal, python } from '../src/inference/snippets';

function documentOf(schema: unknown, more: Record<string, unknown> = {}): Record<string, unknown> {
  const post = { summary: 'Call predict', requestBody: { content: { 'application/json': { schema } } } };
  return { openapi: '3.1.0', info: { description: 'What it does' }, paths: { '/predict': { post } }, ...more };
}

const BY_NAME = {
  type: 'object',
  properties: {
    pixels: { type: 'array', items: { type: 'number' } },
    top: { type: 'integer', default: 3 },
    scale: { type: 'number' },
    label: { type: 'string', default: 'a' },
    sure: { type: 'boolean', default: true },
    mode: { enum: ['fast', 'good'], default: 'fast' },
    anything: {}
  },
  required: ['pixels']
};

describe('the form of a service', () => {
  it('has a field for each parameter by its type', () => {
    const form = formOf(documentOf(BY_NAME));
    expect(form.path).toBe('/predict');
    expect(form.doc).toBe('What it does');
    expect(form.fields?.map(field => [field.name, field.kind, field.initial, field.required])).toEqual([
      ['pixels', 'json', '', true],
      ['top', 'integer', '3', false],
      ['scale', 'number', '', false],
      ['label', 'string', 'a', false],
      ['sure', 'boolean', 'true', false],
      ['mode', 'choice', '"fast"', false],
      ['anything', 'json', '', false]
    ]);
    expect(form.fields?.[0]?.hint).toBe('array of number');
  });

  it('takes the way by name where the one argument may come alone as well', () => {
    const form = formOf(documentOf({ anyOf: [{}, BY_NAME] }));
    expect(form.fields).toHaveLength(7);
  });

  it('follows references, not round and round', () => {
    const components = { schemas: { Body: BY_NAME, Loop: { $ref: '#/components/schemas/Loop' } } };
    expect(formOf(documentOf({ $ref: '#/components/schemas/Body' }, { components })).fields).toHaveLength(7);
    expect(formOf(documentOf({ $ref: '#/components/schemas/Loop' }, { components })).fields).toBeNull();
    expect(formOf(documentOf({ $ref: '#/__proto__/constructor' })).fields).toBeNull();
  });

  it.each([[{}], [{ type: 'array' }], [null], ['text'], [{ properties: [] }], [{ not: {} }]])('is JSON alone for %j', schema => {
    expect(formOf(documentOf(schema)).fields).toBeNull();
  });

  it.each([[{}], [{ paths: null }], [{ paths: { '/predict': 1 } }]])('survives a document like %j', document => {
    expect(formOf(document)).toMatchObject({ path: '/predict', fields: null });
  });
});

describe('what a field means', () => {
  const fields = formOf(documentOf(BY_NAME)).fields ?? [];
  const read = (name: string, typed: string) => {
    const field = fields.find(each => each.name === name);
    return field ? meaning(field, typed) : 'no such field';
  };

  it.each([
    ['pixels', '[0, 1.5]', { value: [0, 1.5] }],
    ['pixels', '[0,', { problem: 'json' }],
    ['pixels', ' ', { problem: 'needed' }],
    ['top', '4', { value: 4 }],
    ['top', '4.5', { problem: 'whole' }],
    ['top', 'four', { problem: 'number' }],
    ['top', '', undefined],
    ['scale', '1e-3', { value: 0.001 }],
    ['scale', 'Infinity', { problem: 'number' }],
    ['label', ' x ', { value: ' x ' }],
    ['label', '', undefined],
    ['sure', 'false', { value: false }],
    ['mode', '"good"', { value: 'good' }],
    ['anything', 'text', { problem: 'json' }],
    ['anything', 'null', { value: null }]
  ])('%s: %j', (name, typed, expected) => {
    expect(read(name, typed)).toEqual(expected);
  });
});

describe('an answer laid out', () => {
  it('keeps numbers and strings as they were sent', () => {
    expect(pretty('{"a":12345678901234567890,"b":[1.0,"x, {y}"],"c":{},"d":[]}')).toBe(
      '{\n  "a": 12345678901234567890,\n  "b": [\n    1.0,\n    "x, {y}"\n  ],\n  "c": {},\n  "d": []\n}'
    );
  });

  it.each(['not JSON', '', '{"cut": "of', '<b>x</b>'])('leaves %j as it is', body => {
    expect(pretty(body)).toBe(body);
  });

  it('leaves very long ones as they are', () => {
    const long = `[${'1,'.repeat(200_000)}1]`;
    expect(pretty(long)).toBe(long);
  });
});

describe('the same call elsewhere', () => {
  it('is quoted for a shell', () => {
    expect(curl('http://127.0.0.1:1/predict', { text: "it's $HOME `x`" })).toBe(
      `curl -sS -H 'content-type: application/json' -d '{"text":"it'\\''s $HOME \`x\`"}' 'http://127.0.0.1:1/predict'`
    );
  });

  it('is Python', () => {
    expect(literal({ a: [true, false, null, 1.5, 'x"\n'] })).toBe('{"a": [True, False, None, 1.5, "x\\"\\n"]}');
    expect(python('http://127.0.0.1:1/predict', {})).toContain('urllib.request.Request("http://127.0.0.1:1/predict"');
  });
});
