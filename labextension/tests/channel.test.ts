import { describe, expect, it, vi } from 'vitest';

import { Stage } from './stage';
import { FakeSocket } from './wire';

const stage = new Stage();

describe('the websocket', () => {
  it('is one, below the base URL, with the token where the settings ask for it', () => {
    const channel = stage.open();
    channel.subscribe('tasks', () => undefined);
    channel.subscribe('runs/ab', () => undefined);
    expect(FakeSocket.made.map(socket => socket.url)).toEqual([
      'ws://localhost:8888/user/ann/nbcontainer/api/events?token=se%20cret'
    ]);
    expect(channel.status).toBe('connecting');
    FakeSocket.last.greet('b1');
    expect(channel.status).toBe('live');
    expect(FakeSocket.last.sent).toEqual([{ subscribe: ['runs/ab', 'tasks'], since: 0, boot: '' }]);
  });

  it('carries no token where a cookie does', () => {
    stage.open(false);
    expect(FakeSocket.last.url).toBe('ws://localhost:8888/user/ann/nbcontainer/api/events');
  });

  it('tells every subscriber the newest value, a late one at once, and never an older one', () => {
    const channel = stage.open();
    FakeSocket.last.greet('b1');
    const first: unknown[] = [];
    const late: unknown[] = [];
    channel.subscribe('tasks', value => first.push(value));
    FakeSocket.last.state('tasks', 4, ['new']);
    FakeSocket.last.state('tasks', 3, ['old']);
    FakeSocket.last.state('other', 5, 'nobody asked');
    channel.subscribe('tasks', value => late.push(value));
    FakeSocket.last.state('tasks', 6, null);
    expect(first).toEqual([['new'], null]);
    expect(late).toEqual([['new'], null]);
  });

  it('announces a topic once, asks for a new one from the start, and forgets it with its last subscriber', () => {
    const channel = stage.open();
    FakeSocket.last.greet('b1');
    const one = channel.subscribe('tasks', () => undefined);
    const two = channel.subscribe('tasks', () => undefined);
    FakeSocket.last.state('tasks', 9, []);
    FakeSocket.last.alive();
    channel.subscribe('log/x', () => undefined);
    FakeSocket.last.state('log/x', 2, {});
    one.dispose();
    one.dispose();
    two.dispose();
    expect(FakeSocket.last.sent.map(message => [message.subscribe, message.since])).toEqual([
      [[], 0],
      [['tasks'], 0],
      [['log/x', 'tasks'], 0],
      [['log/x'], 9]
    ]);
  });

  it('keeps the others informed when one subscriber fails', () => {
    const error = vi.spyOn(console, 'error').mockImplementation(() => undefined);
    const channel = stage.open();
    FakeSocket.last.greet('b1');
    const told: unknown[] = [];
    channel.subscribe('tasks', () => {
      throw new Error('a view is broken');
    });
    channel.subscribe('tasks', value => told.push(value));
    FakeSocket.last.state('tasks', 1, 'x');
    expect(told).toEqual(['x']);
    expect(error).toHaveBeenCalledOnce();
  });

  it('ignores what is no message', () => {
    const channel = stage.open();
    FakeSocket.last.greet('b1');
    const told: unknown[] = [];
    channel.subscribe('tasks', value => told.push(value));
    FakeSocket.last.onmessage?.({ data: '<html>a proxy</html>' });
    FakeSocket.last.tell(null);
    FakeSocket.last.tell({ type: 'state', topic: 'tasks', seq: 'one', value: 1 });
    FakeSocket.last.tell({ type: 'state', topic: 'tasks', seq: 1 });
    expect(told).toEqual([null]);
    expect(channel.status).toBe('live');
  });
});

