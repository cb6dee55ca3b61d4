import { describe, expect, it } from 'vitest';

import { LONGEST, ScrollMap } from '../src/scrollmap';

const MILLION = 1_000_000;

function made(total: number, viewport = 720, rowHeight = 18): ScrollMap {
  const map = new ScrollMap(rowHeight);
  map.setTotal(total);
  map.setViewport(viewport);
  return map;
}

/** What the browser does with a wheel: the bar moves, bounded by its length; at rest the list corrects it. */
function wheel(map: ScrollMap, by: number): void {
  map.scrolled(Math.max(0, Math.min(map.height - map.viewport, map.top + by)));
}

describe('a list that a browser can lay out', () => {
  it('moves pixel by pixel', () => {
    const map = made(1000);
    expect(map.height).toBe(18_000);
    map.scrolled(1234);
    expect(map.anchor).toEqual({ row: 68, offset: 10 });
    expect(map.settle()).toBe(1234);
    expect(map.range(8)).toEqual([60, 117]);
  });

  it('ends with its last row at the bottom', () => {
    const map = made(1000);
    map.scrolled(18_000 - 720);
    expect(map.atEnd).toBe(true);
    expect(map.anchor).toEqual({ row: 960, offset: 0 });
  });

  it('stays within rows that are taken away', () => {
    const map = made(1000);
    map.toEnd();
    map.setTotal(10);
    expect(map.anchor).toEqual({ row: 0, offset: 0 });
    map.setTotal(0);
    expect(map.range(8)).toEqual([0, 0]);
  });
});

describe('a million rows', () => {
  it('ask for no more pixels than a browser lays out', () => {
    expect(made(MILLION).height).toBe(LONGEST);
  });

  it('are all reached by dragging the bar, the first and the last too', () => {
    const map = made(MILLION);
    const room = map.height - 720;
    map.scrolled(room);
    expect(map.range(0)).toEqual([MILLION - 40, MILLION]);
    expect(map.atEnd).toBe(true);
    map.scrolled(room / 2);
    expect(map.anchor.row).toBeCloseTo((MILLION - 40) / 2, -1);
    map.scrolled(0);
    expect(map.anchor).toEqual({ row: 0, offset: 0 });
  });

  it('move by a wheel as far as its pixels say, and no row is passed over', () => {
    const map = made(MILLION);
    map.scrolled(map.height / 3);
    map.settle();
    let { row, offset } = map.anchor;
    for (let turn = 0; turn < 2000; turn++) {
      wheel(map, 100);
      const moved = (map.anchor.row - row) * 18 + map.anchor.offset - offset;
      expect(moved).toBeCloseTo(100, 6);
      ({ row, offset } = map.anchor);
      map.settle();
    }
  });

  it('come back to the same row when the bar is put right', () => {
    const map = made(MILLION);
    for (const row of [0, 1, 17, 444_444, 500_001, 999_900]) {
      map.reveal(row, 'start');
      const before = map.anchor;
      const top = map.settle();
      expect(top).toBeGreaterThanOrEqual(0);
      expect(top).toBeLessThanOrEqual(map.height - 720);
      map.took(Math.floor(top));
      map.scrolled(Math.floor(top));
      expect(map.anchor).toEqual(before);
    }
  });

  it('reach both ends by wheel alone', () => {
    const map = made(MILLION);
    map.scrolled(map.height - 720 - 2000);
    map.settle();
    for (let turn = 0; turn < 200 && !map.atEnd; turn++) {
      wheel(map, 120);
      map.settle();
    }
    expect(map.atEnd).toBe(true);
    expect(map.settle()).toBe(map.height - 720);
  });

  it('bring a row into view where the caller wants it', () => {
    const map = made(MILLION);
    map.reveal(700_000, 'center');
    expect(map.offsetOf(700_000)).toBeCloseTo((720 - 18) / 2);
    const before = map.anchor;
    map.reveal(700_003);
    expect(map.anchor).toEqual(before);
    map.reveal(MILLION - 1, 'nearest');
    expect(map.atEnd).toBe(true);
  });
});

describe('measured rows', () => {
  /** Row n has 1 to 5 lines. */
  const height = (row: number) => 18 * (1 + ((row * 7) % 5));

  function measured(map: ScrollMap): void {
    for (;;) {
      const [first, last] = map.range(4);
      let news = false;
      for (let row = first; row < last; row++) {
        news = map.measure(row, height(row)) || news;
      }
      if (!news) {
        return;
      }
      map.setTotal(map.total);
    }
  }

  it('have a bar long enough for what they have', () => {
    const map = made(5, 60);
    measured(map);
    expect(map.height).toBe([0, 1, 2, 3, 4].reduce((sum, row) => sum + height(row), 0));
    map.toEnd();
    expect(map.offsetOf(4) + height(4)).toBe(60);
  });

  it('move by pixels in both directions without a gap', () => {
    const map = made(MILLION);
    map.reveal(600_000, 'start');
    measured(map);
    map.settle();
    const place = (row: number) => map.offsetOf(row);
    for (const by of [35, 35, -50, 400, -333, 17]) {
      const watched = map.anchor.row + 1;
      const before = place(watched);
      wheel(map, by);
      measured(map);
      expect(place(watched)).toBeCloseTo(before - by, 6);
    }
  });

  it('end at the end, however long the last row is', () => {
    const map = made(MILLION);
    map.toEnd();
    measured(map);
    map.measure(MILLION - 1, 5000);
    map.toEnd();
    expect(map.offsetOf(MILLION - 1)).toBe(720 - 5000);
    expect(map.atEnd).toBe(true);
  });

  it('forget their heights and stay at their row', () => {
    const map = made(MILLION);
    map.reveal(1234, 'start');
    measured(map);
    map.forget();
    expect(map.anchor.row).toBe(1234);
  });
});
