// Before anything is made of a notebook that has unsaved changes: ask what should be taken.
// Images are made of the file, not of what is on the screen. Used by Containerize, Train, Serve and the manifest.

import { Dialog, showDialog } from '@jupyterlab/apputils';

import type { PanelState } from '../state';

/** Whether to go on: at once when nothing is unsaved. Rejects when saving fails. */
export async function settleChanges(state: PanelState): Promise<boolean> {
  const { desk, trans } = state;
  if (!desk.dirty()) {
    return true;
  }
  const answer = await showDialog({
    title: trans.__('The notebook has unsaved changes'),
    body: trans.__('What runs in a container is what is saved.'),
    buttons: [
      Dialog.cancelButton({ label: trans.__('Cancel') }),
      Dialog.createButton({ label: trans.__('Use what is saved'), accept: true, actions: ['as-saved'] }),
      Dialog.okButton({ label: trans.__('Save and go on') })
    ],
    defaultButton: 2
  });
  if (!answer.button.accept) {
    return false;
  }
  if (!answer.button.actions.includes('as-saved')) {
    await desk.save();
  }
  return true;
}
