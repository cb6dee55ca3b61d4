// One line of a log as a row: number, and what was chosen of time and pod, then its text in pieces of one style.
// It shows; what a line's text may be is clean.ts's to say. The number is no text, so that it is never copied.

import type { TranslationBundle } from '@jupyterlab/translation';
import type { JSX } from 'react';

import type { LogLine } from '../types';
import { clean, marked, plain } from './clean';

export interface IShown {
  times: boolean;
  pods: boolean;
}

interface ILineProps extends IShown {
  row: number;
  /** undefined while it is on its way. */
  line: LogLine | undefined;
  /** What a search marks, "" for nothing. */
  q: string;
  trans: TranslationBundle;
}

export function Line({ row, line, q, times, pods, trans }: ILineProps): JSX.Element {
  if (!line) {
    return <span className="nbc-log-number" data-number={row + 1} />;
  }
  const more = line.length - line.text.length;
  return (
    <>
      <span className="nbc-log-number" data-number={row + 1} />
      <span className="nbc-log-text">
        {times && <span className="nbc-log-time">{timeOf(line)}</span>}
        {pods && <span className="nbc-log-pod">{`${line.pod} `}</span>}
        {marked(clean(line.text), q).map((piece, index) => {
          const Tag = piece.hit ? 'mark' : 'span';
          return piece.style === '' && !piece.hit ? (
            piece.text
          ) : (
            <Tag key={index} className={piece.style}>
              {piece.text}
            </Tag>
          );
        })}
      </span>
      {more > 0 && (
        <span className="nbc-log-cut nbc-dim">{trans.__(' … %1 characters more, in the download', more.toLocaleString())}</span>
      )}
    </>
  );
}

/** What the row has as text, character by character, to copy of lines that are out of sight too. */
export function textOf(line: LogLine, { times, pods }: IShown): string {
  return `${times ? timeOf(line) : ''}${pods ? `${line.pod} ` : ''}${plain(line.text)}`;
}

function timeOf(line: LogLine): string {
  return line.time === '' ? '' : `${line.time.replace(/(\.\d{3})\d*/, '$1')} `;
}
