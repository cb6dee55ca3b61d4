// Main-area tabs that belong to a run: opened once each, found again, restored with the layout.
// What a tab shows is made by whoever registers its kind; here is only where it goes and what it is called.
// Notebook 7 has one main widget a page, so that a tab goes below it there.

import { type ILabShell, type ILayoutRestorer, type JupyterFrontEnd } from '@jupyterlab/application';
import { WidgetTracker } from '@jupyterlab/apputils';
import type { LabIcon } from '@jupyterlab/ui-components';
import type { ReadonlyPartialJSONObject } from '@lumino/coreutils';
import type { Widget } from '@lumino/widgets';

import { turnTo } from './below';
import type { RunRef } from './desk';

/** What a tab is opened and restored with: plain JSON. */
export interface ITabArgs extends RunRef {
  /** Only this pod's; "" for all. */
  pod: string;
  /** Of each container's instance before the current one. */
  previous: boolean;
}

/** A widget that says what it is to be restored with, which may have changed since it was opened. */
export interface ITab extends Widget {
  readonly args: RunRef;
}

export interface ITabMaker {
  idOf(args: ITabArgs): string;
  make(args: ITabArgs): ITab;
}

export interface ITabKind {
  /** What follows "nbcontainer:open-" in the command's id. */
  id: string;
  label: string;
  icon: LabIcon;
  /** Its code, which is not fetched before the first such tab. */
  load(): Promise<ITabMaker>;
}

const text = { type: 'string' };

export class Tabs {
  constructor(
    private readonly _app: JupyterFrontEnd,
    private readonly _labShell: ILabShell | null,
    private readonly _restorer: ILayoutRestorer | null
  ) {}

  /** Adds the command that opens a tab of this kind, or brings it to the front. */
  add(kind: ITabKind): void {
    const tracker = new WidgetTracker<ITab>({ namespace: `nbcontainer-${kind.id}` });
    const command = `nbcontainer:open-${kind.id}`;
    const named = (args: ReadonlyPartialJSONObject) => tabArgs(args).name !== '';
    this._app.commands.addCommand(command, {
      label: kind.label,
      icon: kind.icon,
      isEnabled: named,
      isVisible: named,
      describedBy: {
        args: {
          type: 'object',
          required: ['name'],
          properties: { name: text, target: text, namespace: text, notebook: text, pod: text, previous: { type: 'boolean' } }
        }
      },
      execute: async given => {
        const args = tabArgs(given);
        const maker = await kind.load();
        const id = maker.idOf(args);
        const tab = tracker.find(each => each.id === id) ?? this._open(maker, args, tracker);
        this._app.shell.activateById(id);
        if (this._labShell === null) {
          turnTo(tab);
        }
      }
    });
    void this._restorer?.restore(tracker, {
      command,
      args: tab => ({ ...tab.args }),
      name: tab => tab.id
    });
  }

  private _open(maker: ITabMaker, args: ITabArgs, tracker: WidgetTracker<ITab>): ITab {
    const tab = maker.make(args);
    void tracker.add(tab);
    this._app.shell.add(tab, this._labShell ? 'main' : 'down');
    return tab;
  }
}

function tabArgs(given: ReadonlyPartialJSONObject): ITabArgs {
  const word = (key: string) => {
    const value = given[key];
    return typeof value === 'string' ? value : '';
  };
  return {
    name: word('name'),
    target: word('target'),
    namespace: word('namespace'),
    notebook: word('notebook'),
    pod: word('pod'),
    previous: given.previous === true
  };
}
