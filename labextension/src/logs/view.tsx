// The log tab's page: a bar of controls, the lines, and what is to be said about them.
// Where it stands in the log is the list's; what the log is, store.ts's; what was found, search.ts's.

import type { TranslationBundle } from '@jupyterlab/translation';
import { type JSX, useEffect, useReducer, useRef, useState } from 'react';

import { useChanges, usePanel } from '../panel/hooks';
import { ProblemBox } from '../panel/parts';
import { isOver, phaseWord } from '../runs/words';
import { VirtualList } from '../virtual';
import { Bar, type IShow } from './bar';
import { Line } from './line';
import type { Search } from './search';
import { useCopy } from './selection';
import type { LogStore } from './store';

const ROW = 18;

interface ILogProps {
  store: LogStore;
  search: Search;
}

export function LogView({ store, search }: ILogProps): JSX.Element {
  const { trans } = usePanel().state;
  useChanges(store.changed, search.changed);
  const [show, setShow] = useReducer((before: IShow, part: Partial<IShow>) => ({ ...before, ...part }), {
    follow: true,
    wrap: false,
    times: false
  });
  const list = useRef<VirtualList>(null);
  const { total } = store.source;
  useEffect(() => {
    store.following = show.follow;
  }, [store, show.follow]);
  const go = (line: number) => {
    if (line >= 0) {
      setShow({ follow: false });
      // after the list has let go of the end
      requestAnimationFrame(() => list.current?.reveal(line, 'center'));
    }
  };
  return (
    <div className="nbc-log">
      <Bar store={store} search={search} show={show} onShow={setShow} onGo={go} near={() => list.current?.firstSeen ?? 0} />
      {store.problem !== null && (
        <ProblemBox problem={store.problem}>
          <button type="button" className="nbc-link" onClick={store.retry}>
            {trans.__('Try again')}
          </button>
        </ProblemBox>
      )}
      <Lines store={store} search={search} show={show} list={list} onFollow={follow => setShow({ follow })} />
      {!show.follow && <NewLines total={total} onClick={() => setShow({ follow: true })} />}
      <Foot store={store} follow={show.follow} />
    </div>
  );
}

interface ILinesProps extends ILogProps {
  show: IShow;
  list: React.RefObject<VirtualList>;
  onFollow: (follow: boolean) => void;
}

function Lines({ store, search, show, list, onFollow }: ILinesProps): JSX.Element {
  const { trans } = usePanel().state;
  const { source } = store;
  const frame = useRef<HTMLDivElement>(null);
  const shown = { times: show.times, pods: (store.log?.pods.length ?? 0) > 1 };
  const { pinned, onCopy, note } = useCopy(store, frame, shown);
  const { wrap } = show;
  return (
    <div className="nbc-log-frame" ref={frame} onCopy={onCopy}>
      <VirtualList
        key={wrap ? 'wrap' : 'long'}
        ref={list}
        role="log"
        label={trans.__('Log of %1', store.args.name)}
        className={`nbc-log-lines ${wrap ? 'nbc-mod-wrap' : ''}`}
        count={source.total}
        rowHeight={ROW}
        measured={wrap}
        wide={!wrap}
        start={list.current?.firstSeen ?? 0}
        follow={show.follow}
        onFollow={onFollow}
        pinned={pinned}
        onRange={(first, last) => source.want(first, last)}
        rowClass={row => (row === search.line ? 'nbc-log-line nbc-mod-found' : 'nbc-log-line')}
        render={row => <Line row={row} line={source.get(row)} q={search.q} trans={trans} {...shown} />}
      />
      {note !== '' && (
        <div className="nbc-log-note" role="status">
          {note}
        </div>
      )}
    </div>
  );
}

/** How many lines came since somebody left the end, and the way back there. */
function NewLines({ total, onClick }: { total: number; onClick: () => void }): JSX.Element | null {
  const { trans } = usePanel().state;
  const [from] = useState(total);
  const news = total - from;
  return news <= 0 ? null : (
    <button type="button" className="nbc-log-new jp-mod-styled" onClick={onClick}>
      {trans._n('%1 new line', '%1 new lines', news)} ↓
    </button>
  );
}

/** How long the log is, and whether more will come. */
function Foot({ store, follow }: { store: LogStore; follow: boolean }): JSX.Element {
  const { trans } = usePanel().state;
  const trouble = store.log?.trouble ?? '';
  const lines = store.source.total;
  return (
    <div className="nbc-log-foot">
      <span>{trans._n('%1 line', '%2 lines', lines, lines.toLocaleString())}</span>
      <span role="status">{standing(store, follow, trans)}</span>
      {trouble !== '' && (
        <span role="status" className="nbc-log-trouble nbc-break">
          {trouble}
        </span>
      )}
    </div>
  );
}

function standing({ log, watch, problem }: LogStore, follow: boolean, trans: TranslationBundle): string {
  if (log === null) {
    return problem === null ? trans.__('Opening the log…') : '';
  }
  if (!log.ended) {
    return follow ? trans.__('following') : trans.__('more may come');
  }
  if (watch.gone) {
    return trans.__('ended: the run is removed');
  }
  return watch.run && isOver(watch.run) ? trans.__('ended: %1', phaseWord(watch.run.phase, trans)) : trans.__('ended');
}
