// The section "Launch": one short form that trains the notebook as a job or serves one of its functions.
// What it says as data is form.ts; what it begins is a task of the server, seen under Activity. Used by panel.tsx.

import type { JSX } from 'react';

import type { Inspection } from '../types';
import { ChoiceField, TextField } from './fields';
import { callableOf, type Form, type Kind, optionsOf, problems } from './form';
import { useChanges, usePanel } from './hooks';
import { type IFormProps, More } from './more';
import { Parameters } from './parameters';
import { Fold } from './parts';
import { Submit } from './submit';

export function Launch(): JSX.Element {
  const { state } = usePanel();
  const { trans } = state;
  useChanges(state.notebookChanged, state.inspectionChanged, state.capabilitiesChanged);
  const found = state.inspection.value;
  if (state.notebook === '') {
    return <p className="nbc-dim">{trans.__('Open a notebook to train or to serve it.')}</p>;
  }
  return found === null ? (
    <p className="nbc-dim">{state.inspection.loading ? trans.__('Looking at the notebook…') : trans.__('The notebook can\'t be looked at now.')}</p>
  ) : (
    <LaunchForm key={found.notebook} found={found} />
  );
}

function LaunchForm({ found }: { found: Inspection }): JSX.Element {
  const { state } = usePanel();
  const { trans, drafts } = state;
  useChanges(drafts.changed, state.targetChanged);
  const kind = drafts.kind(found.notebook);
  const form = drafts.form(found, kind);
  const wrong = problems(form, kind, found, trans);
  const onForm = (changed: Form) => { drafts.set(found.notebook, kind, changed); };
  const shared = { kind, form, problems: wrong, onForm };
  const wrongBelow = Object.keys(wrong).some(key => /^(env:|secrets|startTimeout)/.test(key));
  return (
    <form className="nbc-form" onSubmit={event => { event.preventDefault(); }}>
      <KindChooser kind={kind} onKind={changed => { drafts.setKind(found.notebook, changed); }} />
      {kind === 'inference' && <Callable {...shared} found={found} />}
      <TextField
        label={trans.__('Name')}
        className="nbc-inline"
        value={form.name}
        problem={wrong.name}
        placeholder={defaultName(found, kind)}
        onValue={name => { onForm({ ...form, name: name.trim() }); }}
      />
      {kind === 'training' && <Parameters {...shared} parameters={found.parameters} />}
      <Resources {...shared} />
      <Fold name={`more-${kind}`} forced={wrongBelow} title={wrongBelow ? trans.__('More (needs another look)') : trans.__('More')}>
        <More {...shared} />
      </Fold>
      <Submit kind={kind} wrong={wrong} options={Object.keys(wrong).length === 0 ? optionsOf(form, kind, found, state.place) : null} />
    </form>
  );
}

/** What the run is called when nobody chooses: as nbcontainer/names.py makes it. */
export function defaultName(found: Pick<Inspection, 'identity'>, kind: Kind): string {
  const base = `${found.identity.slug}-${found.identity.id}`;
  return kind === 'inference' ? base : `${base}-…`;
}

function KindChooser({ kind, onKind }: { kind: Kind; onKind: (kind: Kind) => void }): JSX.Element {
  const { trans } = usePanel().state;
  const kinds: [Kind, string, string][] = [
    ['training', trans.__('Training'), trans.__('Run all cells once, as a job')],
    ['inference', trans.__('Inference'), trans.__('Answer requests with one of the functions, as a service')]
  ];
  return (
    <fieldset className="nbc-segments">
      <legend className="nbc-unseen">{trans.__('What to launch')}</legend>
      {kinds.map(([value, label, about]) => (
        <label key={value} className="nbc-segment" title={about}>
          <input type="radio" name="nbc-kind" value={value} checked={kind === value} onChange={() => { onKind(value); }} />
          <span>{label}</span>
        </label>
      ))}
    </fieldset>
  );
}

function Callable({ found, form, problems: wrong, onForm }: IFormProps & { found: Inspection }): JSX.Element {
  const { trans } = usePanel().state;
  if (found.callables.length === 0) {
    return <p className="nbc-field-problem">{trans.__('The notebook defines no function that could answer.')}</p>;
  }
  const chosen = callableOf(form, found);
  const about = found.callables.find(each => each.name === chosen);
  return (
    <ChoiceField
      label={trans.__('Function')}
      className="nbc-inline"
      value={chosen}
      problem={wrong.callable}
      choices={found.callables.map(each => ({ value: each.name, label: `${each.name}(${each.parameters.join(', ')})` }))}
      hint={about?.doc ? <span className="nbc-clamp" title={about.doc}>{about.doc}</span> : undefined}
      onValue={callable => { onForm({ ...form, callable }); }}
    />
  );
}

function Resources({ kind, form, problems: wrong, onForm }: IFormProps): JSX.Element {
  const { trans } = usePanel().state;
  const fields: [keyof Form & ('replicas' | 'cpu' | 'memory' | 'gpu'), string, string][] = [
    ['cpu', trans.__('CPU'), kind === 'training' ? '2' : '1'],
    ['memory', trans.__('Memory'), kind === 'training' ? '2Gi' : '1Gi'],
    ['gpu', trans.__('GPU'), '0']
  ];
  if (kind === 'inference') {
    fields.unshift(['replicas', trans.__('Replicas'), '1']);
  }
  return (
    <div className="nbc-resources">
      {fields.map(([key, label, placeholder]) => (
        <TextField
          key={key}
          label={label}
          value={form[key]}
          problem={wrong[key]}
          placeholder={placeholder}
          onValue={value => { onForm({ ...form, [key]: value.trim() }); }}
        />
      ))}
    </div>
  );
}
