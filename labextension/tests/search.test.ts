import { describe, expect, it } from 'vitest';

import { Search } from '../src/logs/search';
import type { Matches } from '../src/types';

/** A server that knows these lines and finds `most` at once. */
function server(lines: number[], most = 3): { asked: number[]; find: (q: string, from: number) => Promise<Matches> } {
  const asked: number[] = [];
  return {
    asked,
    find: (_, from) => {
      asked.push(from);
      const found = lines.filter(line => line >= from).slice(0, most);
      const more = found.length === most && lines.some(line => line > (found.at(-1) ?? 0));
      return Promise.resolve({ lines: found, more, next: (found.at(-1) ?? from) + 1 });
    }
  };
}

describe('Search', () => {
  it('begins near where somebody looks', async () => {
    const search = new Search(server([5, 10, 20], 10).find);
    expect(await search.begin('x', 7)).toBe(10);
    expect([search.position, search.found, search.more]).toEqual([2, 3, false]);
  });

  it('begins at the first where nothing follows', async () => {
    expect(await new Search(server([5, 10], 10).find).begin('x', 99)).toBe(5);
  });

  it('steps on, loads more when it has to, and goes round', async () => {
    const { asked, find } = server([1, 2, 3, 40, 50]);
    const search = new Search(find);
    await search.begin('x', 0);
    expect(search.more).toBe(true);
    const seen = [];
    for (let step = 0; step < 5; step++) {
      seen.push(await search.next());
    }
    expect(seen).toEqual([2, 3, 40, 50, 1]);
    expect(asked).toEqual([0, 4]);
    expect(search.has(40)).toBe(true);
  });

  it('steps back from the first to the very last', async () => {
    const search = new Search(server([1, 2, 3, 40, 50, 60, 70]).find);
    await search.begin('x', 0);
    expect(await search.previous()).toBe(70);
    expect(await search.previous()).toBe(60);
  });

  it('goes on where a request ended before it found any', async () => {
    const answers: Matches[] = [
      { lines: [], more: true, next: 1000 },
      { lines: [1500], more: false, next: 2000 }
    ];
    const asked: number[] = [];
    const search = new Search((_, from) => {
      asked.push(from);
      return Promise.resolve(answers[asked.length - 1] ?? { lines: [], more: false, next: from });
    });
    expect(await search.begin('x', 0)).toBe(1500);
    expect(asked).toEqual([0, 1000]);
  });

  it('finds nothing without an end', async () => {
    const search = new Search(server([]).find);
    expect(await search.begin('x', 0)).toBe(-1);
    expect(await search.next()).toBe(-1);
    expect(await search.previous()).toBe(-1);
    expect([search.position, search.found]).toEqual([0, 0]);
  });

  it('looks behind the end again once lines were added', async () => {
    const lines = [1, 2];
    const search = new Search(server(lines, 10).find);
    await search.begin('x', 2);
    lines.push(9);
    expect(await search.next()).toBe(1);
    await search.next();
    search.grown();
    expect(await search.next()).toBe(9);
  });

  it('takes no answer to a text that nobody looks for any more', async () => {
    const open: ((found: Matches) => void)[] = [];
    const search = new Search(() => new Promise(resolve => open.push(resolve)));
    const first = search.begin('old', 0);
    const second = search.begin('new', 0);
    open[1]?.({ lines: [7], more: false, next: 8 });
    open[0]?.({ lines: [3], more: false, next: 4 });
    expect(await first).toBe(-1);
    expect(await second).toBe(7);
    expect(search.found).toBe(1);
  });

  it('keeps why it failed, and tries again at the next step', async () => {
    let fails = true;
    const search = new Search((_, from) =>
      fails ? Promise.reject(new Error('no')) : Promise.resolve({ lines: [4], more: false, next: from })
    );
    expect(await search.begin('x', 0)).toBe(-1);
    expect(search.error).toBeInstanceOf(Error);
    fails = false;
    expect(await search.next()).toBe(4);
    expect(search.error).toBeNull();
  });
});
