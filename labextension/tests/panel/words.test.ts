import { describe, expect, it } from 'vitest';

import { magicCell } from '../../src/panel/magic';
import { age, duration, shortDigest, sinceLast, sinceLastDetail, size } from '../../src/panel/words';
import { trans } from './made';

const same = {
  digest: 'sha256:1', reference: '', built: '', code_changed: false, layers_new: 0,
  distributions: { added: [], removed: [], changed: [] }, files: { added: [], removed: [] }
};

describe('sizes and times', () => {
  it.each([[812, '812 B'], [20_100, '20.1 KB'], [155_000_000, '155 MB'], [2_340_000_000, '2.34 GB']])('%d is %s', (bytes, text) => {
    expect(size(bytes)).toBe(text);
  });

  it.each([[0.24, '0.2 s'], [12.4, '12 s'], [245, '4 min 5 s'], [7260, '2 h 1 min']])('%d seconds are %s', (seconds, text) => {
    expect(duration(seconds)).toBe(text);
  });

  it.each([['2026-11-25T00:59:48Z', '12s'], ['2026-11-25T00:56:00Z', '4m'], ['2026-11-24T22:00:00Z', '3h'], ['2026-11-23T00:00:00Z', '2d'],
    ['2026-11-25T01:00:09Z', '0s'], [null, ''], ['not a time', '']])('%s is %s old', (stamp, text) => {
    expect(age(stamp, Date.parse('2026-11-25T01:00:00Z'))).toBe(text);
  });

  it('shortens a digest', () => {
    expect(shortDigest(`sha256:${'ab'.repeat(32)}`)).toBe('sha256:abababababab');
  });
});

describe('what changed since the last image', () => {
  it('is said when there is none', () => {
    expect(sinceLast(null, trans)).toBe('No image of this notebook yet.');
    expect(sinceLastDetail(null)).toBe('');
  });

  it('is nothing when nothing did', () => {
    expect(sinceLast(same, trans)).toBe('Nothing changed since the last image.');
  });

  it('is counted in words', () => {
    const since = {
      ...same, code_changed: true, layers_new: 1,
      distributions: { added: ['lxml'], removed: [], changed: [['numpy', '1.26', '2.1'], ['scipy', '1', '2']] },
      files: { added: [], removed: ['old.csv'] }
    };
    expect(sinceLast(since, trans)).toBe(
      'Code changed, 1 distribution added, 2 distributions in another version, 1 file gone; 1 layer to pack.'
    );
    expect(sinceLastDetail(since)).toBe('+ lxml\nnumpy 1.26 → 2.1\nscipy 1 → 2\n− old.csv');
  });

  it('counts the layers where the content is the same', () => {
    expect(sinceLast({ ...same, layers_new: 2 }, trans)).toBe('Same content; 2 layers to pack.');
  });
});

describe('the cell of a magic', () => {
  it('loads the magics where the notebook does not', () => {
    expect(magicCell('%train', ['x = 1', '# %load_ext nbcontainer'])).toBe('%load_ext nbcontainer\n%train');
  });

  it('is the line alone where it does', () => {
    expect(magicCell('%train -p C=1', ['import os\n  %load_ext nbcontainer'])).toBe('%train -p C=1');
    expect(magicCell('%train', ['%reload_ext nbcontainer'])).toBe('%train');
  });

  it('takes another extension for what it is', () => {
    expect(magicCell('%train', ['%load_ext nbcontainers'])).toBe('%load_ext nbcontainer\n%train');
  });
});
