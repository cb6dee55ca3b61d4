import { describe, expect, it, vi } from 'vitest';

import { Stage } from './stage';
import { asked, FakeSocket, json } from './wire';

const stage = new Stage();

describe('polling', () => {
  it('takes over after three failures, goes on by seq, and gives way to a websocket that gets through', async () => {
    const channel = stage.open();
    const told: unknown[] = [];
    const statuses: string[] = [];
    channel.statusChanged.connect((_, status) => void statuses.push(status));
    channel.subscribe('tasks', value => told.push(value));
    stage.answer = () => json({ boot: 'b1', states: [{ topic: 'tasks', seq: 3, value: 'polled' }] });
    await stage.failThrice();
    expect(channel.status).toBe('polling');
    expect(told).toEqual(['polled']);
    stage.answer = () => json({ boot: 'b1', states: [] });
    await vi.advanceTimersByTimeAsync(2_000);
    expect(stage.polls.map(url => asked(url.pathname + url.search))).toEqual([
      '/user/ann/nbcontainer/api/state?topic=tasks&since=0&boot=',
      '/user/ann/nbcontainer/api/state?topic=tasks&since=3&boot=b1'
    ]);
    expect(FakeSocket.made).toHaveLength(3);
    await vi.advanceTimersByTimeAsync(28_000);
    expect(FakeSocket.made).toHaveLength(4);
    FakeSocket.last.greet('b1');
    expect(FakeSocket.last.sent).toEqual([{ subscribe: ['tasks'], since: 3, boot: 'b1' }]);
    const before = stage.polls.length;
    await vi.advanceTimersByTimeAsync(30_000);
    expect(stage.polls).toHaveLength(before);
    expect(statuses).toEqual(['polling', 'live']);
  });

  it('asks at once for a new topic, and rarely while nobody looks', async () => {
    const channel = stage.open();
    stage.answer = () => json({ boot: 'b1', states: [] });
    await stage.failThrice();
    channel.subscribe('tasks', () => undefined);
    channel.subscribe('runs/x', () => undefined);
    await vi.advanceTimersByTimeAsync(0);
    expect(stage.polls.at(-1)?.searchParams.getAll('topic')).toEqual(['runs/x', 'tasks']);
    stage.hidden = true;
    await vi.advanceTimersByTimeAsync(2_000);
    const before = stage.polls.length;
    await vi.advanceTimersByTimeAsync(9_900);
    expect(stage.polls).toHaveLength(before);
    await vi.advanceTimersByTimeAsync(200);
    expect(stage.polls).toHaveLength(before + 1);
  });

  it('says lost when nothing answers, and tries the websocket as soon as something does', async () => {
    const channel = stage.open();
    const boots: string[] = [];
    channel.rebooted.connect((_, boot) => void boots.push(boot));
    FakeSocket.last.greet('b1');
    await stage.failThrice();
    expect(channel.status).toBe('lost');
    const tried = FakeSocket.made.length;
    stage.answer = () => json({ boot: 'b2', states: [] });
    await vi.advanceTimersByTimeAsync(2_000);
    expect(channel.status).toBe('polling');
    expect(boots).toEqual(['b2']);
    expect(FakeSocket.made).toHaveLength(tried + 1);
    FakeSocket.last.greet('b2');
    expect(channel.status).toBe('live');
  });

  it('counts a refusal, a login page and a hanging request as lost', async () => {
    const channel = stage.open();
    stage.answer = () => json({ message: 'Forbidden' }, 403);
    await stage.failThrice();
    expect(channel.status).toBe('lost');
    stage.answer = () => json({ boot: 'b1', states: [] });
    await vi.advanceTimersByTimeAsync(2_000);
    expect(channel.status).toBe('polling');
    stage.answer = () => new Response('<html>log in</html>');
    await vi.advanceTimersByTimeAsync(2_000);
    expect(channel.status).toBe('lost');
    stage.answer = () => json({ boot: 'b1', states: [] });
    await vi.advanceTimersByTimeAsync(2_000);
    stage.answer = request =>
      new Promise((_, reject) => {
        request.signal.addEventListener('abort', () => {
          reject(new DOMException('aborted', 'AbortError'));
        });
      });
    await vi.advanceTimersByTimeAsync(22_000);
    expect(channel.status).toBe('lost');
  });

  it('counts a connection that is cut after its hello as a failure', async () => {
    const channel = stage.open();
    stage.answer = () => json({ boot: 'b1', states: [] });
    for (let i = 0; i < 3; i++) {
      FakeSocket.last.greet('b1');
      FakeSocket.last.drop();
      await vi.advanceTimersByTimeAsync(i < 2 ? 10_000 : 0);
    }
    expect(channel.status).toBe('polling');
  });
});
