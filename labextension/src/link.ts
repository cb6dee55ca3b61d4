// One websocket to the server's events, from the first try to its end; a link is used once.
// It knows the wire (hello, state, alive) and when a connection is dead; what to do then is the channel's business.

import { URLExt } from '@jupyterlab/coreutils';
import type { ServerConnection } from '@jupyterlab/services';
import type { IDisposable } from '@lumino/disposable';

import { API } from './client';

/** Silence after which a connection is given up; the server speaks every 15 s. */
export const DEAD_AFTER = 40_000;
/** How long a connection may take up to its hello. */
export const HELLO_WITHIN = 15_000;

export interface IState {
  topic: string;
  seq: number;
  value: unknown;
}

export interface IListener {
  onOpen(): void;
  onHello(boot: string): void;
  onState(state: IState): void;
  /** Called once, and not after dispose. */
  onEnd(): void;
}

export class Link implements IDisposable {
  constructor(
    settings: ServerConnection.ISettings,
    private readonly _listener: IListener
  ) {
    this._socket = new settings.WebSocket(address(settings));
    this._socket.onopen = () => {
      this._listener.onOpen();
    };
    this._socket.onmessage = event => {
      this._receive(event.data);
    };
    this._socket.onclose = this._socket.onerror = () => {
      this._end();
    };
    this._heard = Date.now();
    this._watch = setTimeout(this.checkAlive, HELLO_WITHIN);
  }

  get isDisposed(): boolean {
    return this._isDisposed;
  }

  send(message: unknown): void {
    if (!this._isDisposed && this._socket.readyState === 1) {
      this._socket.send(JSON.stringify(message));
    }
  }

  dispose(): void {
    if (this._isDisposed) {
      return;
    }
    this._isDisposed = true;
    clearTimeout(this._watch);
    const socket = this._socket;
    socket.onopen = socket.onmessage = socket.onclose = socket.onerror = null;
    socket.close();
  }

  /** End it if it has been silent for too long; a browser holds back the timers of a hidden tab. */
  readonly checkAlive = (): void => {
    if (this._isDisposed) {
      return;
    }
    const left = this._heard + (this._greeted ? DEAD_AFTER : HELLO_WITHIN) - Date.now();
    if (left <= 0) {
      this._end();
      return;
    }
    clearTimeout(this._watch);
    this._watch = setTimeout(this.checkAlive, left);
  };

  private _receive(data: unknown): void {
    const message = decoded(data);
    if (!message) {
      return;
    }
    this._heard = Date.now(); // an "alive" says no more than this
    if (message.type === 'hello' && typeof message.boot === 'string') {
      this._greeted = true;
      this.checkAlive();
      this._listener.onHello(message.boot);
    } else if (message.type === 'state' && typeof message.topic === 'string' && typeof message.seq === 'number') {
      this._listener.onState({ topic: message.topic, seq: message.seq, value: message.value ?? null });
    }
  }

  private _end(): void {
    if (!this._isDisposed) {
      this.dispose();
      this._listener.onEnd();
    }
  }

  private readonly _socket: WebSocket;
  private _heard: number;
  private _greeted = false;
  private _watch: ReturnType<typeof setTimeout>;
  private _isDisposed = false;
}

function address(settings: ServerConnection.ISettings): string {
  const url = URLExt.join(settings.wsUrl, API, 'events');
  return settings.appendToken && settings.token ? `${url}?token=${encodeURIComponent(settings.token)}` : url;
}

interface IMessage {
  type?: unknown;
  boot?: unknown;
  topic?: unknown;
  seq?: unknown;
  value?: unknown;
}

function decoded(data: unknown): IMessage | null {
  try {
    const message: unknown = JSON.parse(String(data));
    return typeof message === 'object' ? message : null;
  } catch {
    return null;
  }
}
