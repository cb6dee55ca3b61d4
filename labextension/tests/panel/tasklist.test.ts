import { describe, expect, it } from 'vitest';

import { applyList, applyTask, forget, newestOf, noTasks, secondsOf } from '../../src/panel/tasklist';
import { task } from './made';

const one = task({ id: '1', seconds: 2 });
const two = task({ id: '2', seconds: 5 });

describe('the list of tasks', () => {
  it('is the server\'s, in its order', () => {
    expect(applyList(noTasks, [two, one]).list).toEqual([two, one]);
    expect(applyList(applyList(noTasks, [two, one]), [one]).list).toEqual([one]);
  });

  it('has a task that was just begun before the server\'s list does', () => {
    expect(applyTask(applyList(noTasks, [one]), two).list).toEqual([two, one]);
    expect(applyTask(applyList(noTasks, [one]), { ...one, state: 'done' }).list).toMatchObject([{ id: '1', state: 'done' }]);
  });

  it('brings back nothing that was dismissed', () => {
    const gone = forget(applyList(noTasks, [two, one]), '2');
    expect(gone.list).toEqual([one]);
    expect(applyList(gone, [two, one]).list).toEqual([one]);
    expect(applyTask(gone, two).list).toEqual([one]);
  });

  it('lets no older list revive what has ended', () => {
    const ended = applyTask(applyList(noTasks, [one]), { ...one, state: 'cancelled' });
    expect(applyList(ended, [one]).list).toMatchObject([{ state: 'cancelled' }]);
  });

  it('shows all that go on, and the newest of those that ended', () => {
    const ended = (id: string) => task({ id, state: 'done' });
    const { shown, older } = newestOf([ended('5'), two, ended('4'), ended('3'), one], 2);
    expect(shown.map(each => each.id)).toEqual(['5', '2', '4', '1']);
    expect(older).toBe(1);
  });

  it('goes on counting seconds by the page\'s clock from when they came', () => {
    const first = applyList(noTasks, [one], 1000);
    expect(secondsOf(first, one, 4000)).toBe(5);
    const again = applyList(first, [{ ...one }], 3000);
    expect(secondsOf(again, one, 4000)).toBe(5);
    const later = { ...one, seconds: 6 };
    expect(secondsOf(applyList(again, [later], 5000), later, 5500)).toBe(6.5);
    expect(secondsOf(again, { ...one, state: 'done' }, 9000)).toBe(2);
  });
});
