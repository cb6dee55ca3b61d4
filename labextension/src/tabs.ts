// Main-area tabs that belong to a run: opened once each, found again, restored with the layout.
// What a tab shows is made by whoever registers its kind; here is only where it goes and what it is called.
// Notebook 7 has one main widget a page, so that a tab goes below it there.

import { type ILabShell, type ILayoutRestorer, type JupyterFrontEnd } from '@jupyterlab/application';
import { MainAreaWidget, WidgetTracker } from '@jupyterlab/apputils';
import type { LabIcon } from '@jupyterlab/ui-components';
import type { ReadonlyPartialJSONObject } from '@lumino/coreutils';
import type { Widget } from '@lumino/widgets';

import type { RunRef } from './desk';

/** What a tab is opened and restored with: plain JSON. */
export interface ITabArgs extends RunRef {
  /** Only this pod's; "" for all. */
  pod: string;
}

export interface ITabKind {
  /** The part of the ids of command and tabs after "nbcontainer:open-" and "nbcontainer-". */
  id: string;
  label: string;
  icon: LabIcon;
  title(args: ITabArgs): string;
  create(args: ITabArgs): Promise<Widget>;
}

type Tab = MainAreaWidget;

const text = { type: 'string' };

export class Tabs {
  constructor(
    private readonly _app: JupyterFrontEnd,
    private readonly _labShell: ILabShell | null,
    private readonly _restorer: ILayoutRestorer | null
  ) {}

  /** Adds the command that opens a tab of this kind. */
  add(kind: ITabKind): void {
    const tracker = new WidgetTracker<Tab>({ namespace: `nbcontainer-${kind.id}` });
    const shown = new Map<Tab, ITabArgs>();
    const command = `nbcontainer:open-${kind.id}`;
    this._app.commands.addCommand(command, {
      label: kind.label,
      icon: kind.icon,
      isEnabled: args => typeof args.name === 'string' && args.name !== '',
      isVisible: args => typeof args.name === 'string' && args.name !== '',
      describedBy: {
        args: {
          type: 'object',
          required: ['name'],
          properties: { name: text, target: text, namespace: text, notebook: text, pod: text }
        }
      },
      execute: async given => {
        const args = tabArgs(given);
        const id = tabId(kind, args);
        const tab = tracker.find(each => each.id === id) ?? (await this._open(kind, args, id, tracker, shown));
        this._app.shell.activateById(tab.id);
      }
    });
    void this._restorer?.restore(tracker, {
      command,
      args: tab => ({ ...shown.get(tab) }),
      name: tab => tab.id
    });
  }

  private async _open(
    kind: ITabKind,
    args: ITabArgs,
    id: string,
    tracker: WidgetTracker<Tab>,
    shown: Map<Tab, ITabArgs>
  ): Promise<Tab> {
    const content = await kind.create(args);
    const open = tracker.find(each => each.id === id);
    if (open) {
      content.dispose(); // asked for twice at once
      return open;
    }
    const tab = new MainAreaWidget({ content });
    tab.id = id;
    tab.title.label = kind.title(args);
    tab.title.icon = kind.icon;
    tab.title.closable = true;
    shown.set(tab, args);
    tab.disposed.connect(() => shown.delete(tab));
    this._app.shell.add(tab, this._labShell ? 'main' : 'down');
    await tracker.add(tab);
    return tab;
  }
}

function tabArgs(given: ReadonlyPartialJSONObject): ITabArgs {
  const word = (key: keyof ITabArgs) => {
    const value = given[key];
    return typeof value === 'string' ? value : '';
  };
  return {
    name: word('name'),
    target: word('target'),
    namespace: word('namespace'),
    notebook: word('notebook'),
    pod: word('pod')
  };
}

/** The same run's tab has the same id, whatever notebook it was opened from. */
function tabId(kind: ITabKind, args: ITabArgs): string {
  return ['nbcontainer', kind.id, args.target, args.namespace, args.name, args.pod].map(encodeURIComponent).join('-');
}
