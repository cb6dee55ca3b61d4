// The answers of the last calls: status, time, the body as text, and lines that make the same call elsewhere.
// A body is shown as text whatever its type says. Used by the inference tab.

import { type JSX, useState } from 'react';

import { usePanel } from '../panel/hooks';
import { CopyButton, ProblemBox } from '../panel/parts';
import { duration } from '../panel/words';
import type { Run } from '../types';
import { pretty } from './pretty';
import { curl, python } from './snippets';
import type { ICall, InferenceStore } from './store';

const SHOWN = 200_000; // characters: a page with a mebibyte of text in one element is slow

export function Calls({ store }: { store: InferenceStore }): JSX.Element {
  const { trans } = usePanel().state;
  const [newest, ...older] = store.calls;
  return (
    <section aria-label={trans.__('Answers')} className="nbc-calls">
      <div aria-live="polite">{newest && <Call key={newest.number} call={newest} open />}</div>
      {older.map(call => (
        <Call key={call.number} call={call} open={false} />
      ))}
    </section>
  );
}

function Call({ call, open: first }: { call: ICall; open: boolean }): JSX.Element {
  const { trans } = usePanel().state;
  const [open, setOpen] = useState(first);
  const { answer, problem, number } = call;
  const title = answer
    ? trans.__('Call %1: status %2, %3', number, answer.status, duration(answer.seconds))
    : trans.__('Call %1: no answer', number);
  return (
    <div className="nbc-call" data-ok={answer !== null && answer.status < 400}>
      <button type="button" className="nbc-fold-button" aria-expanded={open} onClick={() => setOpen(!open)}>
        <span className="nbc-ellipsis">{title}</span>
      </button>
      {open && (
        <div className="nbc-call-body">
          <code className="nbc-call-sent nbc-ellipsis" title={trans.__('What was sent')}>
            {JSON.stringify(call.body).slice(0, 1000)}
          </code>
          {problem !== null && <ProblemBox problem={problem} />}
          {answer !== null && <Body text={answer.body} cut={answer.cut} />}
        </div>
      )}
    </div>
  );
}

function Body({ text, cut }: { text: string; cut: boolean }): JSX.Element {
  const { trans } = usePanel().state;
  const laid = pretty(text);
  return (
    <div className="nbc-answer">
      <pre className="nbc-answer-text" tabIndex={0} aria-label={trans.__('Answer')}>
        {laid.slice(0, SHOWN)}
      </pre>
      <CopyButton text={text} label={trans.__('Copy the answer')} />
      {laid.length > SHOWN && (
        <p className="nbc-dim">{trans.__('%1 characters more are not shown; copying takes them', laid.length - SHOWN)}</p>
      )}
      {cut && <p className="nbc-dim">{trans.__('The answer is longer than 1 MiB; the rest was left out.')}</p>}
    </div>
  );
}

/** How to make the same call outside of this page. */
export function Elsewhere({ store, run }: { store: InferenceStore; run: Run }): JSX.Element {
  const { trans } = usePanel().state;
  const [busy, setBusy] = useState(false);
  const base = run.local_url || store.acts.forward(run);
  const body = store.body();
  const hold = () => {
    setBusy(true);
    void store.acts.hold(run).finally(() => setBusy(false));
  };
  if (base === '') {
    return (
      <div className="nbc-row">
        <button type="button" className="nbc-small-button" disabled={busy} onClick={hold}>
          {busy ? trans.__('Opening…') : trans.__('Open a URL')}
        </button>
        <span className="nbc-dim">{trans.__('to call it with curl or Python on the server’s machine')}</span>
      </div>
    );
  }
  const value = body && 'value' in body ? body.value : {};
  const url = `${base.replace(/\/+$/, '')}${store.form?.path ?? '/predict'}`;
  return (
    <section className="nbc-elsewhere" aria-label={trans.__('The same call elsewhere')}>
      <Snippet label={trans.__('In a shell')} text={curl(url, value)} />
      <Snippet label={trans.__('In Python')} text={python(url, value)} />
    </section>
  );
}

function Snippet({ label, text }: { label: string; text: string }): JSX.Element {
  const { trans } = usePanel().state;
  return (
    <div className="nbc-snippet">
      <div className="nbc-row">
        <span className="nbc-grow nbc-dim">{label}</span>
        <CopyButton text={text} label={trans.__('Copy: %1', label)} />
      </div>
      <pre className="nbc-snippet-text" tabIndex={0} aria-label={label}>
        {text.slice(0, 4000)}
      </pre>
    </div>
  );
}
