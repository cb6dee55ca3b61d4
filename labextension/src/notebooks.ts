// The notebook in front, for the panel: which one it is, when it was saved or its kernel changed, its cells.
// Not the panel's state, only what tells it. Used by index.ts; Lab's tracker keeps the last notebook while another tab is in
// front, and so does the panel.

import { NotebookActions, type INotebookTracker, type NotebookPanel } from '@jupyterlab/notebook';
import type { IDisposable } from '@lumino/disposable';

import type { PanelState } from './state';

export class Notebooks implements IDisposable {
  constructor(private readonly _tracker: INotebookTracker | null) {}

  get current(): NotebookPanel | null {
    return this._tracker?.currentWidget ?? null;
  }

  /** Its path on the server, without the name of a drive that only the page knows. */
  get path(): string {
    return this.current?.context.localPath ?? '';
  }

  /** Keep `state.notebook` to the notebook in front, and look again when it was saved or its kernel changed. */
  follow(state: PanelState): void {
    this._state = state;
    this._tracker?.currentChanged.connect(this._turn, this);
    this._turn();
  }

  cells(): string[] {
    const cells = this.current?.content.model?.sharedModel.cells ?? [];
    return cells.filter(cell => cell.cell_type === 'code').map(cell => cell.getSource());
  }

  dirty(): boolean {
    return this.current?.context.model.dirty ?? false;
  }

  async save(): Promise<void> {
    await this.current?.context.save();
  }

  /** Put `text` into a new code cell below the active one. */
  insert(text: string): void {
    const panel = this.current;
    if (panel !== null) {
      NotebookActions.insertBelow(panel.content);
      panel.content.activeCell?.model.sharedModel.setSource(text);
      void NotebookActions.focusActiveCell(panel.content);
    }
  }

  get isDisposed(): boolean {
    return this._isDisposed;
  }

  dispose(): void {
    this._isDisposed = true;
    this._leave();
    this._tracker?.currentChanged.disconnect(this._turn, this);
    this._state = null;
  }

  private _turn(): void {
    const panel = this.current;
    if (panel !== this._followed) {
      this._leave();
      this._followed = panel;
      panel?.context.pathChanged.connect(this._moved, this);
      panel?.context.saveState.connect(this._saved, this);
      panel?.context.sessionContext.kernelChanged.connect(this._again, this);
    }
    this._moved();
  }

  private _leave(): void {
    const panel = this._followed;
    this._followed = null;
    if (panel !== null && !panel.isDisposed) {
      panel.context.pathChanged.disconnect(this._moved, this);
      panel.context.saveState.disconnect(this._saved, this);
      panel.context.sessionContext.kernelChanged.disconnect(this._again, this);
    }
  }

  private _moved(): void {
    if (this._state !== null) {
      this._state.notebook = this.path;
    }
  }

  private _saved(_: unknown, save: string): void {
    if (save === 'completed') {
      this._again();
    }
  }

  private _again(): void {
    this._state?.refresh();
  }

  private _state: PanelState | null = null;
  private _followed: NotebookPanel | null = null;
  private _isDisposed = false;
}
