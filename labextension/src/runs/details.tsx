// The chosen run below the list: the doctor's whole sentence, its pods, its dates, and what can be done to it.
// It follows the run by name, whatever the list shows. Actions are acts.ts's.

import { Dialog, showDialog } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';
import { closeIcon } from '@jupyterlab/ui-components';
import { type JSX, useId, useState } from 'react';

import { usePanel } from '../panel/hooks';
import { Clipped, CopyButton, IconButton, ProblemBox } from '../panel/parts';
import type { PanelState } from '../state';
import type { Pod, Run } from '../types';
import type { RunActs } from './acts';
import { PhaseMark } from './row';
import { MOST } from './stepper';
import type { RunsStore } from './store';
import { isOver, moment, phaseWord, safeUrl, whatGoes } from './words';

interface IDetailsProps {
  store: RunsStore;
  acts: RunActs;
}

export function Details({ store, acts }: IDetailsProps): JSX.Element | null {
  const { trans } = usePanel().state;
  const run = store.chosenRun;
  if (store.chosen === '') {
    return null;
  }
  return (
    <section className="nbc-run-details" aria-label={trans.__('Details of %1', store.chosen)}>
      <div className="nbc-row">
        <strong className="nbc-grow nbc-break">{store.chosen}</strong>
        <IconButton icon={closeIcon} label={trans.__('Close the details')} onClick={() => store.choose('')} />
      </div>
      {store.gone && <p className="nbc-dim">{trans.__('This run is no more: it was stopped and removed.')}</p>}
      {run !== null && !store.gone && <RunDetails run={run} acts={acts} />}
      {run === null && !store.gone && <p className="nbc-dim">{trans.__('Looking it up…')}</p>}
    </section>
  );
}

function RunDetails({ run, acts }: { run: Run; acts: RunActs }): JSX.Element {
  const { trans } = usePanel().state;
  const problem = acts.problem(run);
  return (
    <>
      <div className="nbc-row">
        <PhaseMark phase={acts.isStopping(run) ? 'Stopping' : run.phase} trans={trans} />
        {run.exit_code !== null && <span className="nbc-dim">{trans.__('exit code %1', run.exit_code)}</span>}
      </div>
      {run.reason !== '' && <p className="nbc-run-sentence"><Clipped text={run.reason} limit={600} /></p>}
      {problem !== null && <ProblemBox problem={problem} />}
      <Actions run={run} acts={acts} />
      {run.kind === 'inference' && <Address run={run} acts={acts} />}
      <Facts run={run} acts={acts} />
      <Pods run={run} />
    </>
  );
}

function refOf(state: PanelState, run: Run): { name: string; target: string; namespace: string; notebook: string } {
  return { name: run.name, target: run.target, namespace: run.namespace, notebook: state.notebook };
}

function Actions({ run, acts }: { run: Run; acts: RunActs }): JSX.Element {
  const { state } = usePanel();
  const { trans } = state;
  const stop = async () => {
    const { button } = await showDialog({
      title: trans.__('Stop %1?', run.name),
      body: whatGoes(run, trans),
      buttons: [Dialog.cancelButton(), Dialog.warnButton({ label: trans.__('Stop') })]
    });
    if (button.accept) {
      await acts.stop(run);
    }
  };
  const stopping = acts.isStopping(run);
  return (
    <div className="nbc-actions">
      <button type="button" className="nbc-small-button" onClick={() => state.openLog(refOf(state, run))}>
        {trans.__('Log')}
      </button>
      {run.kind === 'inference' && (
        <button type="button" className="nbc-small-button" onClick={() => state.openInference(refOf(state, run))}>
          {trans.__('Try it')}
        </button>
      )}
      <button type="button" className="nbc-small-button" disabled={stopping} onClick={() => void stop()}>
        {isOver(run) ? trans.__('Remove…') : trans.__('Stop…')}
      </button>
      {run.reattach !== undefined && <Reattach text={run.reattach} trans={trans} />}
    </div>
  );
}

function Reattach({ text, trans }: { text: string; trans: TranslationBundle }): JSX.Element {
  return (
    <span className="nbc-with-button nbc-reattach" title={text}>
      <code className="nbc-ellipsis">{text}</code>
      <CopyButton text={text} label={trans.__('Copy the magic that shows this run in any notebook')} />
    </span>
  );
}

/** Where a browser or a program reaches the service. */
function Address({ run, acts }: { run: Run; acts: RunActs }): JSX.Element {
  const { trans } = usePanel().state;
  const [busy, setBusy] = useState(false);
  const url = acts.forward(run);
  const act = (what: Promise<void>) => {
    setBusy(true);
    void what.finally(() => setBusy(false));
  };
  if (run.local_url !== '') {
    return <Link url={run.local_url} label={trans.__('Address on this machine')} />;
  }
  return url !== '' ? (
    <Link url={url} label={trans.__('Held on the server’s machine')}>
      <button type="button" className="nbc-link" disabled={busy} onClick={() => act(acts.release(run))}>
        {trans.__('Let it go')}
      </button>
    </Link>
  ) : (
    <div className="nbc-row">
      <button
        type="button"
        className="nbc-small-button"
        title={trans.__('Hold a port of the server’s machine that leads to the service')}
        disabled={busy || run.phase === 'Stopped'}
        onClick={() => act(acts.hold(run))}
      >
        {busy ? trans.__('Opening…') : trans.__('Open a URL')}
      </button>
    </div>
  );
}

