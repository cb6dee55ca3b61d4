// One input for each name of the cell tagged `parameters`, by its type; what differs from the notebook is marked.
// Used by Launch for training.

import { undoIcon } from '@jupyterlab/ui-components';
import type { JSX } from 'react';

import type { Inspection } from '../types';
import { parameterText } from './checks';
import { Field } from './fields';
import type { Form } from './form';
import { usePanel } from './hooks';
import { IconButton } from './parts';

type Parameter = Inspection['parameters'][number];

interface IParametersProps {
  parameters: readonly Parameter[];
  form: Form;
  problems: Record<string, string>;
  onForm: (form: Form) => void;
}

export function Parameters({ parameters, form, problems, onForm }: IParametersProps): JSX.Element {
  const { trans } = usePanel().state;
  const set = (name: string, text: string | undefined) => {
    const rest = Object.entries(form.parameters).filter(([key]) => key !== name);
    onForm({ ...form, parameters: Object.fromEntries(text === undefined ? rest : [...rest, [name, text]]) });
  };
  if (parameters.length === 0) {
    return <p className="nbc-dim">{trans.__('To set values here, tag a cell of assignments "parameters".')}</p>;
  }
  return (
    <fieldset className="nbc-group">
      <legend>{trans.__('Parameters')}</legend>
      {parameters.map(each => (
        <ParameterField
          key={each.name}
          parameter={each}
          typed={form.parameters[each.name]}
          problem={problems[`parameter:${each.name}`]}
          onText={text => { set(each.name, text); }}
        />
      ))}
    </fieldset>
  );
}

interface IParameterProps {
  parameter: Parameter;
  typed: string | undefined;
  problem: string | undefined;
  onText: (text: string | undefined) => void;
}

function ParameterField({ parameter, typed, problem, onText }: IParameterProps): JSX.Element {
  const { trans } = usePanel().state;
  const { name, type } = parameter;
  const own = parameterText(type, parameter.default);
  const change = (text: string) => { onText(text === own ? undefined : text); };
  const text = typed ?? own;
  const changed = typed !== undefined;
  return (
    <Field
      label={
        <>
          <code>{name}</code> <span className="nbc-type">{type === 'null' ? '' : type}</span>
        </>
      }
      problem={problem}
      className={`nbc-inline${changed ? ' nbc-mod-changed' : ''}`}
      hint={changed ? trans.__('the notebook has %1', clip(own) || trans.__('nothing')) : undefined}
    >
      {names => (
        <span className="nbc-with-button">
          {type === 'bool' ? (
            <input {...names} type="checkbox" className="jp-mod-styled" checked={text === 'true'} onChange={event => { change(String(event.target.checked)); }} />
          ) : type === 'json' || text.includes('\n') ? (
            <textarea
              {...names}
              className="nbc-textarea"
              rows={Math.min(6, text.split('\n').length)}
              spellCheck={false}
              value={text}
              onChange={event => { change(event.target.value); }}
            />
          ) : (
            <input
              {...names}
              type="text"
              className="jp-mod-styled nbc-input"
              inputMode={type === 'int' || type === 'float' ? 'decimal' : 'text'}
              autoComplete="off"
              spellCheck={false}
              placeholder={type === 'null' ? trans.__('None') : type === 'str' ? '' : own}
              value={text}
              onChange={event => { change(event.target.value); }}
            />
          )}
          {changed && <IconButton icon={undoIcon} label={trans.__('Back to the notebook\'s own %1', name)} onClick={() => { onText(undefined); }} />}
        </span>
      )}
    </Field>
  );
}

function clip(text: string): string {
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}
