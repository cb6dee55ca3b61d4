// What the panel's tests are about: an inspection, tasks and a run as the server would answer, and a translation bundle
// that translates nothing.

import { nullTranslator } from '@jupyterlab/translation';

import type { Inspection, Run, Task } from '../../src/types';

export const trans = nullTranslator.load('nbcontainer');

export const target = { name: 'test', orchestrator: 'kubernetes', namespace: 'ml', registry: 'r.example/ml', context: '' };

export function inspection(changed: Partial<Inspection> = {}): Inspection {
  return {
    notebook: 'digits.ipynb',
    identity: { id: '0a1b2c3d', slug: 'digits', path: 'digits.ipynb', owner: 'ann' },
    kernel: { name: 'python3', executable: '/usr/bin/python3', version: '3.11.2', platform: 'linux/amd64', chosen_by: 'kernelspec' },
    framework: { name: 'sklearn', evidence: 'cell 2 imports sklearn' },
    base: 'host',
    target,
    distributions: [
      { name: 'numpy', version: '2.1.0', size: 60_000_000, why: ['required by scikit-learn'], modified: 0 },
      { name: 'scikit-learn', version: '1.7.0', size: 90_000_000, why: ['cell 2 imports sklearn'], modified: 2 }
    ],
    files: [{ path: 'digits_tools.py', size: 943, why: 'cell 2 imports it', module: true }],
    warnings: [],
    parameters: [
      { name: 'C', type: 'float', default: 1 },
      { name: 'max_iter', type: 'int', default: 500 },
      { name: 'fast', type: 'bool', default: false },
      { name: 'title', type: 'str', default: 'a' },
      { name: 'grid', type: 'json', default: [1, 2] },
      { name: 'extra', type: 'null', default: null }
    ],
    callables: [
      { name: 'helper', parameters: ['x'], doc: '' },
      { name: 'predict', parameters: ['pixels'], doc: 'The digit in an image' }
    ],
    size: { known: 100_000_000, estimated: 155_000_000 },
    layers: [],
    since_last: null,
    error: null,
    last: {},
    ...changed
  };
}

export function task(changed: Partial<Task> = {}): Task {
  return {
    id: '00000000000000aa',
    verb: 'train',
    notebook: 'digits.ipynb',
    target: 'test',
    state: 'running',
    created: '2026-11-25T01:00:00Z',
    ended: null,
    seconds: 2,
    steps: [],
    notes: [],
    request: { options: {}, env_names: [] },
    image: null,
    run: null,
    yaml: '',
    error: null,
    ...changed
  };
}

export function run(changed: Partial<Run> = {}): Run {
  return {
    name: 'digits-0a1b2c3d-bcdfg',
    kind: 'training',
    target: 'test',
    namespace: 'ml',
    phase: 'Pending',
    reason: '',
    image: '',
    replicas: { wanted: 1, ready: 0, updated: 0 },
    workers: 1,
    pods: [],
    url: '',
    local_url: '',
    exit_code: null,
    created: null,
    started: null,
    finished: null,
    notebook: '0a1b2c3d',
    notebook_path: 'digits.ipynb',
    owner: 'ann',
    forward: '',
    ...changed
  };
}
