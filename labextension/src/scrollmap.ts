// Where a list of any length stands: which row is at the top of the viewport and by how many pixels it is cut off.
// Pure arithmetic without a DOM. A browser lays out no more than some 16 million pixels, so a longer list gets a shorter
// scroll bar: small moves go by pixels, long ones by proportion, and the bar is put right again when the movement ends.

/** The longest scroll bar that is asked of a browser, in pixels. */
export const LONGEST = 8_000_000;
/** Moves over so many viewports are jumps: a dragged scroll bar, not a wheel. */
const JUMP = 3;
/** How many measured heights are kept. */
const MEASURES = 5000;

export interface IAnchor {
  row: number;
  /** Pixels of the row that are above the viewport's top. */
  offset: number;
}

export type Align = 'nearest' | 'start' | 'center' | 'end';

export class ScrollMap {
  /** @param rowHeight of every row, or the least that a measured one has. */
  constructor(
    readonly rowHeight: number,
    readonly longest = LONGEST
  ) {}

  get anchor(): IAnchor {
    return this._anchor;
  }

  /** What the scroll bar says. */
  get top(): number {
    return this._top;
  }

  get total(): number {
    return this._total;
  }

  get viewport(): number {
    return this._viewport;
  }

  /** The height to give the scrolled element. */
  get height(): number {
    return Math.min(this.longest, Math.ceil(this._total * this._average));
  }

  get atEnd(): boolean {
    const end = this._end();
    return this._distance(end.row) + end.offset <= 2;
  }

  get atStart(): boolean {
    return this._anchor.row === 0 && this._anchor.offset <= 0;
  }

  /** Whether scroll bar and content move pixel by pixel. */
  get exact(): boolean {
    return this._heights.size === 0 && this._total * this.rowHeight <= this.longest;
  }

  heightOf(row: number): number {
    return this._heights.get(row) ?? this.rowHeight;
  }

  setTotal(total: number): void {
    this._total = total;
    this._clamp();
  }

  setViewport(height: number): void {
    this._viewport = height;
    this._clamp();
  }

  /** A row's height as the browser made it. Returns whether that is news. */
  measure(row: number, height: number): boolean {
    const before = this._heights.get(row);
    if (before === height) {
      return false;
    }
    this._heights.delete(row);
    this._heights.set(row, height);
    this._sum += height - (before ?? 0);
    if (this._heights.size > MEASURES) {
      for (const [oldest, its] of this._heights) {
        this._heights.delete(oldest);
        this._sum -= its;
        break;
      }
    }
    return true;
  }

  /** The rows have other heights now: the viewport's width changed. The same row stays at the top. */
  forget(): void {
    this._heights.clear();
    this._sum = 0;
    this._anchor = { row: this._anchor.row, offset: Math.min(this._anchor.offset, this.rowHeight - 1) };
  }

  /** The user moved the scroll bar to `top`. */
  scrolled(top: number): void {
    const by = top - this._top;
    this._top = top;
    if (by === 0) {
      return;
    }
    if (this.exact) {
      this._anchor = { row: Math.floor(top / this.rowHeight), offset: top % this.rowHeight };
      this._clamp();
    } else if (Math.abs(by) > JUMP * this._viewport) {
      this._jump(top);
    } else {
      this.by(by);
    }
  }

  /** Move the content by pixels; `settle` then says where the scroll bar belongs. */
  by(pixels: number): void {
    let { row, offset } = this._anchor;
    offset += pixels;
    while (offset < 0 && row > 0) {
      row -= 1;
      offset += this.heightOf(row);
    }
    while (offset >= this.heightOf(row) && row < this._total - 1) {
      offset -= this.heightOf(row);
      row += 1;
    }
    this._anchor = { row, offset };
    this._clamp();
    if (pixels > 0 && this.atEnd) {
      this.toEnd(); // the last pixel or two
    }
  }

