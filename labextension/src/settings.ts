// The user's settings, followed: on which side the panel is, and what it does by itself.
// Their words and defaults are in schema/plugin.json. Used by index.ts.

import type { ISettingRegistry } from '@jupyterlab/settingregistry';

import type { PanelState } from './state';

type Side = 'left' | 'right';

/** Calls `place` at once, so that the layout can be restored, and again when the settings say another side. */
export function followSettings(
  loading: Promise<ISettingRegistry.ISettings> | null,
  state: PanelState,
  place: (side: Side) => void
): void {
  let now: Side | null = null;
  const put = (side: Side) => {
    if (side !== now) {
      now = side;
      place(side);
    }
  };
  const take = (settings: ISettingRegistry.ISettings) => {
    state.openLogAfterLaunch = settings.get('openLogAfterLaunch').composite !== false;
    put(settings.get('side').composite === 'right' ? 'right' : 'left');
  };
  put('left');
  loading?.then(
    settings => {
      take(settings);
      settings.changed.connect(take);
    },
    (error: unknown) => {
      console.error('nbcontainer: no settings, its defaults hold', error);
    }
  );
}
