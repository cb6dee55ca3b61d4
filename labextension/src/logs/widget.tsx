// The log of a run as a tab of the main area. Its arguments are plain JSON, so the layout restores it.
// It joins store, search and view, and ends them with itself.

import { ReactWidget, textEditorIcon } from '@jupyterlab/ui-components';
import type { JSX } from 'react';

import { Folds } from '../panel/folds';
import { PanelContext } from '../panel/hooks';
import type { PanelState } from '../state';
import { Search } from './search';
import { type ILogArgs, LogStore } from './store';
import { LogView } from './view';

export type { ILogArgs } from './store';

export class LogWidget extends ReactWidget {
  constructor(state: PanelState, args: ILogArgs) {
    super();
    this._panel = { state, folds: new Folds(null) };
    this._store = new LogStore(state, args);
    this._search = new Search((q, from) => {
      const id = this._store.log?.id;
      return id === undefined
        ? Promise.resolve({ lines: [], more: false, next: from })
        : state.client.searchLog(id, q, from, 10_000);
    });
    this._store.source.changed.connect(() => this._grown(), this);
    this.id = LogWidget.idOf(args);
    this.addClass('nbc-LogTab');
    this.title.label = args.pod === '' ? args.name : args.pod;
    this.title.caption = state.trans.__('Log of %1', this.title.label);
    this.title.icon = textEditorIcon;
    this.title.closable = true;
  }

  /** What a restored layout opens it with; another pod may have been chosen. */
  get args(): ILogArgs {
    return this._store.args;
  }

  override dispose(): void {
    if (!this.isDisposed) {
      this._store.dispose();
      super.dispose();
    }
  }

  protected override render(): JSX.Element {
    return (
      <PanelContext.Provider value={this._panel}>
        <LogView store={this._store} search={this._search} />
      </PanelContext.Provider>
    );
  }

  /** Another log is shown: what was found in the one before is not in it; more lines: there may be more. */
  private _grown(): void {
    const key = `${this._store.args.pod} ${String(this._store.args.previous ?? false)}`;
    if (key !== this._key) {
      this._key = key;
      this._search.clear();
    }
    const { total } = this._store.source;
    if (total > this._total) {
      this._search.grown();
    }
    this._total = total;
  }

  private readonly _panel: { state: PanelState; folds: Folds };
  private readonly _store: LogStore;
  private readonly _search: Search;
  private _total = 0;
  private _key = '';
}

export namespace LogWidget {
  /** One tab for a run's log, and one for each pod's. */
  export function idOf(args: ILogArgs): string {
    return `nbc-log-${args.target}-${args.namespace}-${args.name}-${args.pod}`;
  }
}
