// What the channel knows: the newest value of each subscribed topic, and who wants to hear of it.
// No connection here; the channel feeds it and asks from where the server should go on.

import { DisposableDelegate, type IDisposable } from '@lumino/disposable';

import type { IState } from './link';

export type Callback<T> = (value: T | null) => void;

interface ITopic {
  callbacks: Set<Callback<unknown>>;
  /** -1 until the first value, and again after the server was restarted. */
  seq: number;
  value: unknown;
}

export class Topics {
  constructor(private readonly _setChanged: () => void) {}

  get names(): string[] {
    return [...this._topics.keys()].sort();
  }

  /**
   * From where the server should go on: it tells changes in order, so whoever has a number has all before it.
   * 0 when a topic here has no value yet: it may have last changed long ago.
   */
  get since(): number {
    return [...this._topics.values()].some(topic => topic.seq < 0) ? 0 : this._seen;
  }

  add(name: string, callback: Callback<unknown>): IDisposable {
    const own: Callback<unknown> = value => {
      callback(value);
    };
    const known = this._topics.get(name);
    if (known) {
      known.callbacks.add(own);
      if (known.seq >= 0) {
        tell(own, known.value);
      }
    } else {
      this._topics.set(name, { callbacks: new Set([own]), seq: -1, value: null });
      this._setChanged();
    }
    return new DisposableDelegate(() => {
      this._remove(name, own);
    });
  }

  take(state: IState): void {
    const topic = this._topics.get(state.topic);
    if (!topic || state.seq <= topic.seq) {
      return;
    }
    this._seen = Math.max(this._seen, state.seq);
    topic.seq = state.seq;
    topic.value = state.value;
    for (const callback of [...topic.callbacks]) {
      tell(callback, state.value);
    }
  }

  /** Another server counts from the start; values stay until it tells better. */
  reboot(): void {
    this._seen = 0;
    for (const topic of this._topics.values()) {
      topic.seq = -1;
    }
  }

  clear(): void {
    this._topics.clear();
  }

  private _remove(name: string, callback: Callback<unknown>): void {
    const topic = this._topics.get(name);
    if (topic?.callbacks.delete(callback) && topic.callbacks.size === 0) {
      this._topics.delete(name);
      this._setChanged();
    }
  }

  private readonly _topics = new Map<string, ITopic>();
  private _seen = 0;
}

function tell(callback: Callback<unknown>, value: unknown): void {
  try {
    callback(value);
  } catch (error) {
    // One view's mistake must not cost the others their news.
    console.error(error);
  }
}
