// The user's settings, followed: on which side the panel is, and what it does by itself.
// Their words and defaults are in schema/plugin.json. Used by index.ts.

import type { ISettingRegistry } from '@jupyterlab/settingregistry';

import type { PanelState } from './state';

type Side = 'left' | 'right';

/**
 * Calls `place` when the settings are known, and again when they say another side. The start of the application waits for
 * this: a panel that came to its side later would not be where the restored layout looks for it.
 */
export async function followSettings(
  loading: Promise<ISettingRegistry.ISettings> | null,
  state: PanelState,
  place: (side: Side) => void
): Promise<void> {
  let now: Side | null = null;
  const take = (settings: ISettingRegistry.ISettings) => {
    state.openLogAfterLaunch = settings.get('openLogAfterLaunch').composite !== false;
    const side = settings.get('side').composite === 'right' ? 'right' : 'left';
    if (side !== now) {
      now = side;
      place(side);
    }
  };
  try {
    const settings = await loading;
    if (settings !== null) {
      take(settings);
      settings.changed.connect(take);
      return;
    }
  } catch (error) {
    console.error('nbcontainer: no settings, its defaults hold', error);
  }
  place('left');
}
