// A list of any length of which only the rows in sight are in the page.
// It knows rows by number and nothing of what they show; viewport.ts moves it and says which rows to lay out. Rows have
// one height, or are measured as they come into sight (`measured`). Used by the runs and by the log.

import { Component, createRef, type JSX, type KeyboardEvent, type MouseEvent, type ReactNode } from 'react';
import { flushSync } from 'react-dom';

import type { Align } from './scrollmap';
import { Viewport } from './viewport';

export interface IVirtualListProps {
  count: number;
  /** Of every row; the least of a measured one. */
  rowHeight: number;
  /** What a screen reader calls the list. */
  label: string;
  /** A grid has rows that can be active; a log is read and scrolled. */
  role: 'grid' | 'log';
  render: (row: number) => ReactNode;
  rowKey?: (row: number) => string | number;
  rowClass?: (row: number) => string;
  /** Rows have heights of their own. Fixed for the life of the list, as `wide` is. */
  measured?: boolean;
  /** Rows may be wider than the list. */
  wide?: boolean;
  /** Stay at the end while rows are added. */
  follow?: boolean;
  onFollow?: (follow: boolean) => void;
  /** Rows to have at hand, the last one not included. */
  onRange?: (first: number, last: number) => void;
  /** The row that the keyboard is on, -1 for none. */
  active?: number;
  selected?: number;
  onActive?: (row: number) => void;
  onSelect?: (row: number) => void;
  /** Rows that stay in the page while out of sight, as an end of a selection does. */
  pinned?: readonly number[];
  /** The row to begin with. */
  start?: number;
  className?: string;
}

interface IState {
  first: number;
  last: number;
}

export class VirtualList extends Component<IVirtualListProps, IState> {
  override state: IState = { first: 0, last: 0 };

  constructor(props: IVirtualListProps) {
    super(props);
    this._port = new Viewport(props.rowHeight, props.measured ?? false, props.wide ?? false, {
      onRange: this._setRange,
      onFollow: follow => this.props.onFollow?.(follow)
    });
    this._port.follow = props.follow ?? false;
    this._port.map.setTotal(props.count);
  }

  /** The first row of which something is in sight. */
  get firstSeen(): number {
    return this._port.map.anchor.row;
  }

  /** How many rows fit about. */
  get seen(): number {
    return Math.ceil(this._port.map.viewport / this.props.rowHeight);
  }

  reveal(row: number, align: Align = 'nearest'): void {
    this._port.reveal(row, align);
  }

  /** Put the keyboard's focus on a row, which comes into view. */
  focusRow(row: number): void {
    this._focus = row;
    this.reveal(row);
    this.forceUpdate();
  }

  override componentDidMount(): void {
    const [view, canvas, block] = [this._view.current, this._canvas.current, this._block.current];
    if (view && canvas && block) {
      this._port.attach({ view, canvas, block });
      if (this.props.start !== undefined && !this._port.follow) {
        this._port.reveal(this.props.start, 'start');
      }
    }
  }

  override componentWillUnmount(): void {
    this._port.detach();
  }

  override componentDidUpdate(before: IVirtualListProps): void {
    this._port.follow = this.props.follow ?? false;
    if (before.count !== this.props.count) {
      this._port.setTotal(this.props.count);
    } else if (before.follow !== this.props.follow) {
      this._port.moved();
    }
    this._port.laidOut(this.state.first, this.state.last);
    this._takeFocus();
  }

  override render(): JSX.Element {
    const { count, label, role, className = '', wide = false } = this.props;
    const kind = role === 'grid' ? { 'aria-rowcount': count } : { 'aria-live': 'off' as const };
    return (
      <div
        ref={this._view}
        className={`nbc-virtual ${className}`}
        role={role}
        aria-label={label}
        tabIndex={role === 'grid' ? -1 : 0}
        onKeyDown={this._onKeyDown}
        {...kind}
      >
        <div ref={this._canvas} className="nbc-virtual-canvas" role="presentation">
          <div ref={this._block} className={`nbc-virtual-block ${wide ? 'nbc-mod-wide' : ''}`} role="presentation">
            {this._rows().map(row => this._row(row))}
          </div>
        </div>
      </div>
    );
  }

