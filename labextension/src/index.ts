// The extension's entry: what JupyterLab (and Notebook 7) loads, and what of the application each part is given.
// Only wiring; everything but the application itself is optional, so that a leaner application still has the panel.

import {
  ILabShell,
  ILayoutRestorer,
  type JupyterFrontEnd,
  type JupyterFrontEndPlugin
} from '@jupyterlab/application';
import { ICommandPalette } from '@jupyterlab/apputils';
import { IFileBrowserFactory } from '@jupyterlab/filebrowser';
import { INotebookTracker } from '@jupyterlab/notebook';
import { ISettingRegistry } from '@jupyterlab/settingregistry';
import { IStateDB } from '@jupyterlab/statedb';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import { offlineBoltIcon, textEditorIcon } from '@jupyterlab/ui-components';

import { Channel } from './channel';
import { Client } from './client';
import { addCommands } from './commands';
import type { Desk } from './desk';
import { Notebooks } from './notebooks';
import { PanelWidget } from './panel/panel';
import { Runs } from './runs/runs';
import { followSettings } from './settings';
import { PanelState } from './state';
import { Tabs } from './tabs';

const ID = '@nbcontainer/labextension:plugin';

const plugin: JupyterFrontEndPlugin<void> = {
  id: ID,
  description: 'A panel that builds, trains, serves and watches the current notebook in containers.',
  autoStart: true,
  optional: [
    ILabShell,
    ILayoutRestorer,
    INotebookTracker,
    IFileBrowserFactory,
    ICommandPalette,
    ISettingRegistry,
    IStateDB,
    ITranslator
  ],
  activate: async (
    app: JupyterFrontEnd,
    labShell: ILabShell | null,
    restorer: ILayoutRestorer | null,
    tracker: INotebookTracker | null,
    files: IFileBrowserFactory | null,
    palette: ICommandPalette | null,
    registry: ISettingRegistry | null,
    db: IStateDB | null,
    translator: ITranslator | null
  ) => {
    const { serverSettings } = app.serviceManager;
    const notebooks = new Notebooks(tracker);
    const state = new PanelState({
      client: new Client(serverSettings),
      channel: new Channel(serverSettings),
      trans: (translator ?? nullTranslator).load('nbcontainer'),
      desk: makeDesk(app, notebooks)
    });
    const panel = new PanelWidget(state, db, Runs);
    addCommands({ app, state, notebooks, files, palette });
    addTabs(new Tabs(app, labShell, restorer), state);
    restorer?.add(panel, panel.id);
    notebooks.follow(state);
    await followSettings(registry?.load(ID) ?? null, state, side => {
      (labShell ?? app.shell).add(panel, side, { rank: 300 });
    });
  }
};

function addTabs(tabs: Tabs, state: PanelState): void {
  tabs.add({
    id: 'log',
    label: state.trans.__('Open the Log'),
    icon: textEditorIcon,
    load: async () => {
      const { LogWidget } = await import('./logs/widget');
      return { idOf: args => LogWidget.idOf(args), make: args => new LogWidget(state, args) };
    }
  });
  tabs.add({
    id: 'inference',
    label: state.trans.__('Try the Service'),
    icon: offlineBoltIcon,
    load: async () => {
      const { InferenceWidget } = await import('./inference/widget');
      return { idOf: args => InferenceWidget.idOf(args), make: args => new InferenceWidget(state, args) };
    }
  });
}

/** What the panel asks of the application. */
function makeDesk(app: JupyterFrontEnd, notebooks: Notebooks): Desk {
  return {
    openLog: (run, pod = '') => void app.commands.execute('nbcontainer:open-log', { ...run, pod }),
    openInference: run => void app.commands.execute('nbcontainer:open-inference', { ...run }),
    insertCell: text => {
      notebooks.insert(text);
    },
    cells: () => notebooks.cells(),
    dirty: () => notebooks.dirty(),
    save: () => notebooks.save(),
    openNotebook: path => void app.commands.execute('docmanager:open', { path })
  };
}

export default plugin;
