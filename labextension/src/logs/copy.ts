// A selection in a log whose lines are mostly not in the page: its ends as lines and characters, and its text.
// The rows of both ends stay in the page (virtual.tsx pins them), so the browser keeps the selection; its text is made
// of the lines themselves, those in between too.

export interface IEnd {
  row: number;
  /** Characters of the row's text before it. */
  offset: number;
}

/** The selection's ends in order, null where there is none within `list`. */
export function selected(list: HTMLElement): [IEnd, IEnd] | null {
  const selection = document.getSelection();
  if (!selection || selection.isCollapsed || selection.rangeCount === 0) {
    return null;
  }
  const range = selection.getRangeAt(0);
  const first = endOf(list, range.startContainer, range.startOffset);
  const last = endOf(list, range.endContainer, range.endOffset);
  return first && last ? [first, last] : null;
}

function endOf(list: HTMLElement, node: Node, offset: number): IEnd | null {
  const element = node instanceof Element ? node : node.parentElement;
  const row = element?.closest<HTMLElement>('[data-row]');
  if (!row || !list.contains(row)) {
    return null;
  }
  const text = row.querySelector('.nbc-log-text');
  if (!text) {
    return { row: Number(row.dataset.row), offset: 0 };
  }
  const before = document.createRange();
  before.setStart(text, 0);
  try {
    before.setEnd(node, offset);
  } catch {
    return { row: Number(row.dataset.row), offset: 0 };
  }
  return { row: Number(row.dataset.row), offset: before.toString().length };
}

/** The text between two ends. @param lines Those from the first end's to the last one's, as shown. */
export function textBetween(lines: readonly string[], first: IEnd, last: IEnd): string {
  return lines
    .map((line, index) => {
      const from = index === 0 ? first.offset : 0;
      const until = index === lines.length - 1 ? last.offset : line.length;
      return line.slice(from, until);
    })
    .join('\n');
}
