// A page with one channel, whose clock, server and visibility the test holds. Every test ends with no timer left.

import { afterEach, beforeEach, expect, vi } from 'vitest';

import { Channel } from '../src/channel';
import { FakeSocket, type Handler, settings } from './wire';

export const refuse: Handler = () => {
  throw new TypeError('connection refused');
};

export class Stage {
  polls: URL[] = [];
  answer: Handler = refuse;
  hidden = false;
  channel = null as unknown as Channel;

  constructor() {
    beforeEach(() => {
      vi.useFakeTimers();
      vi.spyOn(document, 'hidden', 'get').mockImplementation(() => this.hidden);
      FakeSocket.made = [];
      this.polls = [];
      this.answer = refuse;
      this.hidden = false;
    });
    afterEach(() => {
      this.channel.dispose();
      vi.advanceTimersByTime(50); // Lumino sweeps cleared signals in the next frame
      expect(vi.getTimerCount()).toBe(0);
      vi.useRealTimers();
    });
  }

  open(appendToken = true): Channel {
    const handler: Handler = request => {
      this.polls.push(new URL(request.url));
      return this.answer(request);
    };
    this.channel = new Channel(settings(handler, { appendToken }));
    return this.channel;
  }

  /** Three tries that no server greets: the channel begins to poll. */
  async failThrice(): Promise<void> {
    for (let i = 0; i < 3; i++) {
      FakeSocket.last.drop();
      await vi.advanceTimersByTimeAsync(i < 2 ? 10_000 : 0);
    }
  }
}
