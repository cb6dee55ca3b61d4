// The commands, as palette, menus, toolbar, context menus and shortcuts run them.
// Only what a command does; where it appears is in schema/plugin.json, where users can change it.

import type { JupyterFrontEnd } from '@jupyterlab/application';
import { type ICommandPalette, showErrorMessage } from '@jupyterlab/apputils';
import type { IFileBrowserFactory } from '@jupyterlab/filebrowser';
import { refreshIcon } from '@jupyterlab/ui-components';
import type { ReadonlyPartialJSONObject } from '@lumino/coreutils';

import { containerIcon } from './icons';
import type { Notebooks } from './notebooks';
import { containerize } from './panel/build';
import { placeOptions } from './panel/form';
import { magicCell } from './panel/magic';
import { PANEL_ID } from './panel/panel';
import { type PanelState, problemOf } from './state';

export const COMMANDS = {
  openPanel: 'nbcontainer:open-panel',
  launch: 'nbcontainer:launch',
  containerize: 'nbcontainer:containerize',
  insertMagic: 'nbcontainer:insert-magic',
  refresh: 'nbcontainer:refresh'
} as const;

const NO_ARGS = { args: { type: 'object', properties: {} } };
const PLACE_ARGS = {
  args: {
    type: 'object',
    properties: {
      browser: { type: 'boolean', description: 'Whether the notebook is the one selected in the file browser' },
      toolbar: { type: 'boolean', description: 'Whether this is a button of the toolbar' }
    }
  }
};
const TEXT_ARGS = {
  args: { type: 'object', properties: { text: { type: 'string', description: 'The magic; else that of a training' } } }
};

export interface IParts {
  app: JupyterFrontEnd;
  state: PanelState;
  notebooks: Notebooks;
  files: IFileBrowserFactory | null;
  palette: ICommandPalette | null;
}

export function addCommands(parts: IParts): void {
  addPanelCommands(parts);
  addNotebookCommands(parts);
  const category = parts.state.trans.__('Containers');
  for (const command of Object.values(COMMANDS)) {
    parts.palette?.addItem({ command, category });
  }
}

function addPanelCommands({ app, state }: IParts): void {
  const { trans } = state;
  app.commands.addCommand(COMMANDS.openPanel, {
    label: trans.__('Show Containers'),
    caption: trans.__('Show the panel of containers: this notebook, launches and runs'),
    icon: containerIcon,
    describedBy: NO_ARGS,
    execute: () => {
      app.shell.activateById(PANEL_ID);
    }
  });
  app.commands.addCommand(COMMANDS.refresh, {
    label: trans.__('Look at the Notebook Again'),
    icon: refreshIcon,
    describedBy: NO_ARGS,
    execute: () => {
      state.refresh();
    }
  });
}

function addNotebookCommands(parts: IParts): void {
  const { app, state, notebooks } = parts;
  const { trans } = state;
  const isEnabled = (args: ReadonlyPartialJSONObject) => args.browser === true || notebooks.current !== null;
  app.commands.addCommand(COMMANDS.launch, {
    label: args => (args.toolbar === true ? trans.__('Launch') : trans.__('Launch in a Container…')),
    caption: trans.__('Train or serve this notebook in containers'),
    icon: containerIcon,
    isEnabled,
    describedBy: PLACE_ARGS,
    execute: async args => {
      await inFront(parts, args);
      app.shell.activateById(PANEL_ID);
      state.reveal('launch');
    }
  });
  app.commands.addCommand(COMMANDS.containerize, {
    label: trans.__('Containerize'),
    caption: trans.__('Build an image of this notebook and what it needs'),
    icon: containerIcon,
    isEnabled,
    describedBy: PLACE_ARGS,
    execute: async args => {
      await inFront(parts, args);
      app.shell.activateById(PANEL_ID);
      state.reveal('notebook');
      await told(parts, () => containerize(state));
    }
  });
  app.commands.addCommand(COMMANDS.insertMagic, {
    label: trans.__('Insert the Magic of a Training'),
    caption: trans.__('Put the line that trains this notebook in containers into a new cell'),
    isEnabled: () => notebooks.current !== null,
    describedBy: TEXT_ARGS,
    execute: args => told(parts, () => insertMagic(state, args.text))
  });
}

async function insertMagic(state: PanelState, text: unknown): Promise<void> {
  const asked = { verb: 'train', notebook: state.notebook, options: placeOptions(state.place) } as const;
  const magic = typeof text === 'string' && text ? text : (await state.client.equivalent(asked)).magic;
  state.insertCell(magicCell(magic, state.desk.cells()));
}

/** For the file browser's menu: its notebook is opened first, as everything here speaks of the one in front. */
async function inFront({ app, files, state }: IParts, args: ReadonlyPartialJSONObject): Promise<void> {
  const [selected] = args.browser === true ? (files?.tracker.currentWidget?.selectedItems() ?? []) : [];
  if (selected?.type === 'notebook') {
    await app.commands.execute('docmanager:open', { path: selected.path });
    state.notebook = app.serviceManager.contents.localPath(selected.path);
  }
}

async function told({ state }: IParts, act: () => Promise<void>): Promise<void> {
  try {
    await act();
  } catch (error) {
    const { message, hint } = problemOf(error);
    await showErrorMessage(state.trans.__('Containers'), [message, hint].filter(Boolean).join(' '));
  }
}
