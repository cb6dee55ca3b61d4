// The section "Runs": filter, list, and the chosen run's details. Its state is the store's, which is the server's.
// A row is known by its run's name: what comes and goes above it does not move the choice or the focus.

import { type JSX, useEffect, useMemo, useRef, useState } from 'react';

import { useChanges, usePanel, useTicks } from '../panel/hooks';
import { ProblemBox } from '../panel/parts';
import type { PanelState } from '../state';
import { VirtualList } from '../virtual';
import { RunActs } from './acts';
import { Details } from './details';
import { Filters } from './filters';
import { RunRow } from './row';
import { RunsStore } from './store';

const ROW = 44;
const LIST = 396; // px at the most: nine rows
const AGES = 10_000; // ms

export function Runs({ state }: { state: PanelState }): JSX.Element {
  const [store, acts] = useStore(state);
  useChanges(store.changed, acts.changed);
  useTicks(true, AGES);
  return (
    <div className="nbc-runs">
      <Filters store={store} />
      <Notice store={store} />
      <RunList store={store} acts={acts} state={state} />
      <Details store={store} acts={acts} />
    </div>
  );
}

function useStore(state: PanelState): [RunsStore, RunActs] {
  const made = useMemo(() => {
    const store = new RunsStore(state);
    return [store, new RunActs(state.client, () => store.place)] as [RunsStore, RunActs];
  }, [state]);
  useEffect(() => {
    const [store, acts] = made;
    const mark = (_: unknown, name: string) => store.choose(name);
    state.highlightChanged.connect(mark);
    if (state.highlighted !== '') {
      store.choose(state.highlighted);
    }
    store.source.want(0, 1);
    return () => {
      state.highlightChanged.disconnect(mark);
      store.dispose();
      acts.dispose();
    };
  }, [made, state]);
  return made;
}

/** What stands in the way, in a line that screen readers are told of. */
function Notice({ store }: { store: RunsStore }): JSX.Element {
  const { trans } = usePanel().state;
  const told = store.told;
  const trouble = told?.state.trouble ?? '';
  return (
    <>
      {store.problem !== null && <ProblemBox problem={store.problem} />}
      <div role="status" className="nbc-run-notice">
        {trouble !== '' && (
          <span className="nbc-break">
            {trans.__('%1 can’t be reached now, this is what was last known: %2', told?.target.name ?? '', trouble)}
          </span>
        )}
      </div>
    </>
  );
}

function RunList({ store, acts, state }: { store: RunsStore; acts: RunActs; state: PanelState }): JSX.Element {
  const { trans } = state;
  const list = useRef<VirtualList>(null);
  const [focus, setFocus] = useState({ name: '', row: -1 });
  const { source, chosen } = store;
  const chosenRow = store.rowOf(chosen);
  useEffect(() => {
    if (chosenRow >= 0) {
      list.current?.reveal(chosenRow);
    }
    // only when the choice is another, not when its row moves
  }, [chosen, chosenRow >= 0]);
  if (source.total === 0) {
    return <Empty store={store} />;
  }
  const named = store.rowOf(focus.name);
  const render = (row: number) => {
    const run = source.get(row);
    return run ? <RunRow run={run} acts={acts} trans={trans} /> : <Placeholder />;
  };
  return (
    <div className="nbc-run-list" style={{ height: Math.min(LIST, source.total * ROW) }}>
      <VirtualList
        ref={list}
        role="grid"
        label={trans.__('Runs')}
        count={source.total}
        rowHeight={ROW}
        className="nbc-run-grid"
        render={render}
        rowKey={row => source.get(row)?.name ?? row}
        rowClass={() => 'nbc-run'}
        onRange={(first, last) => source.want(first, last)}
        active={named >= 0 ? named : focus.row}
        selected={chosenRow}
        onActive={row => setFocus({ name: source.get(row)?.name ?? '', row })}
        onSelect={row => {
          const name = source.get(row)?.name ?? '';
          store.choose(name === chosen ? '' : name);
        }}
      />
    </div>
  );
}

function Placeholder(): JSX.Element {
  return (
    <span role="gridcell" className="nbc-run-name nbc-dim">
      …
    </span>
  );
}

/** Nothing to list: why, and what to do next. */
function Empty({ store }: { store: RunsStore }): JSX.Element | null {
  const { state } = usePanel();
  const { trans } = state;
  const { told, filter } = store;
  if (told === null || store.problem !== null) {
    return store.problem === null ? <p className="nbc-dim">{trans.__('Asking for the runs…')}</p> : null;
  }
  if (!told.state.synced) {
    return told.state.trouble === '' ? <p className="nbc-dim">{trans.__('Asking %1…', told.target.name)}</p> : null;
  }
  const filtered = filter.kind !== '' || filter.phase !== '' || filter.q !== '';
  if (filtered) {
    return (
      <p>
        {trans.__('No run is like that.')}{' '}
        <button type="button" className="nbc-link" onClick={() => store.setFilter({ kind: '', phase: '', q: '' })}>
          {trans.__('Show all')}
        </button>
      </p>
    );
  }
  return (
    <p>
      {store.of === 'notebook'
        ? trans.__('No runs of this notebook on %1 yet.', told.target.name)
        : trans.__('No runs on %1 yet.', told.target.name)}{' '}
      <button type="button" className="nbc-link" onClick={() => state.reveal('launch')}>
        {trans.__('Launch one')}
      </button>
    </p>
  );
}
