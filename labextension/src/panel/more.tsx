// What few runs need: environment variables, secrets by name, the image, the time to start, kept outputs.
// Used by Launch, folded. Values of variables stay in this page and in the request; nothing stores them.

import { addIcon, closeIcon } from '@jupyterlab/ui-components';
import type { JSX } from 'react';

import { CheckField, TextField } from './fields';
import { type EnvRow, envRow, type Form, type Kind } from './form';
import { usePanel } from './hooks';
import { BaseField, ImageFields } from './image';
import { IconButton } from './parts';

export interface IFormProps {
  kind: Kind;
  form: Form;
  problems: Record<string, string>;
  onForm: (form: Form) => void;
}

export function More({ kind, form, problems, onForm }: IFormProps): JSX.Element {
  const { trans } = usePanel().state;
  return (
    <>
      <Variables kind={kind} form={form} problems={problems} onForm={onForm} />
      <TextField
        label={trans.__('Secrets')}
        value={form.secrets}
        problem={problems.secrets}
        placeholder={trans.__('names, as db-login, s3')}
        hint={trans.__('Names of secrets of the target; their keys become variables.')}
        onValue={secrets => { onForm({ ...form, secrets }); }}
      />
      <BaseField />
      <ImageFields />
      <TextField
        label={trans.__('Start timeout')}
        className="nbc-inline"
        value={form.startTimeout}
        problem={problems.startTimeout}
        placeholder={trans.__('10m')}
        onValue={startTimeout => { onForm({ ...form, startTimeout: startTimeout.trim() }); }}
      />
      {kind === 'training' && (
        <CheckField
          label={trans.__('Keep the executed notebook and a report')}
          title={trans.__('In /outputs: the notebook with its outputs, and an HTML report')}
          checked={form.keepOutputs}
          onValue={keepOutputs => { onForm({ ...form, keepOutputs }); }}
        />
      )}
    </>
  );
}

function Variables({ form, problems, onForm }: IFormProps): JSX.Element {
  const { trans } = usePanel().state;
  const change = (row: EnvRow, to: Partial<EnvRow>) => {
    onForm({ ...form, env: form.env.map(each => (each === row ? { ...each, ...to } : each)) });
  };
  return (
    <fieldset className="nbc-group">
      <legend>{trans.__('Environment variables')}</legend>
      {form.env.map((row, index) => (
        <div key={row.id} className="nbc-env">
          <input
            type="text"
            className="jp-mod-styled nbc-input"
            aria-label={trans.__('Name of variable %1', index + 1)}
            placeholder={trans.__('NAME')}
            autoComplete="off"
            spellCheck={false}
            value={row.name}
            onChange={event => { change(row, { name: event.target.value.trim() }); }}
          />
          <input
            type="text"
            className="jp-mod-styled nbc-input"
            aria-label={trans.__('Value of variable %1', index + 1)}
            aria-invalid={problems[`env:${row.id}`] !== undefined}
            placeholder={row.lost ? trans.__('enter it again') : trans.__('value')}
            autoComplete="off"
            spellCheck={false}
            value={row.value}
            onChange={event => { change(row, { value: event.target.value, lost: false }); }}
          />
          <IconButton
            icon={closeIcon}
            label={trans.__('Remove variable %1', row.name || index + 1)}
            onClick={() => { onForm({ ...form, env: form.env.filter(each => each !== row) }); }}
          />
          {problems[`env:${row.id}`] !== undefined && (
            <div className="nbc-field-problem" role="status">
              {problems[`env:${row.id}`]}
            </div>
          )}
        </div>
      ))}
      <button type="button" className="nbc-small-button" onClick={() => { onForm({ ...form, env: [...form.env, envRow()] }); }}>
        <addIcon.react tag="span" width="14px" height="14px" />
        {trans.__('Add a variable')}
      </button>
    </fieldset>
  );
}
