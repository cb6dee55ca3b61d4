// Begins a build of the current notebook, as the button and the command do it.
// What is built is what the server sees in the saved file. Used by This notebook and commands.ts.

import type { PanelState } from '../state';
import { placeOptions } from './form';
import { settleChanges } from './saved';

/** Whether the image would be pushed: where the target has a registry, and somebody said so here or last time. */
export function pushes(state: PanelState): boolean {
  const found = state.inspection.value;
  return found !== null && (state.resolved?.registry ?? '') !== '' && state.drafts.push(found);
}

/** Rejects with what is wrong; does nothing when the person thinks better of it. */
export async function containerize(state: PanelState): Promise<void> {
  if (await settleChanges(state)) {
    const options = { ...placeOptions(state.place), ...(pushes(state) && { push: true }) };
    await state.start({ verb: 'build', notebook: state.notebook, options });
  }
}
