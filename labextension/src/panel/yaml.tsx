// The dialog that shows a manifest, as text to read and to copy.
// Not an editor, and nothing is applied from here. Used by Launch and Activity.

import { Clipboard, Dialog } from '@jupyterlab/apputils';
import { ReactWidget } from '@jupyterlab/ui-components';
import type { TranslationBundle } from '@jupyterlab/translation';

export function showYaml(title: string, yaml: string, trans: TranslationBundle): void {
  const body = ReactWidget.create(
    <pre className="nbc-yaml" tabIndex={0} aria-label={title}>
      {yaml}
    </pre>
  );
  body.addClass('nbc-yaml-body');
  const dialog = new Dialog({
    title,
    body,
    buttons: [
      Dialog.createButton({ label: trans.__('Copy'), accept: true, actions: ['copy'] }),
      Dialog.okButton({ label: trans.__('Close') })
    ],
    defaultButton: 1,
    hasClose: true
  });
  dialog.addClass('nbc-yaml-dialog');
  void dialog.launch().then(answer => {
    if (answer.button.actions.includes('copy')) {
      Clipboard.copyToSystem(yaml);
    }
  });
}
