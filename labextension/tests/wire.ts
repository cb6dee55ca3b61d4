// The wire as the client and the channel see it: a websocket and a fetch that a test answers by hand.

import { ServerConnection } from '@jupyterlab/services';

export interface ISubscription {
  subscribe: string[];
  since: number;
  boot: string;
}

/** A websocket whose server is the test. */
export class FakeSocket {
  static made: FakeSocket[] = [];
  static get last(): FakeSocket {
    const socket = FakeSocket.made.at(-1);
    if (!socket) {
      throw new Error('no websocket was opened');
    }
    return socket;
  }

  onopen: (() => void) | null = null;
  onmessage: ((event: { data: string }) => void) | null = null;
  onclose: (() => void) | null = null;
  onerror: (() => void) | null = null;
  readyState = 0;
  readonly sent: ISubscription[] = [];

  constructor(readonly url: string) {
    FakeSocket.made.push(this);
  }

  send(text: string): void {
    this.sent.push(JSON.parse(text) as ISubscription);
  }

  close(): void {
    this.readyState = 3;
  }

  /** The server accepts and greets. */
  greet(boot: string): void {
    this.readyState = 1;
    this.onopen?.();
    this.tell({ type: 'hello', boot });
  }

  state(topic: string, seq: number, value: unknown): void {
    this.tell({ type: 'state', topic, seq, value });
  }

  alive(): void {
    this.tell({ type: 'alive' });
  }

  tell(message: unknown): void {
    this.onmessage?.({ data: JSON.stringify(message) });
  }

  /** The connection breaks, or was refused when nobody greeted. */
  drop(): void {
    this.readyState = 3;
    this.onclose?.();
  }
}

export type Handler = (request: Request) => Response | Promise<Response>;

/** Settings of a server below a base URL, with a token, whose answers come from `handler`. */
export function settings(handler: Handler, more: Partial<ServerConnection.ISettings> = {}): ServerConnection.ISettings {
  return ServerConnection.makeSettings({
    baseUrl: 'http://localhost:8888/user/ann/',
    wsUrl: 'ws://localhost:8888/user/ann/',
    token: 'se cret',
    appendToken: true,
    WebSocket: FakeSocket as unknown as typeof WebSocket,
    fetch: async (input, init) => handler(new Request(input, init)),
    ...more
  });
}

export function json(value: unknown, status = 200): Response {
  return new Response(JSON.stringify(value), { status, headers: { 'Content-Type': 'application/json' } });
}

/** An address without the time that Lab's services add to it, so that no cache answers. */
export function asked(url: string): string {
  return url.replace(/[?&]\d{13}$/, '');
}
