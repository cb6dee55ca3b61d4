// Rows that a server has, of which the page holds only pages around what is looked at.
// Not a list and not a view: it answers "what is row n?" at once, with nothing where the row is still on its way, and
// fetches what was wanted last. A page asked for twice is fetched once; one that nobody wants any more is given up.

import type { IDisposable } from '@lumino/disposable';
import { Signal } from '@lumino/signaling';

export interface IFetched<T> {
  rows: readonly T[];
  /** How many rows there are in all. */
  total: number;
}

export type Fetch<T> = (from: number, count: number, signal: AbortSignal) => Promise<IFetched<T>>;

export interface IWindowedOptions {
  /** Rows of one request. */
  pageSize: number;
  /** Pages held; more where more are looked at at once. */
  pages: number;
  /** A row stays as it is, and new ones come behind the last: what is there is not fetched again. */
  appends?: boolean;
}

interface IPage<T> {
  rows: readonly T[];
  stale: boolean;
}

interface IRequest {
  abort: AbortController;
  /** Stale again while it was on its way. */
  again: boolean;
}

const FIRST_RETRY = 1000;
const LONGEST_RETRY = 15_000;

export class WindowedSource<T> implements IDisposable {
  /** Rows came, or their number changed, or a fetch failed. */
  readonly changed = new Signal<this, void>(this);

  constructor(
    private readonly _fetch: Fetch<T>,
    private readonly _options: IWindowedOptions
  ) {}

  get total(): number {
    return this._total;
  }

  /** Why the last fetch failed; null when it did not. */
  get error(): unknown {
    return this._error;
  }

  get isDisposed(): boolean {
    return this._isDisposed;
  }

  /** How many pages are held now. */
  get held(): number {
    return this._pages.size;
  }

  get(row: number): T | undefined {
    const size = this._options.pageSize;
    return this._pages.get(Math.floor(row / size))?.rows[row % size];
  }

  /** The rows that are held, with their numbers. */
  *known(): Generator<[number, T]> {
    for (const [number, page] of this._pages) {
      for (const [index, row] of page.rows.entries()) {
        yield [number * this._options.pageSize + index, row];
      }
    }
  }

  /** These rows are looked at now, the last one not included. */
  want(first: number, last: number): void {
    const size = this._options.pageSize;
    this._wanted = [Math.floor(Math.max(0, first) / size), Math.floor(Math.max(0, last - 1) / size)];
    this._work();
  }

  /** Have these rows at hand before they are shown, the last one not included. Rejects when they can't be had. */
  async preload(first: number, last: number): Promise<void> {
    const size = this._options.pageSize;
    for (let number = Math.floor(Math.max(0, first) / size); number * size < last; number++) {
      const held = this._pages.get(number)?.rows.length ?? 0;
      if (held < Math.min(size, last - number * size) && !this._isDisposed) {
        const { signal } = this._ending;
        const { rows } = await this._whole(number, signal);
        if (signal.aborted) {
          return; // other rows by now
        }
        this._touch(number, { rows, stale: false });
      }
    }
  }

  /** How many rows there are by other news than a fetch. */
  setTotal(total: number): void {
    if (total === this._total) {
      return;
    }
    this._stretch(total);
    this._work();
    this.changed.emit();
  }

  /** Everything may have changed: what is looked at is fetched again and shown as it was until then. */
  invalidate(): void {
    for (const [number, page] of this._pages) {
      if (this._isWanted(number)) {
        page.stale = true;
      } else {
        this._pages.delete(number);
      }
    }
    for (const request of this._requests.values()) {
      request.again = true;
    }
    this._work();
  }

  /** Other rows are asked for from now on; until the first of them come, what is looked at stays. */
  renew(): void {
    this._abortAll();
    this._calm();
    this.invalidate();
  }

  /** Other rows altogether: none until they come. @param total How many there will be again, to keep the place. */
  reset(total = 0): void {
    this._abortAll();
    this._calm();
    this._pages.clear();
    this._total = total;
    this._wanted = total > 0 ? this._wanted : [0, 0];
    this._work();
    this.changed.emit();
  }

  dispose(): void {
    this._isDisposed = true;
    this._abortAll();
    clearTimeout(this._retry);
    this._pages.clear();
    Signal.clearData(this);
  }

