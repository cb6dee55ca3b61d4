// Asks the server again and again while no websocket gets through: every 2 s, every 10 s while nobody looks.
// One question at a time; who asks and what an answer means is the channel's business.

import type { IDisposable } from '@lumino/disposable';

import type { IState } from './link';

const EVERY = 2_000;
const EVERY_HIDDEN = 10_000;
const ANSWER_WITHIN = 20_000;

export class Poller implements IDisposable {
  /** `ask` gives the server's answer or throws; `tell` hears of each outcome, null for a failure. */
  constructor(
    private readonly _ask: (signal: AbortSignal) => Promise<unknown>,
    private readonly _tell: (answer: Poller.IAnswer | null) => void
  ) {}

  get isDisposed(): boolean {
    return this._isDisposed;
  }

  start(): void {
    if (!this._running && !this._isDisposed) {
      this._running = true;
      this._round();
    }
  }

  /** Ask at once instead of at the next time; nothing while stopped. */
  now(): void {
    if (!this._running) {
      return;
    }
    if (this._asking) {
      this._again = true;
    } else {
      this._round();
    }
  }

  stop(): void {
    this._running = this._again = false;
    clearTimeout(this._timer);
    this._asking?.abort();
    this._asking = null;
  }

  dispose(): void {
    this.stop();
    this._isDisposed = true;
  }

  private _round(): void {
    clearTimeout(this._timer);
    const asking = (this._asking = new AbortController());
    this._again = false;
    this._timer = setTimeout(() => {
      asking.abort();
    }, ANSWER_WITHIN);
    void this._ask(asking.signal)
      .then(checked)
      .catch(() => null)
      .then(answer => {
        this._done(asking, answer);
      });
  }

  private _done(asking: AbortController, answer: Poller.IAnswer | null): void {
    if (asking !== this._asking) {
      return;
    }
    this._asking = null;
    clearTimeout(this._timer);
    const delay = this._again ? 0 : document.hidden ? EVERY_HIDDEN : EVERY;
    this._timer = setTimeout(() => {
      this._round();
    }, delay);
    this._tell(answer);
  }

  private _running = false;
  private _again = false;
  private _asking: AbortController | null = null;
  private _timer: ReturnType<typeof setTimeout> | undefined;
  private _isDisposed = false;
}

export namespace Poller {
  export interface IAnswer {
    boot: string;
    states: IState[];
  }
}

function checked(answer: unknown): Poller.IAnswer {
  const { boot, states } = answer as Partial<Poller.IAnswer>;
  if (typeof boot !== 'string' || !Array.isArray(states)) {
    throw new TypeError('not an answer of this server extension');
  }
  return { boot, states };
}
