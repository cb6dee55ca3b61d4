// The try-it tab of an inference run: its state at the top, a form from its own document, the answers.
// Its arguments are plain JSON, so the layout restores it; what was typed and answered is gone with the page.

import { offlineBoltIcon, ReactWidget } from '@jupyterlab/ui-components';
import type { JSX } from 'react';

import type { RunRef } from '../desk';
import { Folds } from '../panel/folds';
import { PanelContext, useChanges, usePanel } from '../panel/hooks';
import { ProblemBox } from '../panel/parts';
import { PhaseMark, Replicas } from '../runs/row';
import type { PanelState } from '../state';
import { Calls, Elsewhere } from './answer';
import { CallForm } from './form';
import { InferenceStore } from './store';

export class InferenceWidget extends ReactWidget {
  constructor(state: PanelState, args: RunRef) {
    super();
    this._panel = { state, folds: new Folds(null) };
    this._store = new InferenceStore(state, args);
    this.id = InferenceWidget.idOf(args);
    this.addClass('nbc-InferenceTab');
    this.title.label = args.name;
    this.title.caption = state.trans.__('Try %1', args.name);
    this.title.icon = offlineBoltIcon;
    this.title.closable = true;
  }

  /** What a restored layout opens it with. */
  get args(): RunRef {
    return this._store.ref;
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
        <Inference store={this._store} />
      </PanelContext.Provider>
    );
  }

  private readonly _panel: { state: PanelState; folds: Folds };
  private readonly _store: InferenceStore;
}

export namespace InferenceWidget {
  export function idOf(args: RunRef): string {
    return `nbc-inference-${args.target}-${args.namespace}-${args.name}`;
  }
}

function Inference({ store }: { store: InferenceStore }): JSX.Element {
  const { trans } = usePanel().state;
  useChanges(store.changed);
  const { form, formProblem } = store;
  const { run } = store.watch;
  return (
    <div className="nbc-inference">
      <Head store={store} />
      {form !== null && (
        <>
          <h3 className="nbc-inference-title">{form.title}</h3>
          {form.doc !== '' && <p className="nbc-inference-doc">{form.doc}</p>}
        </>
      )}
      {formProblem !== null && form === null && (
        <ProblemBox problem={formProblem}>
          <button type="button" className="nbc-link" onClick={() => void store.describe()}>
            {trans.__('Ask again')}
          </button>
        </ProblemBox>
      )}
      {form === null && formProblem === null && !store.watch.gone && (
        <p className="nbc-dim">
          {run !== null && run.replicas.ready === 0
            ? trans.__('The form comes when a replica is ready.')
            : trans.__('Asking the service how it is called…')}
        </p>
      )}
      {!store.watch.gone && (form !== null || formProblem !== null) && <CallForm store={store} />}
      {run !== null && !store.watch.gone && <Elsewhere store={store} run={run} />}
      <Calls store={store} />
    </div>
  );
}

/** The run, live. */
function Head({ store }: { store: InferenceStore }): JSX.Element {
  const { trans } = usePanel().state;
  const { run, gone, problem } = store.watch;
  const failed = run === null ? null : store.acts.problem(run);
  return (
    <header className="nbc-inference-head">
      <strong className="nbc-break">{store.ref.name}</strong>
      {gone && <span role="status">{trans.__('This run is no more: it was stopped and removed.')}</span>}
      {run !== null && !gone && (
        <>
          <PhaseMark phase={run.phase} trans={trans} />
          <Replicas run={run} acts={store.acts} trans={trans} />
          <span className="nbc-dim nbc-break">{run.reason}</span>
        </>
      )}
      {problem !== null && <ProblemBox problem={problem} />}
      {failed !== null && <ProblemBox problem={failed} />}
    </header>
  );
}
