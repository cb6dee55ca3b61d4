import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { type IFetched, WindowedSource } from '../src/windowed';

interface IAsked {
  from: number;
  count: number;
  signal: AbortSignal;
  answer: (total?: number, most?: number) => Promise<void>;
  fail: () => Promise<void>;
}

const settled = async () => {
  for (let turn = 0; turn < 5; turn++) {
    await Promise.resolve();
  }
};

describe('WindowedSource', () => {
  let asked: IAsked[] = [];
  let source: WindowedSource<string>;

  const open = (appends = false, pages = 3) => {
    source = new WindowedSource<string>(
      (from, count, signal) =>
        new Promise<IFetched<string>>((resolve, reject) => {
          const answer = (total = 1000, most = count) => {
            const rows = Array.from({ length: Math.max(0, Math.min(most, total - from)) }, (_, i) => `r${from + i}`);
            resolve({ rows, total });
            return settled();
          };
          const fail = () => {
            reject(new Error('no'));
            return settled();
          };
          asked.push({ from, count, signal, answer, fail });
        }),
      { pageSize: 10, pages, appends }
    );
  };
  const last = () => {
    const found = asked.at(-1);
    if (!found) {
      throw new Error('nothing was asked');
    }
    return found;
  };

  beforeEach(() => {
    vi.useFakeTimers();
    asked = [];
    open();
  });
  afterEach(() => {
    source.dispose();
    vi.useRealTimers();
  });

  it('has nothing, then the rows', async () => {
    source.want(0, 5);
    expect(source.get(0)).toBeUndefined();
    expect(asked.map(each => each.from)).toEqual([0]);
    await last().answer();
    expect(source.get(3)).toBe('r3');
    expect(source.total).toBe(1000);
  });

  it('asks once for what is wanted again and again', () => {
    source.want(0, 5);
    source.want(1, 6);
    source.want(2, 9);
    expect(asked).toHaveLength(1);
  });

  it('gives up what nobody wants any more, and takes no late answer', async () => {
    source.want(0, 5);
    await last().answer();
    source.want(500, 510);
    const given = last();
    source.want(800, 805);
    expect(given.signal.aborted).toBe(true);
    await given.answer();
    expect(source.get(505)).toBeUndefined();
  });

  it('holds a bounded number of pages, the latest in use', async () => {
    for (let page = 0; page < 12; page++) {
      source.want(page * 10, page * 10 + 10);
      await last().answer();
    }
    expect(source.held).toBe(3);
    expect(source.get(115)).toBe('r115');
    expect(source.get(0)).toBeUndefined();
    source.want(90, 91);
    expect(asked).toHaveLength(12);
  });

  it('holds all that is looked at, however much', async () => {
    source.want(0, 10);
    await last().answer();
    source.want(0, 80);
    for (const each of asked) {
      await each.answer();
    }
    expect([...source.known()]).toHaveLength(80);
  });

  it('shows stale rows until the new ones are there', async () => {
    source.want(0, 5);
    await last().answer();
    source.invalidate();
    expect(asked).toHaveLength(2);
    expect(source.get(0)).toBe('r0');
    source.invalidate();
    source.invalidate();
    expect(asked).toHaveLength(2); // news while it is on its way: once more, afterwards
    await last().answer();
    expect(asked).toHaveLength(3);
    await last().answer();
    expect(asked).toHaveLength(3);
  });

  it('fetches the end again when rows are added behind it', async () => {
    source.want(0, 10);
    await last().answer(4);
    source.setTotal(7);
    expect(last().from).toBe(0);
    await last().answer(7);
    expect(source.get(6)).toBe('r6');
  });

  it('fetches only what is new where rows are only added', async () => {
    open(true);
    source.want(0, 10);
    await last().answer(4);
    source.setTotal(7);
    expect([last().from, last().count]).toEqual([4, 6]);
    await last().answer(7);
    expect([0, 3, 4, 6].map(row => source.get(row))).toEqual(['r0', 'r3', 'r4', 'r6']);
  });

  it('asks for the rest of an answer that was cut', async () => {
    source.want(0, 10);
    await last().answer(1000, 4);
    expect([last().from, last().count]).toEqual([4, 6]);
    await last().answer(1000, 6);
    expect(source.get(9)).toBe('r9');
  });

  it('says why, tries again by itself, later and later', async () => {
    source.want(0, 5);
    await last().fail();
    expect(source.error).toBeInstanceOf(Error);
    source.want(0, 5);
    expect(asked).toHaveLength(1);
    vi.advanceTimersByTime(1000);
    expect(asked).toHaveLength(2);
    await last().fail();
    vi.advanceTimersByTime(1999);
    expect(asked).toHaveLength(2);
    vi.advanceTimersByTime(1);
    await last().answer();
    expect(source.error).toBeNull();
    expect(source.get(0)).toBe('r0');
  });

  it('asks nothing beyond the end, and nothing once disposed', async () => {
    source.want(0, 5);
    await last().answer(3);
    source.want(0, 50);
    expect(asked).toHaveLength(1);
    source.dispose();
    source.want(100, 110);
    expect(asked).toHaveLength(1);
  });

  it('forgets everything at a reset and begins again', async () => {
    source.want(0, 5);
    const first = last();
    source.reset();
    expect(first.signal.aborted).toBe(true);
    expect(asked).toHaveLength(2);
    await last().answer(2);
    expect(source.total).toBe(2);
  });
});
