// The sidebar: its sections in order, over one state. Only composition; each section is a module of its own.
// The widget tells the state whether anybody looks, and shows nothing before somebody does, so that a panel that was
// never opened asks the server for nothing.

import type { IStateDB } from '@jupyterlab/statedb';
import { ReactWidget } from '@jupyterlab/ui-components';
import { type Message, MessageLoop } from '@lumino/messaging';
import { Widget } from '@lumino/widgets';
import { type ComponentType, type JSX, useEffect, useMemo, useRef } from 'react';
import { flushSync } from 'react-dom';

import { containerIcon } from '../icons';
import type { PanelState } from '../state';
import { Folds } from './folds';
import { Header } from './header';
import { PanelContext, useChanges, usePanel } from './hooks';
import { Launch } from './launch';
import { ThisNotebook } from './notebook';
import { Section } from './parts';
import { Activity, stateText, taskTitle } from './tasks';
import { hasEnded } from './tasklist';

export const PANEL_ID = 'nbcontainer-panel';

export type RunsComponent = ComponentType<{ state: PanelState }>;

export class PanelWidget extends ReactWidget {
  constructor(
    private readonly _state: PanelState,
    db: IStateDB | null,
    private readonly _runs: RunsComponent
  ) {
    super();
    this._folds = new Folds(db);
    this.id = PANEL_ID;
    this.addClass('nbc-Panel');
    this.title.icon = containerIcon;
    this.title.caption = _state.trans.__('Containers');
    this.node.setAttribute('role', 'region');
    this.node.setAttribute('aria-label', _state.trans.__('Containers'));
  }

  protected override render(): JSX.Element {
    return this._opened ? <Panel state={this._state} folds={this._folds} runs={this._runs} /> : <></>;
  }

  protected override onAfterShow(message: Message): void {
    super.onAfterShow(message);
    this._state.visible = true;
    this._open();
  }

  protected override onAfterAttach(message: Message): void {
    super.onAfterAttach(message);
    this._state.visible = this.isVisible;
    this._open();
  }

  protected override onAfterHide(message: Message): void {
    super.onAfterHide(message);
    this._state.visible = false;
  }

  private _open(): void {
    if (this.isVisible && !this._opened) {
      this._opened = true;
      // at once: while Lab starts, whatever is put off waits for all the rest
      flushSync(() => MessageLoop.sendMessage(this, Widget.Msg.UpdateRequest));
    }
  }

  private readonly _folds: Folds;
  private _opened = false;
}

interface IPanelProps {
  state: PanelState;
  folds: Folds;
  runs: RunsComponent;
}

export function Panel({ state, folds, runs: Runs }: IPanelProps): JSX.Element {
  const { trans } = state;
  const panel = useMemo(() => ({ state, folds }), [state, folds]);
  const node = useRevealed(state, folds);
  return (
    <PanelContext.Provider value={panel}>
      <div className="nbc-panel" ref={node}>
        <Header />
        <div className="nbc-sections">
          <Section name="notebook" title={trans.__('This notebook')}>
            <ThisNotebook />
          </Section>
          <Section name="launch" title={trans.__('Launch')}>
            <Launch />
          </Section>
          <Section name="activity" title={trans.__('Activity')} aside={<Busy />}>
            <Activity />
          </Section>
          <Section name="runs" title={trans.__('Runs')}>
            <Runs state={state} />
          </Section>
        </div>
      </div>
    </PanelContext.Provider>
  );
}

/** How many tasks are under way, seen while Activity is folded as well; what became of the newest, for who hears it. */
function Busy(): JSX.Element {
  const { state } = usePanel();
  const { trans } = state;
  useChanges(state.tasksChanged);
  const { list } = state.tasks;
  const count = list.filter(each => !hasEnded(each)).length;
  const newest = list[0];
  return (
    <>
      <span className="nbc-count">{count === 0 ? '' : trans._n('%1 under way', '%1 under way', count)}</span>
      <span className="nbc-unseen" role="status">
        {newest === undefined ? '' : `${taskTitle(newest, trans)}: ${stateText(newest, trans)}`}
      </span>
    </>
  );
}

/** Opens the section that somebody asked for, brings it into view and gives it the focus. */
function useRevealed(state: PanelState, folds: Folds): React.RefObject<HTMLDivElement> {
  const node = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const reveal = () => {
      const section = state.toReveal;
      if (section === null) {
        return;
      }
      state.toReveal = null;
      folds.set(section, true);
      requestAnimationFrame(() => {
        const found = node.current?.querySelector(`[data-nbc-section="${section}"]`);
        found?.scrollIntoView({ block: 'start' });
        found?.querySelector<HTMLElement>('input:checked, button')?.focus({ preventScroll: true });
      });
    };
    state.revealed.connect(reveal);
    reveal(); // asked for by what opened the panel
    return () => {
      state.revealed.disconnect(reveal);
    };
  }, [state, folds]);
  return node;
}
