// The fields of the panel's forms: a label, an input, and what is wrong with it right below.
// They hold nothing: value and check come from the form. Used by the header, the image options and Launch.

import { HTMLSelect } from '@jupyterlab/ui-components';
import { type InputHTMLAttributes, type JSX, type ReactNode, useId } from 'react';

interface IFieldProps {
  label: ReactNode;
  /** "" = nothing is wrong. */
  problem?: string | undefined;
  hint?: ReactNode;
  className?: string;
}

interface IFrameProps extends IFieldProps {
  children: (names: { id: string; 'aria-invalid': boolean; 'aria-describedby': string | undefined }) => ReactNode;
}

export function Field({ label, problem = '', hint, className = '', children }: IFrameProps): JSX.Element {
  const id = useId();
  const described = problem !== '' ? `${id}-problem` : hint !== undefined ? `${id}-hint` : undefined;
  return (
    <div className={`nbc-field ${className}`}>
      <label htmlFor={id} className="nbc-label">
        {label}
      </label>
      {children({ id, 'aria-invalid': problem !== '', 'aria-describedby': described })}
      {problem !== '' ? (
        <div id={`${id}-problem`} className="nbc-field-problem" role="status">
          {problem}
        </div>
      ) : (
        hint !== undefined && (
          <div id={`${id}-hint`} className="nbc-field-hint">
            {hint}
          </div>
        )
      )}
    </div>
  );
}

interface ITextProps extends IFieldProps {
  value: string;
  onValue: (value: string) => void;
  placeholder?: string;
  input?: InputHTMLAttributes<HTMLInputElement>;
}

export function TextField({ value, onValue, placeholder, input, ...frame }: ITextProps): JSX.Element {
  return (
    <Field {...frame}>
      {names => (
        <input
          {...names}
          type="text"
          className="jp-mod-styled nbc-input"
          autoComplete="off"
          spellCheck={false}
          {...input}
          placeholder={placeholder}
          value={value}
          onChange={event => { onValue(event.target.value); }}
        />
      )}
    </Field>
  );
}

export interface IChoice {
  value: string;
  label: string;
}

interface IChoiceProps extends IFieldProps {
  value: string;
  choices: readonly IChoice[];
  onValue: (value: string) => void;
  disabled?: boolean;
}

export function ChoiceField({ value, choices, onValue, disabled = false, ...frame }: IChoiceProps): JSX.Element {
  return (
    <Field {...frame}>
      {names => (
        <HTMLSelect
          {...names}
          className="nbc-select"
          value={value}
          disabled={disabled}
          options={[...choices]}
          onChange={event => { onValue(event.target.value); }}
        />
      )}
    </Field>
  );
}

interface ICheckProps {
  label: ReactNode;
  checked: boolean;
  onValue: (value: boolean) => void;
  title?: string;
}

export function CheckField({ label, checked, onValue, title }: ICheckProps): JSX.Element {
  return (
    <label className="nbc-check" title={title}>
      <input
        type="checkbox"
        className="jp-mod-styled"
        checked={checked}
        onChange={event => { onValue(event.target.checked); }}
      />
      <span>{label}</span>
    </label>
  );
}
