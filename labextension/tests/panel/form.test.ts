import { describe, expect, it } from 'vitest';

import { Drafts } from '../../src/panel/drafts';
import { type Form, optionsOf, type Place, prefilled, problems } from '../../src/panel/form';
import { inspection, task, trans } from './made';

const nowhere: Place = { target: '', namespace: '', base: '', include: '', image: '' };
const found = inspection();

function filled(changed: Partial<Form>): Form {
  return { ...prefilled(undefined, found.parameters), ...changed };
}

describe('the request that a form makes', () => {
  it('says nothing that was not said', () => {
    expect(optionsOf(filled({}), 'training', found, nowhere)).toEqual({});
  });

  it('holds the changed parameters only, as values of their types', () => {
    const parameters = { C: '0.1', max_iter: '500', fast: 'true', title: '', grid: '[1, 2]', extra: '{"a": 1}' };
    expect(optionsOf(filled({ parameters }), 'training', found, nowhere)).toEqual({
      parameters: { C: 0.1, fast: true, title: '', extra: { a: 1 } }
    });
  });

  it('takes an emptied number as the notebook\'s own, and 1.0 as 1', () => {
    expect(optionsOf(filled({ parameters: { C: '1.0', max_iter: ' ' } }), 'training', found, nowhere)).toEqual({});
  });

  it('reads a parameter that is None as the command line does', () => {
    expect(optionsOf(filled({ parameters: { extra: 'plain text' } }), 'training', found, nowhere)).toEqual({
      parameters: { extra: 'plain text' }
    });
  });

  it('has the resources, variables, secrets, times and the place', () => {
    const form = filled({
      name: 'mine', cpu: '500m', memory: '4Gi', gpu: '1', secrets: 'db, s3', startTimeout: '10m', keepOutputs: true,
      env: [{ id: 1, name: 'A', value: 'x=y z', lost: false }, { id: 2, name: '', value: '', lost: false }]
    });
    const place = { target: 'prod', namespace: 'ml', base: 'host', include: 'lxml pyarrow', image: 'a/b:1' };
    expect(optionsOf(form, 'training', found, place)).toEqual({
      target: 'prod', namespace: 'ml', base: 'host', include: ['lxml', 'pyarrow'], image: 'a/b:1', name: 'mine',
      cpu: '500m', memory: '4Gi', gpu: 1, env: { A: 'x=y z' }, secret: ['db', 's3'], start_timeout: 600, keep_outputs: true
    });
  });

  it('serves a function with replicas, without parameters', () => {
    const form = filled({ replicas: '0', parameters: { C: '0.1' }, keepOutputs: true });
    expect(optionsOf(form, 'inference', found, nowhere)).toEqual({ callable: 'predict', replicas: 0 });
    expect(optionsOf({ ...form, callable: 'helper' }, 'inference', found, nowhere).callable).toBe('helper');
    expect(optionsOf({ ...form, callable: 'gone' }, 'inference', found, nowhere).callable).toBe('predict');
  });
});

describe('what is wrong with a form', () => {
  it.each([
    ['name', { name: 'Bad Name' }],
    ['name', { name: 'a'.repeat(54) }],
    ['cpu', { cpu: '2 cores' }],
    ['memory', { memory: '4GB' }],
    ['gpu', { gpu: '-1' }],
    ['secrets', { secrets: 'db PASSWORD' }],
    ['startTimeout', { startTimeout: 'soon' }],
    ['parameter:C', { parameters: { C: 'much' } }],
    ['parameter:max_iter', { parameters: { max_iter: '1.5' } }],
    ['parameter:max_iter', { parameters: { max_iter: '9007199254740993' } }],
    ['parameter:grid', { parameters: { grid: '[1,' } }],
    ['env:7', { env: [{ id: 7, name: '1A', value: 'x', lost: false }] }],
    ['env:7', { env: [{ id: 7, name: 'A', value: '', lost: true }] }]
  ] satisfies [string, Partial<Form>][])('is said at %s', (field, changed) => {
    expect(Object.keys(problems(filled(changed), 'training', found, trans))).toEqual([field]);
  });

  it('is nothing for what the options take', () => {
    const form = filled({ name: 'a-1', cpu: '0.5', memory: '512Mi', gpu: '0', startTimeout: '1.5h', parameters: { C: '1e-3' } });
    expect(problems(form, 'training', found, trans)).toEqual({});
  });

  it('needs a function to serve', () => {
    const none = inspection({ callables: [] });
    expect(Object.keys(problems(filled({}), 'inference', none, trans))).toEqual(['callable']);
  });
});

describe('a form that nobody touched', () => {
  const used = { name: 'mine', cpu: '2', replicas: 3, start_timeout: 5400, secret: ['db'], parameters: { C: 0.5, max_iter: 500, gone: 1 } };

  it('has the last used values, of the parameters that are still there', () => {
    const form = prefilled(used, found.parameters);
    expect(form).toMatchObject({ name: 'mine', cpu: '2', replicas: '3', startTimeout: '90m', secrets: 'db', parameters: { C: '0.5' } });
  });

  it('has names of variables without their values, and asks for them', () => {
    const form = prefilled({}, [], ['TOKEN']);
    expect(form.env).toMatchObject([{ name: 'TOKEN', value: '', lost: true }]);
  });

  it('is told apart by verb, and a retry fills it', () => {
    const drafts = new Drafts();
    const known = inspection({ last: { train: used } });
    expect(drafts.form(known, 'training').name).toBe('mine');
    expect(drafts.form(known, 'inference').name).toBe('');
    const asked = task({ request: { options: { name: 'again', parameters: { C: 2 } }, env_names: ['TOKEN'] } });
    expect(drafts.refill(asked)).toBe('training');
    expect(drafts.form(known, 'training')).toMatchObject({ name: 'again', parameters: { C: '2' }, env: [{ name: 'TOKEN', lost: true }] });
  });

  it('keeps what was typed while another notebook is in front', () => {
    const drafts = new Drafts();
    drafts.set('digits.ipynb', 'training', filled({ name: 'typed' }));
    expect(drafts.form(inspection({ notebook: 'other.ipynb' }), 'training').name).toBe('');
    expect(drafts.form(found, 'training').name).toBe('typed');
  });
});
