// One run, live, for a tab that shows it: asked for again whenever the watch of its target tells of a change.
// No list: store.ts has that. It never acts on the run.

import type { IDisposable } from '@lumino/disposable';
import { Signal } from '@lumino/signaling';

import { problemOf } from '../answer';
import type { Channel } from '../channel';
import { type Client, RequestError } from '../client';
import type { RunRef } from '../desk';
import type { IPlace, Problem, Run, RunsState } from '../types';
import { Throttle } from './throttle';

const REFETCH = 500; // ms
const RETRY = 5000; // ms

export class RunWatch implements IDisposable {
  readonly changed = new Signal<this, void>(this);

  constructor(
    private readonly _client: Client,
    private readonly _channel: Channel,
    private readonly _ref: RunRef
  ) {
    _channel.rebooted.connect(this._restart, this);
    void this._begin();
  }

  /** As last heard of; null before the first answer. */
  get run(): Run | null {
    return this._run;
  }

  /** Whether it is no more. */
  get gone(): boolean {
    return this._gone;
  }

  get problem(): Problem | null {
    return this._problem;
  }

  get place(): IPlace {
    const { notebook, target, namespace } = this._ref;
    return { notebook, target, namespace };
  }

  get isDisposed(): boolean {
    return this._isDisposed;
  }

  readonly refresh = (): void => {
    this._throttle.call();
  };

  dispose(): void {
    this._isDisposed = true;
    clearTimeout(this._retry);
    this._topic?.dispose();
    this._throttle.dispose();
    Signal.disconnectReceiver(this);
    Signal.clearData(this);
  }

  private _restart(): void {
    void this._begin();
  }

  /** Learn the topic of the target's runs, which any window of them tells. */
  private async _begin(): Promise<void> {
    clearTimeout(this._retry);
    this.refresh();
    try {
      const { topic } = await this._client.runs({ ...this.place, q: this._ref.name, limit: 1 });
      if (!this._isDisposed) {
        this._topic?.dispose();
        this._topic = this._channel.subscribe<RunsState>(topic, this._onNews);
      }
    } catch {
      this._later(() => void this._begin());
    }
  }

  private readonly _onNews = (news: RunsState | null): void => {
    if (news === null) {
      this._later(() => void this._begin()); // that watch has ended
    } else if (news.version !== this._version) {
      this._version = news.version;
      this.refresh();
    }
  };

  private async _ask(): Promise<void> {
    try {
      this._run = await this._client.run(this._ref.name, this.place);
      this._problem = null;
      this._gone = false;
    } catch (error) {
      this._gone = error instanceof RequestError && error.status === 404;
      this._problem = this._gone ? null : problemOf(error);
    }
    if (!this._isDisposed) {
      this.changed.emit();
    }
  }

  private _later(what: () => void): void {
    clearTimeout(this._retry);
    if (!this._isDisposed) {
      this._retry = setTimeout(what, RETRY);
    }
  }

  private readonly _throttle = new Throttle(() => {
    if (!this._isDisposed) {
      void this._ask();
    }
  }, REFETCH);
  private _run: Run | null = null;
  private _gone = false;
  private _problem: Problem | null = null;
  private _version = -1;
  private _topic: IDisposable | null = null;
  private _retry: ReturnType<typeof setTimeout> | undefined;
  private _isDisposed = false;
}