  private _calm(): void {
    this._error = null;
    this._failures = 0;
    clearTimeout(this._retry);
    this._retry = undefined;
  }

  private _work(): void {
    if (this._isDisposed) {
      return;
    }
    for (const [number, request] of this._requests) {
      if (!this._isWanted(number)) {
        request.abort.abort();
        this._requests.delete(number);
      }
    }
    const [first, last] = this._wanted;
    for (let number = first; number <= last && this._retry === undefined; number++) {
      const page = this._pages.get(number);
      const beyond = number > 0 && number * this._options.pageSize >= this._total;
      if (!this._requests.has(number) && (page?.stale ?? !beyond)) {
        void this._load(number);
      }
      if (page) {
        this._touch(number, page);
      }
    }
  }

  private async _load(number: number): Promise<void> {
    const request: IRequest = { abort: new AbortController(), again: false };
    this._requests.set(number, request);
    const ours = () => this._requests.get(number) === request;
    try {
      const found = await this._whole(number, request.abort.signal);
      if (ours()) {
        this._requests.delete(number);
        this._take(number, found, request.again);
      }
    } catch (error) {
      if (ours()) {
        this._requests.delete(number);
        this._failed(error);
      }
    }
  }

  /** All rows of a page; a server may answer with fewer at once. */
  private async _whole(number: number, signal: AbortSignal): Promise<IFetched<T>> {
    const size = this._options.pageSize;
    const rows = this._options.appends ? [...(this._pages.get(number)?.rows ?? [])] : [];
    if (rows.length >= size) {
      return { rows, total: this._total };
    }
    for (;;) {
      const found = await this._fetch(number * size + rows.length, size - rows.length, signal);
      rows.push(...found.rows);
      if (found.rows.length === 0 || number * size + rows.length >= found.total || rows.length >= size) {
        return { rows, total: found.total };
      }
    }
  }

  private _take(number: number, found: IFetched<T>, stale: boolean): void {
    this._error = null;
    this._failures = 0;
    this._stretch(found.total);
    this._touch(number, { rows: found.rows, stale });
    const most = Math.max(this._options.pages, this._wanted[1] - this._wanted[0] + 1);
    for (const each of this._pages.keys()) {
      if (this._pages.size <= most) {
        break;
      }
      this._pages.delete(each);
    }
    this._work();
    this.changed.emit();
  }

  private _failed(error: unknown): void {
    this._error = error;
    this._failures += 1;
    clearTimeout(this._retry);
    this._retry = setTimeout(() => {
      this._retry = undefined;
      this._work();
    }, Math.min(LONGEST_RETRY, FIRST_RETRY * 2 ** (this._failures - 1)));
    this.changed.emit();
  }

  /** Another number of rows: the page at the old end may have more of them, pages behind the new end are gone. */
  private _stretch(total: number): void {
    const size = this._options.pageSize;
    const before = this._total;
    this._total = total;
    for (const [number, page] of this._pages) {
      const wanted = Math.max(0, Math.min(size, total - number * size));
      if (wanted === 0 && number > 0) {
        this._pages.delete(number);
      } else if (total > before ? page.rows.length < wanted : page.rows.length > wanted) {
        page.stale = true;
      }
    }
    for (const [number, request] of this._requests) {
      request.again ||= before !== total && number === Math.floor(before / size);
    }
  }

  /** The newest in use is the last in the map. */
  private _touch(number: number, page: IPage<T>): void {
    this._pages.delete(number);
    this._pages.set(number, page);
  }

  private _isWanted(number: number): boolean {
    return number >= this._wanted[0] && number <= this._wanted[1];
  }

  private _abortAll(): void {
    for (const request of this._requests.values()) {
      request.abort.abort();
    }
    this._requests.clear();
    this._ending.abort();
    this._ending = new AbortController();
  }

  private readonly _pages = new Map<number, IPage<T>>();
  private readonly _requests = new Map<number, IRequest>();
  private _ending = new AbortController();
  private _wanted: [number, number] = [0, 0];
  private _total = 0;
  private _error: unknown = null;
  private _failures = 0;
  private _retry: ReturnType<typeof setTimeout> | undefined;
  private _isDisposed = false;
}
