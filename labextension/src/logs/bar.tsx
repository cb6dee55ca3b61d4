// The controls above a log: whose, follow, wrap, times, search, download. They hold nothing but what is being typed.
// Used by view.tsx.

import { Dialog, showErrorMessage } from '@jupyterlab/apputils';
import { caretDownIcon, caretUpIcon, downloadIcon, HTMLSelect } from '@jupyterlab/ui-components';
import { type JSX, type KeyboardEvent, useState } from 'react';

import { problemOf } from '../answer';
import { useChanges, usePanel } from '../panel/hooks';
import { IconButton } from '../panel/parts';
import { download } from './download';
import type { Search } from './search';
import type { LogStore } from './store';

export interface IShow {
  follow: boolean;
  wrap: boolean;
  times: boolean;
}

interface IBarProps {
  store: LogStore;
  search: Search;
  show: IShow;
  onShow: (part: Partial<IShow>) => void;
  /** A line was found. */
  onGo: (line: number) => void;
  /** The line that is looked at now. */
  near: () => number;
}

export function Bar(props: IBarProps): JSX.Element {
  const { store, show, onShow } = props;
  const { state } = usePanel();
  const { trans } = state;
  useChanges(state.capabilitiesChanged);
  const toggle = (name: keyof IShow, label: string, title: string) => (
    <button
      type="button"
      className="nbc-toggle"
      aria-pressed={show[name]}
      title={title}
      onClick={() => onShow({ [name]: !show[name] })}
    >
      {label}
    </button>
  );
  return (
    <div className="nbc-log-bar" role="group" aria-label={trans.__('Log')}>
      <PodChooser store={store} />
      {(state.capabilities.value?.features.previous_log ?? false) && (
        <button
          type="button"
          className="nbc-toggle"
          aria-pressed={store.args.previous ?? false}
          title={trans.__('What each container printed before its last restart')}
          onClick={() => store.show({ previous: !(store.args.previous ?? false) })}
        >
          {trans.__('Previous')}
        </button>
      )}
      {toggle('follow', trans.__('Follow'), trans.__('Stay at the end while lines come'))}
      {toggle('wrap', trans.__('Wrap'), trans.__('Break long lines'))}
      {toggle('times', trans.__('Times'), trans.__('Show when each line was printed'))}
      <SearchBox {...props} />
      <DownloadButton store={store} />
    </div>
  );
}

function PodChooser({ store }: { store: LogStore }): JSX.Element {
  const { trans } = usePanel().state;
  return (
    <HTMLSelect
      className="nbc-select nbc-pod-select"
      aria-label={trans.__('Pod')}
      title={trans.__('Whose log')}
      value={store.args.pod}
      onChange={event => store.show({ pod: event.target.value })}
      options={[{ value: '', label: trans.__('All pods') }, ...store.pods.map(pod => ({ value: pod, label: pod }))]}
    />
  );
}

function SearchBox({ store, search, onGo, near }: IBarProps): JSX.Element {
  const { trans } = usePanel().state;
  const [text, setText] = useState('');
  const step = (back: boolean) => {
    const found = text !== search.q ? search.begin(text, near()) : back ? search.previous() : search.next();
    void found.then(onGo);
  };
  const key = (event: KeyboardEvent) => {
    if (event.key === 'Enter') {
      event.preventDefault();
      step(event.shiftKey);
    } else if (event.key === 'Escape') {
      setText('');
      search.clear();
    }
  };
  return (
    <span className="nbc-log-search" role="search">
      <input
        type="search"
        className="jp-mod-styled nbc-input"
        placeholder={trans.__('Search')}
        aria-label={trans.__('Search the log')}
        title={trans.__('Enter: next, Shift+Enter: previous. Capitals count where there are any')}
        disabled={store.log === null}
        maxLength={1000}
        spellCheck={false}
        value={text}
        onChange={event => {
          setText(event.target.value);
          if (event.target.value === '') {
            search.clear();
          }
        }}
        onKeyDown={key}
      />
      <span className="nbc-log-count nbc-dim" role="status">
        {text !== '' && text === search.q ? <Found search={search} /> : ''}
      </span>
      <IconButton icon={caretUpIcon} label={trans.__('Previous match')} disabled={text === ''} onClick={() => step(true)} />
      <IconButton icon={caretDownIcon} label={trans.__('Next match')} disabled={text === ''} onClick={() => step(false)} />
    </span>
  );
}

function Found({ search }: { search: Search }): JSX.Element {
  const { trans } = usePanel().state;
  if (search.error !== null) {
    return <>{problemOf(search.error).message}</>;
  }
  if (search.found === 0) {
    return <>{search.searching ? trans.__('searching…') : trans.__('not found')}</>;
  }
  const found = `${search.found.toLocaleString()}${search.more ? '+' : ''}`;
  return <>{trans.__('%1 of %2 lines', search.position.toLocaleString(), found)}</>;
}

function DownloadButton({ store }: { store: LogStore }): JSX.Element {
  const { client, trans } = usePanel().state;
  const [busy, setBusy] = useState(false);
  const { log } = store;
  const fetch = async (id: string) => {
    setBusy(true);
    try {
      const { name, pod, previous = false } = store.args;
      await download(client, id, `${pod === '' ? name : pod}${previous ? '-previous' : ''}.log`);
    } catch (error) {
      await showErrorMessage(trans.__('The log can’t be downloaded'), problemOf(error).message, [
        Dialog.okButton({ label: trans.__('OK') })
      ]);
    } finally {
      setBusy(false);
    }
  };
  return (
    <IconButton
      icon={downloadIcon}
      label={busy ? trans.__('Downloading…') : trans.__('Download the whole log')}
      disabled={log === null || busy}
      onClick={() => void (log && fetch(log.id))}
    />
  );
}
