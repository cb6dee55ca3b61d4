// The form of a call: a field for each parameter by its type, or the body as JSON.
// What the fields mean is schema.ts's; what is typed, the store's.

import { HTMLSelect } from '@jupyterlab/ui-components';
import type { TranslationBundle } from '@jupyterlab/translation';
import type { FormEvent, JSX, KeyboardEvent } from 'react';

import { Field } from '../panel/fields';
import { usePanel } from '../panel/hooks';
import type { IField, Meaning } from './schema';
import type { InferenceStore } from './store';

export function CallForm({ store }: { store: InferenceStore }): JSX.Element {
  const { trans } = usePanel().state;
  const fields = store.form?.fields ?? null;
  const byFields = fields !== null && !store.raw;
  const body = store.body();
  const submit = (event: FormEvent) => {
    event.preventDefault();
    void store.send();
  };
  const key = (event: KeyboardEvent) => {
    if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      void store.send();
    }
  };
  return (
    <form className="nbc-call-form" onSubmit={submit} onKeyDown={key} aria-label={trans.__('Request')}>
      {fields !== null && (
        <label className="nbc-check nbc-raw-switch">
          <input
            type="checkbox"
            className="jp-mod-styled"
            checked={store.raw}
            onChange={event => store.setRaw(event.target.checked)}
          />
          <span>{trans.__('As JSON')}</span>
        </label>
      )}
      {byFields ? (
        fields.map(field => <Parameter key={field.name} field={field} store={store} />)
      ) : (
        <JsonBody store={store} />
      )}
      {byFields && fields.length === 0 && <p className="nbc-dim">{trans.__('The function takes no parameters.')}</p>}
      <div className="nbc-actions">
        <button type="submit" className="jp-mod-styled jp-mod-accept" disabled={store.sending || !body || !('value' in body)}>
          {store.sending ? trans.__('Sending…') : trans.__('Send')}
        </button>
        <span className="nbc-dim">{trans.__('or Ctrl+Enter')}</span>
      </div>
    </form>
  );
}

function JsonBody({ store }: { store: InferenceStore }): JSX.Element {
  const { trans } = usePanel().state;
  const problem = store.rawText.trim() === '' ? '' : problemWord(store.body(), trans);
  return (
    <Field label={trans.__('Body')} problem={problem} hint={trans.__('any JSON value')}>
      {names => (
        <textarea
          {...names}
          className="nbc-textarea"
          rows={8}
          spellCheck={false}
          value={store.rawText}
          onChange={event => store.setRawText(event.target.value)}
        />
      )}
    </Field>
  );
}

function Parameter({ field, store }: { field: IField; store: InferenceStore }): JSX.Element {
  const { trans } = usePanel().state;
  const typed = store.values[field.name] ?? field.initial;
  const set = (value: string) => store.setValue(field.name, value);
  const touched = store.values[field.name] !== undefined;
  const found = store.meaningOf(field);
  const needed = found !== undefined && 'problem' in found && found.problem === 'needed';
  const problem = touched || !needed ? problemWord(found, trans) : '';
  const hint = [field.hint, field.required ? trans.__('needed') : ''].filter(each => each !== '').join(', ');
  return (
    <Field label={<code>{field.name}</code>} problem={problem} {...(hint === '' ? {} : { hint })}>
      {names => <Input names={names} field={field} typed={typed} set={set} />}
    </Field>
  );
}

interface IInputProps {
  names: React.AriaAttributes & { id: string };
  field: IField;
  typed: string;
  set: (value: string) => void;
}

function Input({ names, field, typed, set }: IInputProps): JSX.Element {
  const { trans } = usePanel().state;
  switch (field.kind) {
    case 'boolean':
      return (
        <input
          {...names}
          type="checkbox"
          className="jp-mod-styled"
          checked={typed === 'true'}
          onChange={event => set(String(event.target.checked))}
        />
      );
    case 'choice': {
      const none = field.required && typed !== '' ? [] : [{ value: '', label: trans.__('(not given)') }];
      const choices = field.choices.map(each => ({ value: each, label: each }));
      return (
        <HTMLSelect {...names} className="nbc-select" value={typed} options={[...none, ...choices]} onChange={event => set(event.target.value)} />
      );
    }
    case 'json':
      return (
        <textarea
          {...names}
          className="nbc-textarea"
          rows={Math.min(8, Math.max(2, typed.split('\n').length))}
          spellCheck={false}
          value={typed}
          onChange={event => set(event.target.value)}
        />
      );
    default:
      return (
        <input
          {...names}
          type="text"
          inputMode={field.kind === 'string' ? 'text' : 'decimal'}
          className="jp-mod-styled nbc-input"
          autoComplete="off"
          spellCheck={false}
          value={typed}
          onChange={event => set(event.target.value)}
        />
      );
  }
}

function problemWord(found: Meaning, trans: TranslationBundle): string {
  if (!found || !('problem' in found)) {
    return '';
  }
  switch (found.problem) {
    case 'number':
      return trans.__('Not a number');
    case 'whole':
      return trans.__('Not a whole number');
    case 'json':
      return trans.__('Not JSON; a text needs quotes: "like this"');
    case 'needed':
      return trans.__('Needed');
  }
}
