// The try-it tab's state: the service's own document, what is typed, the call that is under way, the last answers.
// In memory only: a reload forgets them. The run's live state is runs/watch.ts's.

import type { IDisposable } from '@lumino/disposable';
import { Signal } from '@lumino/signaling';

import { problemOf } from '../answer';
import type { RunRef } from '../desk';
import { RunActs } from '../runs/acts';
import { RunWatch } from '../runs/watch';
import type { PanelState } from '../state';
import type { Answer, Problem } from '../types';
import { formOf, type IField, type IForm, meaning, type Meaning, parsed } from './schema';

export interface ICall {
  number: number;
  body: unknown;
  /** null where none came. */
  answer: Answer | null;
  problem: Problem | null;
}

const KEPT = 10;

export class InferenceStore implements IDisposable {
  readonly changed = new Signal<this, void>(this);
  readonly watch: RunWatch;
  readonly acts: RunActs;

  constructor(
    private readonly _state: PanelState,
    readonly ref: RunRef
  ) {
    this.watch = new RunWatch(_state.client, _state.channel, ref);
    this.watch.changed.connect(this._onRun, this);
    this.acts = new RunActs(_state.client, () => this.watch.place);
    this.acts.changed.connect(() => this.changed.emit(), this);
  }

  /** null until the service described itself. */
  form: IForm | null = null;
  /** Why there is no form. */
  formProblem: Problem | null = null;
  /** Whether the body is written as JSON rather than by fields. */
  raw = false;
  rawText = '';
  values: Record<string, string> = {};
  sending = false;
  /** The newest first. */
  calls: readonly ICall[] = [];
  isDisposed = false;

  setValue(name: string, typed: string): void {
    this.values = { ...this.values, [name]: typed };
    this.changed.emit();
  }

  setRawText(typed: string): void {
    this.rawText = typed;
    this.changed.emit();
  }

  /** Between fields and JSON; what the fields say is taken along. */
  setRaw(raw: boolean): void {
    const body = this.body();
    if (raw && body && 'value' in body) {
      this.rawText = JSON.stringify(body.value, null, 2);
    }
    this.raw = raw;
    this.changed.emit();
  }

  meaningOf(field: IField): Meaning {
    return meaning(field, this.values[field.name] ?? field.initial);
  }

  /** What would be sent; a problem where something typed means nothing. */
  body(): Meaning {
    if (this.raw || !this.form?.fields) {
      return parsed(this.rawText);
    }
    const body: [string, unknown][] = [];
    for (const field of this.form.fields) {
      const found = this.meaningOf(field);
      if (found && 'problem' in found) {
        return found;
      }
      if (found) {
        body.push([field.name, found.value]);
      }
    }
    return { value: Object.fromEntries(body) };
  }

  async send(): Promise<void> {
    const found = this.body();
    if (this.sending || !found || !('value' in found)) {
      return;
    }
    this.sending = true;
    this.changed.emit();
    const call: ICall = { number: ++this._count, body: found.value, answer: null, problem: null };
    try {
      const path = this.form?.path ?? '/predict';
      call.answer = await this._state.client.callService(this.ref.name, path, call.body, this.watch.place, this._ending.signal);
    } catch (error) {
      call.problem = problemOf(error);
    }
    this.sending = false;
    this.calls = [call, ...this.calls].slice(0, KEPT);
    this.changed.emit();
  }

  /** Ask the service for its document. */
  readonly describe = async (): Promise<void> => {
    if (this._asking || this.form !== null || this.isDisposed) {
      return;
    }
    this._asking = true;
    try {
      const document = await this._state.client.service(this.ref.name, this.watch.place, this._ending.signal);
      this.form = formOf(document);
      this.formProblem = null;
    } catch (error) {
      this.formProblem = problemOf(error);
    }
    this._asking = false;
    this.changed.emit();
  };

  dispose(): void {
    this.isDisposed = true;
    this._ending.abort();
    this.watch.dispose();
    this.acts.dispose();
    Signal.disconnectReceiver(this);
    Signal.clearData(this);
  }

  /** A service can describe itself once a replica is ready. */
  private _onRun(): void {
    const ready = this.watch.run?.replicas.ready ?? 0;
    if (ready > 0 && (this.formProblem === null || ready !== this._ready)) {
      void this.describe();
    }
    this._ready = ready;
    this.changed.emit();
  }

  private _ready = 0;
  private _count = 0;
  private _asking = false;
  private readonly _ending = new AbortController();
}
