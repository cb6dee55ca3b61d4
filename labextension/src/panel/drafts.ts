// What was typed into the panel's forms and not sent yet, by notebook: kept while the page lives, never stored.
// Not what was used last: the server keeps that, and fills a form that nobody has touched.

import { Signal } from '@lumino/signaling';

import type { Inspection, Options, Task } from '../types';
import { type Form, type Kind, prefilled } from './form';

interface IRefill {
  options: Options;
  envNames: readonly string[];
}

export class Drafts {
  readonly changed = new Signal<this, void>(this);

  /** Whether the Launch form of `notebook` speaks of training or inference. */
  kind(notebook: string): Kind {
    return this._kinds.get(notebook) ?? 'training';
  }

  setKind(notebook: string, kind: Kind): void {
    this._kinds.set(notebook, kind);
    this.changed.emit();
  }

  push(inspection: Inspection): boolean {
    return this._pushes.get(inspection.notebook) ?? inspection.last.build?.push ?? false;
  }

  setPush(notebook: string, push: boolean): void {
    this._pushes.set(notebook, push);
    this.changed.emit();
  }

  /** What was typed, else what a retry asks for, else what was used last. */
  form(inspection: Inspection, kind: Kind): Form {
    const key = keyOf(inspection.notebook, kind);
    const refill = this._refills.get(key);
    if (refill !== undefined) {
      this._refills.delete(key);
      this._forms.set(key, prefilled(refill.options, inspection.parameters, refill.envNames));
    }
    const last = kind === 'training' ? inspection.last.train : inspection.last.serve;
    let form = this._forms.get(key);
    if (form === undefined) {
      form = prefilled(last, inspection.parameters);
      this._forms.set(key, form);
    }
    return form;
  }

  set(notebook: string, kind: Kind, form: Form): void {
    this._forms.set(keyOf(notebook, kind), form);
    this.changed.emit();
  }

  /** Let the form ask for what a task asked for; the values of env must be entered again. */
  refill(task: Task): Kind {
    const { options, env_names: envNames } = task.request;
    const kind = task.verb === 'serve' || options.kind === 'inference' ? 'inference' : 'training';
    this._refills.set(keyOf(task.notebook, kind), { options, envNames });
    this.setKind(task.notebook, kind);
    return kind;
  }

  private readonly _kinds = new Map<string, Kind>();
  private readonly _pushes = new Map<string, boolean>();
  private readonly _forms = new Map<string, Form>();
  private readonly _refills = new Map<string, IRefill>();
}

function keyOf(notebook: string, kind: Kind): string {
  return `${kind}:${notebook}`;
}
