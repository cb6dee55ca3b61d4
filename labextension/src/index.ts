// The extension's entry: what JupyterLab (and Notebook 7) loads, and what of the application each part is given.
// Only wiring; everything but the application itself is optional, so that a leaner application still has the panel.

import {
  ILabShell,
  ILayoutRestorer,
  type JupyterFrontEnd,
  type JupyterFrontEndPlugin
} from '@jupyterlab/application';
import { ReactWidget } from '@jupyterlab/ui-components';

import { containerIcon } from './icons';

const plugin: JupyterFrontEndPlugin<void> = {
  id: '@nbcontainer/labextension:plugin',
  description: 'A panel that builds, trains, serves and watches the current notebook in containers.',
  autoStart: true,
  requires: [],
  optional: [ILabShell, ILayoutRestorer],
  activate: (app: JupyterFrontEnd, labShell: ILabShell | null, restorer: ILayoutRestorer | null) => {
    const panel = ReactWidget.create([]);
    panel.id = 'nbcontainer-panel';
    panel.addClass('nbc-Panel');
    panel.title.icon = containerIcon;
    (labShell ?? app.shell).add(panel, 'left', { rank: 300 });
    restorer?.add(panel, panel.id);
  }
};

export default plugin;