  toEnd(): void {
    this._anchor = this._end();
  }

  /** Bring a row into view. */
  reveal(row: number, align: Align = 'nearest'): void {
    const wanted = Math.max(0, Math.min(row, this._total - 1));
    const room = this._viewport - this.heightOf(wanted);
    const below = this._distance(wanted);
    if (align === 'nearest' && below >= 0 && below <= room) {
      return;
    }
    const place = align === 'start' || (align === 'nearest' && below < 0) ? 0 : align === 'center' ? room / 2 : room;
    this._anchor = { row: wanted, offset: 0 };
    this.by(-Math.max(0, place));
  }

  /** Where the scroll bar belongs now. */
  settle(): number {
    if (this.exact) {
      this._top = this._anchor.row * this.rowHeight + this._anchor.offset;
      return this._top;
    }
    const last = this._position(this._end());
    const top = last > 0 ? Math.round(Math.min(1, this._position(this._anchor) / last) * this._room) : 0;
    // The bar is at its ends only where the content is: else it could not be moved on.
    this._top = Math.max(this.atStart ? 0 : 1, Math.min(this.atEnd ? this._room : this._room - 1, top));
    return this._top;
  }

  /** The browser made `top` of what `settle` said. */
  took(top: number): void {
    this._top = top;
  }

  /** The rows to lay out, the last one not included. */
  range(overscan: number): [number, number] {
    const { row, offset } = this._anchor;
    let last = row;
    for (let bottom = -offset; bottom < this._viewport && last < this._total; last++) {
      bottom += this.heightOf(last);
    }
    return [Math.max(0, row - overscan), Math.min(this._total, last + overscan)];
  }

  /** From the viewport's top to a row's top: what the rows between have, for rows near the viewport. */
  offsetOf(row: number): number {
    return this._sumUp(Math.min(row, this._anchor.row), Math.max(row, this._anchor.row), row) - this._anchor.offset;
  }

  private _sumUp(from: number, to: number, row: number): number {
    let sum = 0;
    for (let each = from; each < to; each++) {
      sum += this.heightOf(each);
    }
    return row < this._anchor.row ? -sum : sum;
  }

  /** As offsetOf, for any row: far away is far enough. */
  private _distance(row: number): number {
    const rows = row - this._anchor.row;
    return Math.abs(rows) * this.rowHeight > 2 * this._viewport ? Math.sign(rows) * Infinity : this.offsetOf(row);
  }

  private get _average(): number {
    return this._heights.size > 0 ? this._sum / this._heights.size : this.rowHeight;
  }

  private get _room(): number {
    return Math.max(0, this.height - this._viewport);
  }

  private _jump(top: number): void {
    const end = this._end();
    const share = this._room > 0 ? Math.max(0, Math.min(1, top / this._room)) : 0;
    const position = share * this._position(end);
    const row = Math.min(Math.floor(position), Math.max(0, this._total - 1));
    this._anchor = share === 1 ? end : { row, offset: (position - row) * this.heightOf(row) };
  }

  private _position({ row, offset }: IAnchor): number {
    return row + offset / this.heightOf(row);
  }

  /** The anchor that has the last row's bottom at the viewport's. */
  private _end(): IAnchor {
    let row = this._total;
    let room = this._viewport;
    while (row > 0 && room > 0) {
      row -= 1;
      room -= this.heightOf(row);
    }
    return { row, offset: Math.max(0, -room) };
  }

  private _clamp(): void {
    const end = this._end();
    const { row, offset } = this._anchor;
    if (row > end.row || (row === end.row && offset > end.offset)) {
      this._anchor = end;
    } else if (offset < 0) {
      this._anchor = { row, offset: 0 };
    }
  }

  private readonly _heights = new Map<number, number>();
  private _sum = 0;
  private _anchor: IAnchor = { row: 0, offset: 0 };
  private _top = 0;
  private _total = 0;
  private _viewport = 0;
}
