// Stepping through the lines that hold a text; the server finds them, some thousands at a time.
// No view and no highlighting (clean.ts). A search goes on only where somebody steps beyond what was found.

import { Signal } from '@lumino/signaling';

import type { Matches } from '../types';

export type Find = (q: string, from: number) => Promise<Matches>;

export class Search {
  readonly changed = new Signal<this, void>(this);

  constructor(private readonly _find: Find) {}

  get q(): string {
    return this._q;
  }

  /** The line that was stepped to, -1 for none. */
  get line(): number {
    return this._lines[this._at] ?? -1;
  }

  /** Which of the found lines that is, from 1; 0 for none. */
  get position(): number {
    return this._at + 1;
  }

  /** How many lines were found so far. */
  get found(): number {
    return this._lines.length;
  }

  /** Whether there may be more than were found. */
  get more(): boolean {
    return this._more;
  }

  get searching(): boolean {
    return this._searching;
  }

  /** Why the last search failed, null where it did not. */
  get error(): unknown {
    return this._error;
  }

  has(line: number): boolean {
    return this._set.has(line);
  }

  /** Look for another text, and go to the first line from `near` on that holds it. Gives that line, -1 for none. */
  async begin(q: string, near: number): Promise<number> {
    this.clear();
    this._q = q;
    if (q === '') {
      return -1;
    }
    const turn = this._turn;
    do {
      await this._load();
      if (turn !== this._turn) {
        return -1;
      }
    } while (this._lines.length === 0 && this._more && this._error === null);
    const first = this._lines.findIndex(line => line >= near);
    return this._go(first >= 0 ? first : 0);
  }

  /** To the next line, at the end again to the first. */
  async next(): Promise<number> {
    this._error = null;
    while (this._at + 1 >= this._lines.length && this._more && this._error === null) {
      if (!(await this._load())) {
        return this.line;
      }
    }
    return this._go(this._at + 1 < this._lines.length ? this._at + 1 : 0);
  }

  /** To the line before, from the first to the last one, which may have to be looked for. */
  async previous(): Promise<number> {
    this._error = null;
    while (this._at <= 0 && this._more && this._error === null) {
      if (!(await this._load())) {
        return this.line;
      }
    }
    return this._go(this._at > 0 ? this._at - 1 : this._lines.length - 1);
  }

  /** Lines were added: there may be more. */
  grown(): void {
    if (this._q !== '' && !this._more) {
      this._more = true;
      this.changed.emit();
    }
  }

  clear(): void {
    this._turn += 1;
    this._q = '';
    this._lines = [];
    this._set.clear();
    this._at = -1;
    this._next = 0;
    this._more = true;
    this._error = null;
    this._searching = false;
    this.changed.emit();
  }

  private _go(at: number): number {
    this._at = Math.min(at, this._lines.length - 1);
    this.changed.emit();
    return this.line;
  }

  /** The next lines. Gives false where another search began meanwhile, or one is on its way. */
  private async _load(): Promise<boolean> {
    if (this._searching) {
      return false;
    }
    const turn = this._turn;
    this._searching = true;
    this._error = null;
    this.changed.emit();
    try {
      const found = await this._find(this._q, this._next);
      if (turn === this._turn) {
        this._lines.push(...found.lines);
        found.lines.forEach(line => this._set.add(line));
        this._next = found.next;
        this._more = found.more;
      }
    } catch (error) {
      if (turn === this._turn) {
        this._error = error;
      }
    }
    if (turn === this._turn) {
      this._searching = false;
      this.changed.emit();
    }
    return turn === this._turn;
  }

  private _q = '';
  private _lines: number[] = [];
  private readonly _set = new Set<number>();
  private _at = -1;
  private _next = 0;
  private _more = true;
  private _error: unknown = null;
  private _searching = false;
  private _turn = 0;
}
