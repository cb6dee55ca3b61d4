// The runs' filter: whose, which kind, which phase, which words. The server filters; the counts on the chips are its.
// Words are sent once nobody types for a moment. Used by runs.tsx.

import { HTMLSelect } from '@jupyterlab/ui-components';
import { type JSX, useEffect, useState } from 'react';

import { useChanges, usePanel, useSettled } from '../panel/hooks';
import type { Filter, RunsStore } from './store';
import { PHASES, phaseWord } from './words';

const TYPED = 250; // ms

export function Filters({ store }: { store: RunsStore }): JSX.Element {
  const { trans, notebook } = usePanel().state;
  useChanges(store.changed);
  const { of } = store;
  return (
    <div className="nbc-run-filters" role="search" aria-label={trans.__('Which runs')}>
      <div className="nbc-run-filter-row">
        <HTMLSelect
          className="nbc-select"
          aria-label={trans.__('Runs of')}
          value={of}
          onChange={event => store.setFilter({ of: event.target.value as Filter['of'] })}
          options={[
            ...(notebook === '' ? [] : [{ value: 'notebook', label: trans.__('This notebook') }]),
            { value: 'all', label: trans.__('All notebooks') }
          ]}
        />
        <HTMLSelect
          className="nbc-select"
          aria-label={trans.__('Kind of run')}
          value={store.filter.kind}
          onChange={event => store.setFilter({ kind: event.target.value as Filter['kind'] })}
          options={[
            { value: '', label: trans.__('All kinds') },
            { value: 'training', label: trans.__('Training') },
            { value: 'inference', label: trans.__('Inference') }
          ]}
        />
      </div>
      <Words store={store} />
      <Chips store={store} />
    </div>
  );
}

function Words({ store }: { store: RunsStore }): JSX.Element {
  const { trans } = usePanel().state;
  const [text, setText] = useState(store.filter.q);
  const settled = useSettled(text.trim(), TYPED);
  const { q } = store.filter;
  useEffect(() => {
    if (settled !== store.filter.q) {
      store.setFilter({ q: settled });
    }
  }, [settled, store]);
  useEffect(() => {
    setText(typed => (q === '' && typed.trim() !== '' ? '' : typed)); // the filter was cleared
  }, [q]);
  return (
    <input
      type="search"
      className="jp-mod-styled nbc-input"
      placeholder={trans.__('Filter by name, reason or notebook')}
      aria-label={trans.__('Filter by name, reason or notebook')}
      autoComplete="off"
      spellCheck={false}
      maxLength={200}
      value={text}
      onChange={event => setText(event.target.value)}
    />
  );
}

/** A chip for each phase that there is, and for the one that is chosen. */
function Chips({ store }: { store: RunsStore }): JSX.Element {
  const { trans } = usePanel().state;
  const counts = store.told?.counts ?? {};
  const chosen = store.filter.phase;
  const all = Object.values(counts).reduce((sum, each) => sum + each, 0);
  const chip = (phase: Filter['phase'], word: string, count: number) => (
    <button
      key={phase}
      type="button"
      className="nbc-chip"
      data-phase={phase}
      aria-pressed={chosen === phase}
      onClick={() => store.setFilter({ phase })}
    >
      {word} <span className="nbc-chip-count">{count}</span>
    </button>
  );
  return (
    <div className="nbc-chips" role="group" aria-label={trans.__('Phase')}>
      {chip('', trans.__('All'), all)}
      {PHASES.filter(phase => (counts[phase] ?? 0) > 0 || phase === chosen).map(phase =>
        chip(phase, phaseWord(phase, trans), counts[phase] ?? 0)
      )}
    </div>
  );
}
