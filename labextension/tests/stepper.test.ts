import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { Stepper } from '../src/runs/stepper';

describe('Stepper', () => {
  let sent: number[] = [];
  let answer: { resolve: () => void; reject: () => void }[] = [];
  let stepper: Stepper;

  beforeEach(() => {
    vi.useFakeTimers();
    sent = [];
    answer = [];
    stepper = new Stepper(
      value =>
        new Promise<void>((resolve, reject) => {
          sent.push(value);
          answer.push({ resolve, reject: () => { reject(new Error('no')); } });
        }),
      () => undefined
    );
  });
  afterEach(() => {
    stepper.dispose();
    vi.useRealTimers();
  });

  it('shows at once and sends once', async () => {
    for (let step = 0; step < 3; step++) {
      stepper.step(1, 2);
      await vi.advanceTimersByTimeAsync(100);
    }
    expect(stepper.value(2)).toBe(5);
    expect(sent).toEqual([]);
    await vi.advanceTimersByTimeAsync(400);
    expect(sent).toEqual([5]);
  });

  it('is the server’s again once the server says so', async () => {
    stepper.step(1, 2);
    await vi.advanceTimersByTimeAsync(400);
    answer[0]?.resolve();
    await vi.advanceTimersByTimeAsync(0);
    expect(stepper.value(2)).toBe(3); // the watch has not told yet
    expect(stepper.value(3)).toBe(3);
    expect(stepper.pending).toBe(false);
    expect(stepper.value(4)).toBe(4);
  });

  it('goes back where it was not taken', async () => {
    stepper.step(-1, 2);
    await vi.advanceTimersByTimeAsync(400);
    answer[0]?.reject();
    await vi.advanceTimersByTimeAsync(0);
    expect(stepper.value(2)).toBe(2);
  });

  it('sends a later wish after the one on its way', async () => {
    stepper.step(1, 2);
    await vi.advanceTimersByTimeAsync(400);
    stepper.step(1, 2);
    await vi.advanceTimersByTimeAsync(400);
    expect(sent).toEqual([3]);
    answer[0]?.resolve();
    await vi.advanceTimersByTimeAsync(0);
    expect(sent).toEqual([3, 4]);
  });

  it('sends nothing that is as it was, and stays within its bounds', async () => {
    stepper.step(-1, 0);
    stepper.set(99_999, 10_000);
    await vi.advanceTimersByTimeAsync(1000);
    expect(sent).toEqual([]);
  });

  it('waits no longer than a while for the server’s number', async () => {
    stepper.step(1, 2);
    await vi.advanceTimersByTimeAsync(400);
    answer[0]?.resolve();
    await vi.advanceTimersByTimeAsync(10_000);
    expect(stepper.value(2)).toBe(2);
  });
});