describe('a broken connection', () => {
  it('comes back by itself and goes on from where it was', async () => {
    const channel = stage.open();
    const told: unknown[] = [];
    channel.subscribe('tasks', value => told.push(value));
    FakeSocket.last.greet('b1');
    FakeSocket.last.state('tasks', 7, 'a');
    FakeSocket.last.alive();
    FakeSocket.last.state('tasks', 9, 'b');
    FakeSocket.last.drop();
    expect(channel.status).toBe('connecting');
    await vi.advanceTimersByTimeAsync(500);
    expect(FakeSocket.made).toHaveLength(2);
    FakeSocket.last.greet('b1');
    expect(FakeSocket.last.sent).toEqual([{ subscribe: ['tasks'], since: 9, boot: 'b1' }]);
    FakeSocket.last.state('tasks', 9, 'b');
    FakeSocket.last.state('tasks', 10, 'c');
    expect(told).toEqual(['a', 'b', 'c']);
  });

  it('waits longer after each failure, never in step with other pages', async () => {
    const random = vi.spyOn(Math, 'random');
    stage.open();
    random.mockReturnValue(0);
    FakeSocket.last.drop();
    await vi.advanceTimersByTimeAsync(249);
    expect(FakeSocket.made).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(1);
    expect(FakeSocket.made).toHaveLength(2);
    random.mockReturnValue(0.999);
    FakeSocket.last.drop();
    await vi.advanceTimersByTimeAsync(990);
    expect(FakeSocket.made).toHaveLength(2);
    await vi.advanceTimersByTimeAsync(10);
    expect(FakeSocket.made).toHaveLength(3);
  });

  it('is dead after 40 s of silence, not before', async () => {
    const channel = stage.open();
    FakeSocket.last.greet('b1');
    for (let i = 0; i < 4; i++) {
      await vi.advanceTimersByTimeAsync(15_000);
      FakeSocket.last.alive();
    }
    await vi.advanceTimersByTimeAsync(39_000);
    expect(channel.status).toBe('live');
    await vi.advanceTimersByTimeAsync(1_000);
    expect(channel.status).toBe('connecting');
    await vi.advanceTimersByTimeAsync(500);
    expect(FakeSocket.made).toHaveLength(2);
  });

  it('is given up when the hello never comes', async () => {
    stage.open();
    await vi.advanceTimersByTimeAsync(15_500);
    expect(FakeSocket.made.length).toBe(2);
    expect(FakeSocket.made[0]?.readyState).toBe(3);
  });

  it('is noticed and tried again at once when the page is seen again', () => {
    stage.open();
    FakeSocket.last.greet('b1');
    stage.hidden = true;
    vi.setSystemTime(Date.now() + 60_000); // a sleeping machine runs no timer
    stage.hidden = false;
    document.dispatchEvent(new Event('visibilitychange'));
    expect(FakeSocket.made).toHaveLength(2);
  });

  it('is tried again at once when the machine is online again', () => {
    stage.open();
    FakeSocket.last.drop();
    window.dispatchEvent(new Event('online'));
    expect(FakeSocket.made).toHaveLength(2);
  });
});

describe('another server', () => {
  it('is told to everybody, and its values count from the start', async () => {
    const channel = stage.open();
    const told: unknown[] = [];
    const boots: string[] = [];
    channel.rebooted.connect((_, boot) => void boots.push(boot));
    channel.subscribe('tasks', value => told.push(value));
    FakeSocket.last.greet('b1');
    FakeSocket.last.state('tasks', 50, 'old server');
    FakeSocket.last.alive();
    FakeSocket.last.drop();
    await vi.advanceTimersByTimeAsync(500);
    FakeSocket.last.greet('b2');
    FakeSocket.last.state('tasks', 1, 'new server');
    expect(boots).toEqual(['b2']);
    expect(told).toEqual(['old server', 'new server']);
    FakeSocket.last.drop();
    await vi.advanceTimersByTimeAsync(1_000);
    FakeSocket.last.greet('b2');
    expect(FakeSocket.last.sent.at(-1)).toEqual({ subscribe: ['tasks'], since: 1, boot: 'b2' });
    expect(boots).toEqual(['b2']);
  });
});

describe('dispose', () => {
  it('closes the websocket, and nothing is told or tried afterwards', async () => {
    const channel = stage.open();
    const told: unknown[] = [];
    const subscription = channel.subscribe('tasks', value => told.push(value));
    const socket = FakeSocket.last;
    socket.greet('b1');
    channel.dispose();
    channel.dispose();
    subscription.dispose();
    expect(channel.isDisposed).toBe(true);
    expect(socket.readyState).toBe(3);
    socket.state('tasks', 1, 'late');
    window.dispatchEvent(new Event('online'));
    document.dispatchEvent(new Event('visibilitychange'));
    await vi.advanceTimersByTimeAsync(120_000);
    expect(told).toEqual([]);
    expect(FakeSocket.made).toHaveLength(1);
  });

  it('ends a poll that is under way', async () => {
    const channel = stage.open();
    let given = false;
    stage.answer = request =>
      new Promise((_, reject) => {
        request.signal.addEventListener('abort', () => {
          given = true;
          reject(new DOMException('aborted', 'AbortError'));
        });
      });
    await stage.failThrice();
    channel.dispose();
    await vi.advanceTimersByTimeAsync(120_000);
    expect(given).toBe(true);
    expect(stage.polls).toHaveLength(1);
  });
});
