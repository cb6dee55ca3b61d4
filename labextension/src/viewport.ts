// The three elements of a virtual list and how they are moved: the view that scrolls, the canvas that gives the scroll bar
// its length, and the block of the rows that are laid out. Reads layout once and writes once per frame.
// It knows no React and no rows' content; virtual.tsx renders the rows of the range that this one gives.

import { type Align, ScrollMap } from './scrollmap';

const OVERSCAN = 8;
const SETTLED = 150; // ms without movement, where a browser does not tell

export interface IListener {
  /** Lay out these rows, the last one not included; `sync` before the next paint. */
  onRange(first: number, last: number, sync: boolean): void;
  /** The user moved away from the end, or to it. */
  onFollow(follow: boolean): void;
}

export interface IElements {
  view: HTMLElement;
  canvas: HTMLElement;
  block: HTMLElement;
}

export class Viewport {
  follow = false;

  constructor(
    rowHeight: number,
    private readonly _measured: boolean,
    private readonly _wide: boolean,
    private readonly _listener: IListener
  ) {
    this.map = new ScrollMap(rowHeight);
  }

  attach(elements: IElements): void {
    this._on = elements;
    const { view } = elements;
    view.addEventListener('scroll', this._onScroll, { passive: true });
    view.addEventListener('scrollend', this._settle);
    this._observer = new ResizeObserver(this._resized);
    this._observer.observe(view);
    this._resized();
  }

  detach(): void {
    this._on?.view.removeEventListener('scroll', this._onScroll);
    this._on?.view.removeEventListener('scrollend', this._settle);
    this._on = null;
    this._observer?.disconnect();
    cancelAnimationFrame(this._frame);
    clearTimeout(this._timer);
  }

  /** There are so many rows now. */
  setTotal(total: number): void {
    this._takeScroll();
    this.map.setTotal(total);
    this.moved();
  }

  reveal(row: number, align: Align): void {
    this.map.reveal(row, align);
    this.moved();
  }

  /** Move by a key. */
  by(pixels: number): void {
    this._takeScroll();
    this.map.by(pixels);
    this._told(pixels);
    this.moved();
  }

  toStart(): void {
    this.map.reveal(0, 'start');
    this._told(-1);
    this.moved();
  }

  toEnd(): void {
    this.map.toEnd();
    this._told(1);
    this.moved();
  }

  /** The anchor or the number of rows is another: scroll bar, range and place follow. */
  moved(): void {
    if (this.follow) {
      this.map.toEnd();
    }
    this._write();
    this._arrange(false);
  }

  /** The rows of the range are laid out: learn their heights, put them where they belong. */
  laidOut(first: number, last: number): void {
    [this._first, this._last] = [first, last];
    if (!this._measure()) {
      this._place();
    }
  }

  /** Give the scroll bar the length and the place that belong to the anchor. */
  private _write(): void {
    if (!this._on || this._hidden) {
      return;
    }
    const { view, canvas } = this._on;
    const free = this._scrolling && !this.map.exact && !this.follow;
    if (free) {
      return; // a bar that somebody holds is put right when it is let go
    }
    const { height } = this.map;
    if (height !== this._height) {
      this._height = height;
      canvas.style.height = `${height}px`;
    }
    const top = this.map.settle();
    if (Math.abs(view.scrollTop - top) >= 1) {
      view.scrollTop = top;
    }
    this.map.took(view.scrollTop);
  }

  private _arrange(sync: boolean): void {
    const [first, last] = this.map.range(OVERSCAN);
    if (first !== this._first || last !== this._last) {
      this._listener.onRange(first, last, sync);
    } else if (!this._measure()) {
      this._place();
    }
  }

  /** Returns whether a height is news; then everything has been put in its place again. */
  private _measure(): boolean {
    let news = false;
    for (const node of this._measured && this._on && !this._hidden ? this._on.block.children : []) {
      if (node instanceof HTMLElement && node.style.position !== 'absolute') {
        const { height } = node.getBoundingClientRect();
        news = (height > 0 && this.map.measure(Number(node.dataset.row), height)) || news;
      }
    }
    if (news) {
      this._takeScroll();
      this.map.setTotal(this.map.total);
      this.moved();
    }
    return news;
  }

  private _place(): void {
    if (!this._on) {
      return;
    }
    const { block, canvas } = this._on;
    const top = this.map.top + this.map.offsetOf(this._first);
    if (top !== this._blockTop) {
      this._blockTop = top;
      block.style.top = `${top}px`;
    }
    // The width only grows, so that a scrolled line does not jump sideways when a longer one leaves.
    if (this._wide && block.offsetWidth > this._width) {
      this._width = block.offsetWidth;
      canvas.style.minWidth = `${this._width}px`;
    }
  }

  private readonly _resized = (): void => {
    if (!this._on) {
      return;
    }
    const { clientHeight, clientWidth } = this._on.view;
    const hidden = clientHeight === 0;
    if (!hidden && !this._hidden) {
      this._takeScroll();
    }
    this._hidden = hidden;
    if (hidden) {
      return;
    }
    if (this._measured && clientWidth !== this._viewWidth) {
      this.map.forget();
    }
    this._viewWidth = clientWidth;
    this.map.setViewport(clientHeight);
    this.moved();
  };

  private readonly _onScroll = (): void => {
    this._scrolling = true;
    cancelAnimationFrame(this._frame);
    this._frame = requestAnimationFrame(this._scrolled);
    if (!('onscrollend' in window)) {
      clearTimeout(this._timer);
      this._timer = setTimeout(this._settle, SETTLED);
    }
  };

  private readonly _scrolled = (): void => {
    if (this._takeScroll()) {
      this._arrange(true);
      this._nudge();
    }
  };

  /** Learn what the user did to the scroll bar. */
  private _takeScroll(): boolean {
    if (!this._on || this._hidden) {
      return false;
    }
    const by = this._on.view.scrollTop - this.map.top;
    if (Math.abs(by) < 1) {
      return false;
    }
    this.map.scrolled(this._on.view.scrollTop);
    this._told(by);
    return true;
  }

  /** Bar and content must reach their ends together. */
  private _nudge(): void {
    const { top, height, viewport, exact, atStart, atEnd } = this.map;
    if (!exact && (top <= 1 !== atStart || top >= height - viewport - 1 !== atEnd)) {
      this._scrolling = false;
      this._write();
      this._place();
    }
  }

  /** The movement is over: put the scroll bar where it belongs. */
  private readonly _settle = (): void => {
    this._scrolled(); // a movement of one step ends before its frame
    this._scrolling = false;
    if (!this.map.exact) {
      this._write();
      this._place();
    }
  };

  private _told(by: number): void {
    const follow = by >= 0 && (this.follow || this.map.atEnd);
    if (follow !== this.follow) {
      this.follow = follow;
      this._listener.onFollow(follow);
    }
  }

  readonly map: ScrollMap;
  private _on: IElements | null = null;
  private _observer: ResizeObserver | null = null;
  private _first = 0;
  private _last = 0;
  private _hidden = true;
  private _scrolling = false;
  private _frame = 0;
  private _timer: ReturnType<typeof setTimeout> | undefined;
  private _height = -1;
  private _blockTop = NaN;
  private _width = 0;
  private _viewWidth = 0;
}