function Link({ url, label, children }: { url: string; label: string; children?: JSX.Element }): JSX.Element {
  const { trans } = usePanel().state;
  const safe = safeUrl(url);
  return (
    <div className="nbc-row nbc-run-link">
      {safe !== '' ? (
        <a className="nbc-ellipsis" href={safe} target="_blank" rel="noopener noreferrer" title={label}>
          {safe}
        </a>
      ) : (
        <span className="nbc-ellipsis" title={label}>
          {url}
        </span>
      )}
      <CopyButton text={url} label={trans.__('Copy the address')} />
      {children}
    </div>
  );
}

function Facts({ run, acts }: { run: Run; acts: RunActs }): JSX.Element {
  const { trans } = usePanel().state;
  const facts: [string, string][] = [
    [trans.__('Target'), [run.target, run.namespace].filter(each => each !== '').join(' · ')],
    [trans.__('Created'), moment(run.created)],
    [trans.__('Started'), moment(run.started)],
    [trans.__('Finished'), moment(run.finished)],
    [trans.__('Notebook'), run.notebook_path],
    [trans.__('Owner'), run.owner],
    [trans.__('In the cluster'), run.url]
  ];
  return (
    <dl className="nbc-facts">
      {run.kind === 'inference' && (
        <>
          <dt>{trans.__('Replicas')}</dt>
          <dd>
            <ReplicaField run={run} acts={acts} />
          </dd>
        </>
      )}
      {facts.map(([name, value]) =>
        value === '' ? null : (
          <div className="nbc-fact" key={name}>
            <dt>{name}</dt>
            <dd><Clipped text={value} limit={600} /></dd>
          </div>
        )
      )}
      <dt>{trans.__('Image')}</dt>
      <dd className="nbc-with-button">
        <span className="nbc-ellipsis" title={run.image}>
          {run.image}
        </span>
        <CopyButton text={run.image} label={trans.__('Copy the image’s reference')} />
      </dd>
    </dl>
  );
}

/** Any number of replicas at once: the stepper's other half. */
function ReplicaField({ run, acts }: { run: Run; acts: RunActs }): JSX.Element {
  const { trans } = usePanel().state;
  const id = useId();
  const stepper = acts.stepper(run);
  const known = run.replicas.wanted;
  return (
    <span className="nbc-row">
      <input
        id={id}
        type="number"
        className="jp-mod-styled nbc-input nbc-replica-field"
        aria-label={trans.__('Replicas wanted of %1', run.name)}
        min={0}
        max={MOST}
        disabled={run.phase === 'Stopped' || acts.isStopping(run)}
        value={stepper.value(known)}
        onChange={event => {
          if (event.target.value !== '') {
            stepper.set(event.target.valueAsNumber, known);
          }
        }}
      />
      <span role="status">{trans.__('%1 ready', run.replicas.ready)}</span>
    </span>
  );
}

const PODS = 50; // shown at once; a service may have thousands

function Pods({ run }: { run: Run }): JSX.Element | null {
  const { state } = usePanel();
  const { trans } = state;
  const [all, setAll] = useState(false);
  if (run.pods.length === 0) {
    return null;
  }
  const shown = all ? run.pods : run.pods.slice(0, PODS);
  return (
    <ul className="nbc-pods" aria-label={trans.__('Pods')}>
      {shown.map(pod => (
        <PodItem key={pod.name} pod={pod} trans={trans} onLog={() => state.openLog(refOf(state, run), pod.name)} />
      ))}
      {shown.length < run.pods.length && (
        <li>
          <button type="button" className="nbc-link" onClick={() => setAll(true)}>
            {trans.__('Show all %1', run.pods.length)}
          </button>
        </li>
      )}
    </ul>
  );
}

function PodItem({ pod, trans, onLog }: { pod: Pod; trans: TranslationBundle; onLog: () => void }): JSX.Element {
  const said = [
    phaseWord(pod.phase, trans),
    pod.ready ? trans.__('ready') : '',
    pod.restarts > 0 ? trans._n('%1 restart', '%1 restarts', pod.restarts) : '',
    pod.exit_code !== null ? trans.__('exit code %1', pod.exit_code) : ''
  ];
  return (
    <li className="nbc-pod">
      <button type="button" className="nbc-link nbc-ellipsis" title={trans.__('Log of %1', pod.name)} onClick={onLog}>
        {pod.name}
      </button>
      <span className="nbc-dim">{said.filter(each => each !== '').join(', ')}</span>
      {pod.reason !== '' && <span className="nbc-pod-reason nbc-break"><Clipped text={pod.reason} limit={300} /></span>}
    </li>
  );
}
