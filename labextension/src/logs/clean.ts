// A line of a log as text that can be shown: what a terminal would act on is taken out or made visible.
// Pure, and in time linear in the line, whatever it holds. Colours become styles; every other escape sequence goes;
// control characters and those that would turn the text's direction are shown as symbols.

export interface IPiece {
  text: string;
  /** Class names, "" for plain text. */
  style: string;
  /** Whether a search found it. */
  hit?: boolean;
}

const ESC = '\u001b';
const BEL = '\u0007';
const CSI = `${ESC}\\[([0-?]*)[ -/]*([@-~])`;
const STRINGS = `${ESC}[\\]PX^_][^${BEL}${ESC}\u009c]*(?:${BEL}|${ESC}\\\\|\u009c)`;
const SHORT = `${ESC}(?:[ -/]+[0-~]|[78=>cDEHMNOZ])`;
const CONTROL = '[\u0000-\u0008\u000a-\u001f\u007f-\u009f\u00ad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff]';
const SPECIAL = new RegExp(`${CSI}|${STRINGS}|${SHORT}|${CONTROL}`, 'g');

/** What is left of a line on a terminal, in pieces of one style each. */
export function clean(line: string): IPiece[] {
  const text = lastWritten(line);
  const pieces: IPiece[] = [];
  let style = new Style();
  let at = 0;
  const add = (more: string) => {
    const last = pieces.at(-1);
    if (last?.style === style.names) {
      last.text += more;
    } else if (more !== '') {
      pieces.push({ text: more, style: style.names });
    }
  };
  for (const found of text.matchAll(SPECIAL)) {
    add(text.slice(at, found.index));
    at = found.index + found[0].length;
    if (found[2] === 'm') {
      style = style.with(found[1] ?? '');
    } else if (found[0].length === 1) {
      add(symbol(found[0].charCodeAt(0)));
    }
  }
  add(text.slice(at));
  return pieces;
}

/** The text of a line without styles. */
export function plain(line: string): string {
  return clean(line)
    .map(piece => piece.text)
    .join('');
}

/** The same pieces, cut where `q` is found; capitals in it count, as for the server's search. */
export function marked(pieces: IPiece[], q: string): IPiece[] {
  if (q === '') {
    return pieces;
  }
  const whole = pieces.map(piece => piece.text).join('');
  const flags = q === q.toLowerCase() ? 'gi' : 'g';
  const pattern = new RegExp(q.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'), flags);
  const ends: [number, boolean][] = [];
  for (const found of whole.matchAll(pattern)) {
    ends.push([found.index, false], [found.index + found[0].length, true]);
  }
  return ends.length === 0 ? pieces : cut(pieces, [...ends, [whole.length, false]]);
}

/** @param ends Where parts end, in order, and whether what ends there is a hit. */
function cut(pieces: IPiece[], ends: [number, boolean][]): IPiece[] {
  const made: IPiece[] = [];
  let from = 0; // of the piece
  let at = 0;
  let next = 0;
  for (const piece of pieces) {
    const until = from + piece.text.length;
    while (at < until) {
      while ((ends[next]?.[0] ?? until) <= at && next < ends.length) {
        next += 1;
      }
      const [end, hit] = ends[next] ?? [until, false];
      const stop = Math.min(end, until);
      made.push({ text: piece.text.slice(at - from, stop - from), style: piece.style, hit });
      at = stop;
    }
    from = until;
  }
  return made;
}

/** A carriage return goes back to the line's begin: a progress bar shows what it wrote last. */
function lastWritten(line: string): string {
  let end = line.length;
  while (end > 0 && line[end - 1] === '\r') {
    end -= 1;
  }
  return line.slice(line.lastIndexOf('\r', end - 1) + 1, end);
}

function symbol(code: number): string {
  if (code < 0x20) {
    return String.fromCharCode(0x2400 + code);
  }
  return code === 0x7f ? '\u2421' : `\\u${code.toString(16).padStart(4, '0')}`;
}

/** What SGR sequences set: one of sixteen colours, bold, underlined. */
class Style {
  constructor(
    private readonly _color = -1,
    private readonly _bold = false,
    private readonly _underline = false
  ) {}

  get names(): string {
    const names = [
      this._color >= 0 ? `nbc-ansi-${this._color % 8}` : '',
      this._bold ? 'nbc-ansi-bold' : '',
      this._underline ? 'nbc-ansi-underline' : ''
    ];
    return names.filter(each => each !== '').join(' ');
  }

  with(parameters: string): Style {
    let [color, bold, underline] = [this._color, this._bold, this._underline];
    const codes = parameters.split(/[;:]/).map(Number);
    for (let index = 0; index < codes.length; index++) {
      const code = codes[index] ?? 0;
      if (code === 0) {
        [color, bold, underline] = [-1, false, false];
      } else if (code === 38 || code === 48) {
        index += codes[index + 1] === 2 ? 4 : 2; // a palette's or any colour: left out
      } else {
        bold = code === 1 || (bold && code !== 22);
        underline = code === 4 || (underline && code !== 24);
        color = colored(code, color);
      }
    }
    return new Style(color, bold, underline);
  }
}

function colored(code: number, before: number): number {
  if (code >= 30 && code <= 37) {
    return code - 30;
  }
  return code >= 90 && code <= 97 ? code - 90 : code === 39 ? -1 : before;
}
