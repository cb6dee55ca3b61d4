// A run's log as a tab shows it: opened in a spool of the server, read by windows, followed by its topic.
// Where the server was restarted it opens the log again by itself and keeps the number of lines meanwhile, so that the
// place in it is kept. Searching is search.ts's.

import type { IDisposable } from '@lumino/disposable';
import { Signal } from '@lumino/signaling';

import { problemOf } from '../answer';
import { RequestError } from '../client';
import type { RunRef } from '../desk';
import { RunWatch } from '../runs/watch';
import type { PanelState } from '../state';
import type { LogLine, LogState, Problem } from '../types';
import { WindowedSource } from '../windowed';

const PAGE = 200; // lines; even of the longest shown ones the server sends as many at once
const PAGES = 20;
const RETRY = 3000; // ms
const IN_SIGHT = 150; // lines at the end that a tall window shows
const CATCH_UP = 15_000; // ms without a new line, in which a log that is read again is waited for

/** What a log tab shows; plain JSON, so that the layout can restore it. */
export interface ILogArgs extends RunRef {
  /** One pod's, "" for all. */
  pod: string;
  /** Each container's instance before the current one. */
  previous?: boolean;
}

export class LogStore implements IDisposable {
  readonly changed = new Signal<this, void>(this);
  readonly source: WindowedSource<LogLine>;
  readonly watch: RunWatch;

  /** Whether the log's end is looked at. */
  following = true;

  constructor(
    private readonly _state: PanelState,
    private _args: ILogArgs
  ) {
    this.source = new WindowedSource<LogLine>(this._fetch, { pageSize: PAGE, pages: PAGES, appends: true });
    this.source.changed.connect(this._onRows, this);
    this.watch = new RunWatch(_state.client, _state.channel, _args);
    this.watch.changed.connect(() => this.changed.emit(), this);
    _state.channel.rebooted.connect(this._reopen, this);
    void this._open();
  }

  get args(): ILogArgs {
    return this._args;
  }

  /** As the server last told; null until the log is open. */
  get log(): LogState | null {
    return this._log;
  }

  get problem(): Problem | null {
    return this._problem ?? (this.source.error === null ? null : problemOf(this.source.error));
  }

  /** The pods that a log can be asked of: those that are there and those that wrote. */
  get pods(): string[] {
    const known = [...(this.watch.run?.pods.map(pod => pod.name) ?? []), ...(this._log?.pods ?? [])];
    return [...new Set(this._args.pod === '' ? known : [...known, this._args.pod])].sort();
  }

  get isDisposed(): boolean {
    return this.source.isDisposed;
  }

  /** Another pod's log, or that of before a restart. */
  show(part: Partial<Pick<ILogArgs, 'pod' | 'previous'>>): void {
    this._args = { ...this._args, ...part };
    this._forget();
    this.source.reset();
    void this._open();
    this.changed.emit();
  }

  /** Lines by number, the last one not included, whether they are in sight or not. */
  async read(first: number, last: number): Promise<LogLine[]> {
    const lines: LogLine[] = [];
    const log = this._log;
    while (log && first + lines.length < last) {
      const count = Math.min(2000, last - first - lines.length);
      const window = await this._state.client.readLog(log.id, first + lines.length, count);
      if (window.lines.length === 0) {
        break;
      }
      lines.push(...window.lines);
    }
    return lines;
  }

  /** Try again now. */
  readonly retry = (): void => {
    this._forget();
    void this._open();
  };

  dispose(): void {
    this._forget();
    this.source.dispose();
    this.watch.dispose();
    Signal.disconnectReceiver(this);
    Signal.clearData(this);
  }

  private async _open(): Promise<void> {
    clearTimeout(this._again);
    const turn = ++this._turn;
    const { name, target, namespace, pod, previous = false, notebook } = this._args;
    try {
      const log = await this._state.client.openLog({ name, target, namespace, pod, previous }, notebook);
      if (turn === this._turn && !this.isDisposed) {
        this._problem = null;
        this._take(log);
        this._topic?.dispose();
        this._topic = this._state.channel.subscribe<LogState>(log.topic, this._onNews);
      }
    } catch (error) {
      if (turn === this._turn && !this.isDisposed) {
        this._failed(error);
      }
    }
  }

  private _failed(error: unknown): void {
    this._problem = problemOf(error);
    const final = error instanceof RequestError && error.status >= 400 && error.status < 500;
    if (!final) {
      this._again = setTimeout(() => void this._open(), RETRY);
    }
    this.changed.emit();
  }

  private readonly _onNews = (news: LogState | null): void => {
    if (news === null) {
      this._reopen();
    } else if (news.id === this._log?.id) {
      this._take(news);
    }
  };

  private _take(log: LogState): void {
    const news = log.lines !== this._log?.lines;
    this._log = log;
    if (this._floor > 0) {
      this._catchUp(log, news);
    }
    void this._advance();
    this.changed.emit();
  }

  /** Show the lines that came; where the end is looked at, once they are here, so that a fast log is no blank page. */
  private async _advance(): Promise<void> {
    if (this._advancing) {
      return;
    }
    this._advancing = true;
    while (this._log && !this.isDisposed && Math.max(this._log.lines, this._floor) !== this.source.total) {
      const log = this._log;
      if (this.following && this._floor === 0) {
        try {
          await this.source.preload(log.lines - IN_SIGHT, log.lines);
        } catch {
          // fetched, and its failure told, when it is looked at
        }
      }
      if (log.id === (this._log as LogState | null)?.id) {
        this.source.setTotal(Math.max(log.lines, this._floor));
      }
    }
    this._advancing = false;
  }

  /** A log that is read again has fewer lines than are shown, for a moment. */
  private _catchUp(log: LogState, news: boolean): void {
    if (log.lines >= this._floor || log.ended) {
      this._floor = 0;
    } else if (news) {
      clearTimeout(this._patience);
      this._patience = setTimeout(() => {
        this._floor = 0;
        this.source.setTotal(this._log?.lines ?? 0);
      }, CATCH_UP);
    }
    this.source.invalidate(); // pages that were not full yet
  }

  private readonly _reopen = (): void => {
    this._forget();
    this._floor = this.source.total;
    this.source.reset(this._floor);
    void this._open();
    this.changed.emit();
  };

  private _forget(): void {
    this._turn += 1;
    this._topic?.dispose();
    this._topic = null;
    this._log = null;
    this._problem = null;
    this._floor = 0;
    clearTimeout(this._again);
    clearTimeout(this._patience);
  }

  private readonly _fetch = async (
    from: number,
    count: number,
    signal: AbortSignal
  ): Promise<{ rows: LogLine[]; total: number }> => {
    const log = this._log;
    if (log === null) {
      return { rows: [], total: this.source.total };
    }
    const window = await this._state.client.readLog(log.id, from, count, signal);
    return { rows: window.lines, total: this.source.total }; // the topic tells how many there are
  };

  private _onRows(): void {
    const { error } = this.source;
    if (error instanceof RequestError && error.status === 404 && this._log !== null) {
      this._reopen(); // the server let the spool go
    } else {
      this.changed.emit();
    }
  }

  private _log: LogState | null = null;
  private _problem: Problem | null = null;
  /** How many lines are shown at least, while a log is read again. */
  private _floor = 0;
  private _turn = 0;
  private _advancing = false;
  private _topic: IDisposable | null = null;
  private _again: ReturnType<typeof setTimeout> | undefined;
  private _patience: ReturnType<typeof setTimeout> | undefined;
}
