// Which sections and folds are open, remembered by Lab's own state database.
// Not the layout: where the panel is, the layout restorer knows. Used by Section and Fold.

import type { IStateDB } from '@jupyterlab/statedb';
import { Signal } from '@lumino/signaling';

const KEY = 'nbcontainer:folds';

export class Folds {
  readonly changed = new Signal<this, void>(this);

  constructor(private readonly _db: IStateDB | null) {
    void this._load();
  }

  isOpen(name: string, otherwise: boolean): boolean {
    return this._open[name] ?? otherwise;
  }

  set(name: string, open: boolean): void {
    this._open = { ...this._open, [name]: open };
    this.changed.emit();
    void this._db?.save(KEY, this._open);
  }

  private async _load(): Promise<void> {
    const found = await this._db?.fetch(KEY).catch(() => undefined);
    if (typeof found === 'object' && found !== null && !Array.isArray(found)) {
      const kept = Object.entries(found).filter(([, value]) => typeof value === 'boolean');
      this._open = { ...(Object.fromEntries(kept) as Record<string, boolean>), ...this._open };
      this.changed.emit();
    }
  }

  private _open: Record<string, boolean> = {};
}
