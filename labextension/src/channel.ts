// The live side of the server extension: one websocket, shared by every view of the page, that carries the newest value
// of each topic. Where no websocket gets through it polls. It asks and changes nothing: that is client.ts.
// A connection comes back by itself, from where it was; another boot id means that the server was restarted.

import { ServerConnection } from '@jupyterlab/services';
import type { IDisposable } from '@lumino/disposable';
import { type ISignal, Signal } from '@lumino/signaling';

import { route } from './client';
import { type IListener, type IState, Link } from './link';
import { Poller } from './poller';
import { type Callback, Topics } from './topics';

const FIRST_DELAY = 500;
const LONGEST_DELAY = 10_000;
const TRIES_BEFORE_POLLING = 3;
const RETRY_WHILE_POLLING = 30_000;
const STEADY = 15_000;

export class Channel implements IDisposable, IListener {
  constructor(readonly serverSettings: ServerConnection.ISettings = ServerConnection.makeSettings()) {
    this._topics = new Topics(this._announce);
    this._poller = new Poller(this._ask, this._polled);
    document.addEventListener('visibilitychange', this._wake);
    window.addEventListener('online', this._wake);
    this._connect();
  }

  /** `lost` when the server answers neither way; it is still tried. */
  get status(): Channel.Status {
    return this._status;
  }

  get statusChanged(): ISignal<this, Channel.Status> {
    return this._statusChanged;
  }

  /** The server was restarted: what was fetched from the old one may no longer hold. Carries the new boot id. */
  get rebooted(): ISignal<this, string> {
    return this._rebooted;
  }

  get isDisposed(): boolean {
    return this._isDisposed;
  }

  /**
   * Hear of a topic's newest value, now (when one is known) and at each change. null: the server doesn't know it.
   * Dispose of what this returns to stop; the last one to do so lets the server forget us.
   */
  subscribe<T>(topic: string, callback: Callback<T>): IDisposable {
    return this._topics.add(topic, callback as Callback<unknown>);
  }

  dispose(): void {
    if (this._isDisposed) {
      return;
    }
    this._isDisposed = true;
    document.removeEventListener('visibilitychange', this._wake);
    window.removeEventListener('online', this._wake);
    clearTimeout(this._retry);
    this._link?.dispose();
    this._poller.dispose();
    this._topics.clear();
    Signal.clearData(this);
  }

  onOpen(): void {
    this._announce();
  }

  onHello(boot: string): void {
    this._greeted = Date.now();
    this._poller.stop();
    this._meet(boot);
    this._become('live');
  }

  onState(state: IState): void {
    this._topics.take(state);
  }

  onEnd(): void {
    this._link = null;
    if (this._greeted) {
      // A connection that something cuts soon after its hello is a failure too.
      this._failures = Date.now() - this._greeted < STEADY ? this._failures : 0;
      this._greeted = 0;
      this._become('connecting');
    }
    this._failures += 1;
    const polling = this._failures >= TRIES_BEFORE_POLLING;
    if (polling) {
      this._poller.start();
    }
    this._retry = setTimeout(this._connect, polling ? RETRY_WHILE_POLLING : backoff(this._failures));
  }

  private readonly _connect = (): void => {
    clearTimeout(this._retry);
    if (!this._link && !this._isDisposed) {
      this._link = new Link(this.serverSettings, this);
    }
  };

  /** The page is seen again or the machine is online: no reason to wait any longer. */
  private readonly _wake = (): void => {
    this._link?.checkAlive();
    if (!document.hidden) {
      this._poller.now();
      this._connect();
    }
  };

  private readonly _announce = (): void => {
    this._link?.send({ subscribe: this._topics.names, since: this._topics.since, boot: this._boot });
    this._poller.now();
  };

  private readonly _ask = async (signal: AbortSignal): Promise<unknown> => {
    const query = { topic: this._topics.names, since: this._topics.since, boot: this._boot };
    const url = route(this.serverSettings, 'state', query);
    const response = await ServerConnection.makeRequest(url, { signal }, this.serverSettings);
    if (!response.ok) {
      throw new ServerConnection.ResponseError(response);
    }
    return response.json();
  };

  private readonly _polled = (answer: Poller.IAnswer | null): void => {
    if (!answer) {
      this._become('lost');
      return;
    }
    const back = this._status === 'lost';
    this._meet(answer.boot);
    answer.states.forEach(state => {
      this._topics.take(state);
    });
    this._become('polling');
    if (back) {
      this._connect();
    }
  };

  private _meet(boot: string): void {
    const before = this._boot;
    this._boot = boot;
    if (before && before !== boot) {
      this._topics.reboot();
      this._rebooted.emit(boot);
    }
  }

  private _become(status: Channel.Status): void {
    if (this._status !== status) {
      this._status = status;
      this._statusChanged.emit(status);
    }
  }

  private readonly _statusChanged = new Signal<this, Channel.Status>(this);
  private readonly _rebooted = new Signal<this, string>(this);
  private readonly _topics: Topics;
  private readonly _poller: Poller;
  private _link: Link | null = null;
  private _status: Channel.Status = 'connecting';
  private _boot = '';
  private _failures = 0;
  /** When the present connection said hello; 0 while there is none. */
  private _greeted = 0;
  private _retry: ReturnType<typeof setTimeout> | undefined;
  private _isDisposed = false;
}

export namespace Channel {
  export type Status = 'connecting' | 'live' | 'polling' | 'lost';
}

/** Half a second, doubled by each failure up to ten; jittered, so that not every page comes back in the same instant. */
function backoff(failures: number): number {
  const delay = Math.min(LONGEST_DELAY, FIRST_DELAY * 2 ** (failures - 1));
  return delay * (0.5 + Math.random() / 2);
}
