// The runs of a target as the section shows them: a filter, windows of rows, the counts by phase, the chosen run.
// The server filters and orders, and one watch there serves every page; this fetches again what is in sight when that
// watch tells of a change. What is done to runs is acts.ts's.

import type { IDisposable } from '@lumino/disposable';
import { Signal } from '@lumino/signaling';

import { problemOf } from '../answer';
import { RequestError } from '../client';
import type { PanelState } from '../state';
import type { IPlace, Problem, Run, RunsQuery, RunsState, RunWindow } from '../types';
import { WindowedSource } from '../windowed';
import { Throttle } from './throttle';

export type Filter = Required<Pick<RunsQuery, 'of' | 'kind' | 'phase' | 'q'>>;
type Told = Pick<RunWindow, 'topic' | 'state' | 'target' | 'counts'>;

const REFETCH = 250; // ms between two fetches of what is in sight
const PAGE = 100;

export class RunsStore implements IDisposable {
  readonly changed = new Signal<this, void>(this);
  readonly source: WindowedSource<Run>;

  constructor(private readonly _state: PanelState) {
    this.source = new WindowedSource<Run>(this._fetch, { pageSize: PAGE, pages: 10 });
    this.source.changed.connect(this._onRows, this);
    _state.targetChanged.connect(this._elsewhere, this);
    _state.notebookChanged.connect(this._elsewhere, this);
    _state.channel.rebooted.connect(this.refresh, this);
  }

  get filter(): Filter {
    return this._filter;
  }

  /** The filter as it is asked: without a notebook there are no runs of it. */
  get of(): Filter['of'] {
    return this._state.notebook === '' ? 'all' : this._filter.of;
  }

  /** What the newest window said of the target; null before the first. */
  get told(): Told | null {
    return this._told;
  }

  get problem(): Problem | null {
    return this.source.error === null ? null : problemOf(this.source.error);
  }

  /** Where the runs are looked for, to act on one. */
  get place(): IPlace {
    const { notebook, target, namespace } = this._state;
    return { notebook, target, namespace };
  }

  /** The chosen run's name, "" for none. */
  get chosen(): string {
    return this._chosen;
  }

  /** The chosen run as last heard of; null while it is not known. */
  get chosenRun(): Run | null {
    return this._run?.name === this._chosen ? this._run : null;
  }

  get isDisposed(): boolean {
    return this.source.isDisposed;
  }

  setFilter(part: Partial<Filter>): void {
    this._filter = { ...this._filter, ...part };
    this.source.renew();
    this.changed.emit();
  }

  choose(name: string): void {
    this._chosen = name;
    this._gone = false;
    this._lookUp();
    this.changed.emit();
  }

  /** Whether the chosen run is no more. */
  get gone(): boolean {
    return this._gone;
  }

  /** The number of the row that has this run, -1 where it is not at hand. */
  rowOf(name: string): number {
    for (const [row, run] of name === '' ? [] : this.source.known()) {
      if (run.name === name) {
        return row;
      }
    }
    return -1;
  }

  /** Fetch again what is in sight, soon. */
  readonly refresh = (): void => {
    this._throttle.call();
  };

  dispose(): void {
    this._topic?.dispose();
    this._throttle.dispose();
    this._asking?.abort();
    clearTimeout(this._later);
    this.source.dispose();
    Signal.disconnectReceiver(this);
    Signal.clearData(this);
  }

  private readonly _fetch = async (
    offset: number,
    limit: number,
    signal: AbortSignal
  ): Promise<{ rows: Run[]; total: number }> => {
    const query = { ...this.place, ...this._filter, of: this.of, offset, limit };
    const window = await this._state.client.runs(query, signal);
    if (!signal.aborted) {
      this._told = window;
      this._seen = window.state.version;
      this._listen(window.topic);
    }
    return { rows: window.runs, total: window.total };
  };

  private _listen(topic: string): void {
    if (topic !== this._topicName) {
      this._topic?.dispose();
      this._topicName = topic;
      this._topic = this._state.channel.subscribe<RunsState>(topic, this._onNews);
    }
  }

  private readonly _onNews = (news: RunsState | null): void => {
    if (news?.version !== this._seen) {
      this.refresh();
    }
    if (news && this._told) {
      this._told = { ...this._told, state: news };
      this.changed.emit();
    }
  };

  private _refetch(): void {
    if (this.isDisposed) {
      return;
    }
    clearTimeout(this._later);
    if (this._state.visible) {
      this.source.invalidate();
      this._stale = true;
    } else {
      this._later = setTimeout(this.refresh, 1000); // nobody looks
    }
  }

  private _onRows(): void {
    if (this._chosen !== '') {
      this._lookUp();
    }
    this._stale = false;
    this.changed.emit();
  }

  /** Where the chosen run is not among the rows at hand it is asked for by name. */
  private _lookUp(): void {
    const row = this.rowOf(this._chosen);
    if (row >= 0) {
      this._run = this.source.get(row) ?? null;
      this._gone = false;
    } else if (this._chosen !== '' && (this._stale || this.chosenRun === null)) {
      void this._ask(this._chosen);
    }
  }

  private async _ask(name: string): Promise<void> {
    this._asking?.abort();
    const { signal } = (this._asking = new AbortController());
    try {
      this._run = await this._state.client.run(name, this.place, signal);
      this._gone = false;
    } catch (error) {
      this._gone = error instanceof RequestError && error.status === 404;
    }
    if (!signal.aborted) {
      this.changed.emit();
    }
  }

  /** Another notebook or target: other runs. */
  private _elsewhere(): void {
    const key = JSON.stringify(this.place);
    if (key === this._key) {
      return;
    }
    this._key = key;
    this._told = null;
    this._chosen = '';
    this._run = null;
    this._topic?.dispose();
    this._topic = null;
    this._topicName = '';
    this.source.reset();
    this.changed.emit();
  }

  private readonly _throttle = new Throttle(() => {
    this._refetch();
  }, REFETCH);
  private _filter: Filter = { of: 'notebook', kind: '', phase: '', q: '' };
  private _told: Told | null = null;
  private _seen = -1;
  private _topicName = '';
  private _topic: IDisposable | null = null;
  private _chosen = '';
  private _run: Run | null = null;
  private _gone = false;
  private _stale = false;
  private _key = '';
  private _asking: AbortController | null = null;
  private _later: ReturnType<typeof setTimeout> | undefined;
}
