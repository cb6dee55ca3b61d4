// What can be done to a run from the page, what is under way, and what went wrong with it.
// No list and no view: store.ts has the runs. It asks the server, and the watch brings the outcome.

import { Signal } from '@lumino/signaling';

import { problemOf } from '../answer';
import { RequestError, type Client } from '../client';
import type { IPlace, Problem, Run } from '../types';
import { Stepper } from './stepper';

export class RunActs {
  readonly changed = new Signal<this, void>(this);

  /** @param _place of the runs that are shown. */
  constructor(
    private readonly _client: Client,
    private readonly _place: () => IPlace
  ) {}

  stepper(run: Run): Stepper {
    const key = keyOf(run);
    let found = this._steppers.get(key);
    if (!found) {
      const place = this._placeOf(run);
      found = new Stepper(
        value => this._try(key, () => this._client.scaleRun(run.name, value, place)),
        () => this.changed.emit()
      );
      this._steppers.set(key, found);
    }
    return found;
  }

  isStopping(run: Run): boolean {
    return this._stopping.has(keyOf(run));
  }

  problem(run: Run): Problem | null {
    return this._problems.get(keyOf(run)) ?? null;
  }

  /** The address that the server holds for a run, "" for none. */
  forward(run: Run): string {
    return this._forwards.get(keyOf(run)) ?? run.forward;
  }

  async stop(run: Run): Promise<void> {
    const key = keyOf(run);
    this._stopping.add(key);
    try {
      await this._try(key, () => this._client.stopRun(run.name, this._placeOf(run)));
    } catch {
      // said by problem()
    } finally {
      this._stopping.delete(key);
      this.changed.emit();
    }
  }

  async hold(run: Run): Promise<void> {
    await this._forward(run, () => this._client.holdForward(run.name, this._placeOf(run)));
  }

  async release(run: Run): Promise<void> {
    await this._forward(run, () => this._client.closeForward(run.name, this._placeOf(run)));
  }

  dispose(): void {
    for (const each of this._steppers.values()) {
      each.dispose();
    }
    Signal.clearData(this);
  }

  private async _forward(run: Run, ask: () => Promise<{ url: string }>): Promise<void> {
    const key = keyOf(run);
    try {
      const { url } = await this._try(key, ask);
      this._forwards.set(key, url);
    } catch {
      // said by problem()
    }
    this.changed.emit();
  }

  /** Keeps why it failed until the next thing is tried. A run that is gone already is no failure to stop it. */
  private async _try<T>(key: string, ask: () => Promise<T>): Promise<T> {
    this._problems.delete(key);
    this.changed.emit();
    try {
      return await ask();
    } catch (error) {
      if (!(this._stopping.has(key) && error instanceof RequestError && error.status === 404)) {
        this._problems.set(key, problemOf(error));
      }
      throw error;
    }
  }

  private _placeOf(run: Run): IPlace {
    return { ...this._place(), target: run.target, namespace: run.namespace };
  }

  private readonly _steppers = new Map<string, Stepper>();
  private readonly _stopping = new Set<string>();
  private readonly _problems = new Map<string, Problem>();
  private readonly _forwards = new Map<string, string>();
}

function keyOf(run: Run): string {
  return `${run.target} ${run.namespace} ${run.name}`;
}
