// The top of the panel: which notebook it speaks of, where things will run, and whether the server answers.
// Nothing is begun here. Used by panel.tsx.

import { notebookIcon, offlineBoltIcon, refreshIcon } from '@jupyterlab/ui-components';
import type { TranslationBundle } from '@jupyterlab/translation';
import type { JSX } from 'react';

import type { Channel } from '../channel';
import { ChoiceField, TextField } from './fields';
import { useChanges, usePanel } from './hooks';
import { Fold, Icon, IconButton } from './parts';
import { baseName } from './words';

export function Header(): JSX.Element {
  const { state } = usePanel();
  const { trans } = state;
  useChanges(state.notebookChanged, state.inspectionChanged);
  const path = state.notebook;
  return (
    <header className="nbc-header">
      <div className="nbc-row">
        <Icon icon={notebookIcon} />
        {path === '' ? (
          <span className="nbc-dim nbc-grow">{trans.__('No notebook is open')}</span>
        ) : (
          <span className="nbc-notebook nbc-grow nbc-ellipsis" title={path}>
            {baseName(path)}
          </span>
        )}
        <IconButton icon={refreshIcon} label={trans.__('Look again')} onClick={() => { state.refresh(); }} />
      </div>
      <Connection />
      <TargetChooser />
    </header>
  );
}

/** How the page hears of changes, where that isn't as it should be. */
export function connectionText(status: Channel.Status, trans: TranslationBundle): string {
  switch (status) {
    case 'live':
      return '';
    case 'connecting':
      return trans.__('Reconnecting…');
    case 'polling':
      return trans.__('Polling every 2 s: no live connection gets through.');
    case 'lost':
      return trans.__('The server is gone, trying again…');
  }
}

function Connection(): JSX.Element {
  const { state } = usePanel();
  useChanges(state.channel.statusChanged);
  const text = connectionText(state.channel.status, state.trans);
  return (
    <div role="status" aria-live="polite" className="nbc-connection" data-nbc-status={state.channel.status}>
      {text !== '' && (
        <>
          <Icon icon={offlineBoltIcon} />
          <span>{text}</span>
        </>
      )}
    </div>
  );
}

function TargetChooser(): JSX.Element | null {
  const { state } = usePanel();
  const { trans } = state;
  useChanges(state.capabilitiesChanged, state.targetChanged);
  const known = state.capabilities.value;
  if (known === null) {
    return null;
  }
  const target = state.resolved;
  const where = (orchestrator: string) =>
    orchestrator === 'local' ? trans.__('this machine') : orchestrator === 'kubernetes' ? trans.__('Kubernetes') : orchestrator;
  return (
    <>
      <ChoiceField
        label={trans.__('Runs on')}
        className="nbc-inline"
        value={target?.name ?? ''}
        choices={known.targets.map(each => ({
          value: each.name,
          label: each.name === 'local' ? trans.__('this machine (local)') : `${each.name} (${where(each.orchestrator)})`
        }))}
        onValue={name => { state.choose({ target: name, namespace: '' }); }}
      />
      {target !== null && target.orchestrator !== 'local' && (
        <Fold name="advanced-target" title={trans.__('Advanced: namespace')}>
          <TextField
            label={trans.__('Namespace')}
            className="nbc-inline"
            value={state.namespace}
            placeholder={target.namespace || trans.__('as in the kubeconfig')}
            onValue={namespace => { state.choose({ namespace: namespace.trim() }); }}
          />
          {target.context !== '' && <div className="nbc-dim">{trans.__('Context: %1', target.context)}</div>}
          {target.registry !== '' && <div className="nbc-dim nbc-break">{trans.__('Registry: %1', target.registry)}</div>}
        </Fold>
      )}
    </>
  );
}