  /** Those in range, and those that have to stay. */
  private _rows(): number[] {
    const { count, pinned = [], active = -1, role } = this.props;
    const [first, last] = [Math.min(this.state.first, count), Math.min(this.state.last, count)];
    const rows = Array.from({ length: last - first }, (_, index) => first + index);
    const wanted = role === 'grid' ? [...pinned, Math.max(0, active)] : pinned;
    const away = [...new Set(wanted)].filter(row => row >= 0 && row < count && (row < first || row >= last));
    return away.length > 0 ? [...rows, ...away].sort((a, b) => a - b) : rows;
  }

  private _row(row: number): JSX.Element {
    const { rowHeight, measured = false, role, rowKey, rowClass } = this.props;
    const { first, last } = this.state;
    const away = row < first || row >= last;
    const style = {
      ...(measured ? { minHeight: rowHeight } : { height: rowHeight }),
      ...(away ? { position: 'absolute' as const, top: (row - first) * rowHeight } : {})
    };
    return (
      <div
        key={rowKey?.(row) ?? row}
        className={`nbc-virtual-row ${rowClass?.(row) ?? ''}`}
        data-row={row}
        style={style}
        {...(role === 'grid' ? this._gridRow(row) : {})}
      >
        {this.props.render(row)}
      </div>
    );
  }

  private _gridRow(row: number): React.HTMLAttributes<HTMLDivElement> {
    const { active = -1, selected = -1 } = this.props;
    return {
      role: 'row',
      'aria-rowindex': row + 1,
      'aria-selected': row === selected,
      tabIndex: row === Math.max(0, active) ? 0 : -1,
      onClick: this._onClick
    };
  }

  private readonly _setRange = (first: number, last: number, sync: boolean): void => {
    this.props.onRange?.(first, last);
    if (sync) {
      flushSync(() => {
        this.setState({ first, last });
      });
    } else {
      this.setState({ first, last });
    }
  };

  private readonly _onClick = (event: MouseEvent<HTMLElement>): void => {
    const row = Number(event.currentTarget.dataset.row);
    this.props.onActive?.(row);
    if (!(event.target instanceof Element && event.target.closest('button, a, input'))) {
      this.props.onSelect?.(row);
    }
  };

  private readonly _onKeyDown = (event: KeyboardEvent<HTMLElement>): void => {
    if (event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) {
      return;
    }
    const handled = this.props.role === 'grid' ? this._gridKey(event) : this._logKey(event.key);
    if (handled) {
      event.preventDefault();
      event.stopPropagation();
    }
  };

  private _gridKey({ key, target }: KeyboardEvent<HTMLElement>): boolean {
    const { count, active = -1, onActive, onSelect } = this.props;
    const onRow = target instanceof HTMLElement && target.dataset.row !== undefined;
    if (onRow && (key === 'Enter' || key === ' ')) {
      onSelect?.(Number(target.dataset.row));
      return true;
    }
    const page = Math.max(1, this.seen - 2);
    const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -count, End: count };
    if (!(key in steps) || count === 0) {
      return false;
    }
    const next = Math.max(0, Math.min(count - 1, Math.max(0, active) + steps[key as keyof typeof steps]));
    onActive?.(next);
    this.focusRow(next);
    return true;
  }

  private _logKey(key: string): boolean {
    const { rowHeight } = this.props;
    const page = Math.max(rowHeight, this._port.map.viewport - rowHeight);
    const keys: Record<string, () => void> = {
      ArrowDown: () => this._port.by(rowHeight),
      ArrowUp: () => this._port.by(-rowHeight),
      PageDown: () => this._port.by(page),
      PageUp: () => this._port.by(-page),
      Home: () => this._port.toStart(),
      End: () => this._port.toEnd()
    };
    keys[key]?.();
    return key in keys;
  }

  private _takeFocus(): void {
    const row = this._focus;
    const node = row < 0 ? null : this._block.current?.querySelector<HTMLElement>(`[data-row="${row}"]`);
    if (node) {
      this._focus = -1;
      node.focus({ preventScroll: true });
    }
  }

  private readonly _port: Viewport;
  private readonly _view = createRef<HTMLDivElement>();
  private readonly _canvas = createRef<HTMLDivElement>();
  private readonly _block = createRef<HTMLDivElement>();
  private _focus = -1;
}
