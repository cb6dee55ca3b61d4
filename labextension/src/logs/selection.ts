// Copying from the lines of a log: which rows have to stay in the page, and the text of all lines in between.
// A hook that joins copy.ts with the list and the clipboard; the lines that are not at hand are read from the server.

import { Clipboard } from '@jupyterlab/apputils';
import { type ClipboardEvent, type RefObject, useEffect, useState } from 'react';

import { problemOf } from '../answer';
import { usePanel } from '../panel/hooks';
import type { LogLine } from '../types';
import { type IEnd, selected, textBetween } from './copy';
import { type IShown, textOf } from './line';
import type { LogStore } from './store';

const MOST = 50_000; // lines

interface ICopy {
  pinned: readonly number[];
  onCopy: (event: ClipboardEvent) => void;
  /** What came of it where that is not at once. */
  note: string;
}

export function useCopy(store: LogStore, frame: RefObject<HTMLElement>, shown: IShown): ICopy {
  const { trans } = usePanel().state;
  const [pinned, setPinned] = useState<readonly number[]>([]);
  const [note, setNote] = useState('');
  useEffect(() => {
    const look = () => {
      const ends = frame.current ? selected(frame.current) : null;
      const rows = ends ? ends.map(end => end.row) : [];
      setPinned(before => (before.join() === rows.join() ? before : rows));
      setNote('');
    };
    document.addEventListener('selectionchange', look);
    return () => document.removeEventListener('selectionchange', look);
  }, [frame]);
  const onCopy = (event: ClipboardEvent) => {
    const ends = frame.current ? selected(frame.current) : null;
    if (!ends) {
      return;
    }
    event.preventDefault();
    const [first, last] = ends;
    const count = last.row - first.row + 1;
    const held = Array.from({ length: count > MOST ? 0 : count }, (_, index) => store.source.get(first.row + index));
    if (count > MOST) {
      setNote(trans.__('%1 lines are too many to copy; download the log', count.toLocaleString()));
    } else if (held.every(line => line !== undefined)) {
      event.clipboardData.setData('text/plain', compose(held, ends, shown));
    } else {
      void copyAll(store, ends, shown).then(
        () => setNote(trans.__('%1 lines copied', count.toLocaleString())),
        (error: unknown) => setNote(problemOf(error).message)
      );
    }
  };
  return { pinned, onCopy, note };
}

function compose(lines: LogLine[], [first, last]: [IEnd, IEnd], shown: IShown): string {
  return textBetween(lines.map(line => textOf(line, shown)), first, last);
}

async function copyAll(store: LogStore, ends: [IEnd, IEnd], shown: IShown): Promise<void> {
  const text = compose(await store.read(ends[0].row, ends[1].row + 1), ends, shown);
  if ((navigator as Partial<Navigator>).clipboard) {
    await navigator.clipboard.writeText(text);
  } else {
    Clipboard.copyToSystem(text);
  }
}
