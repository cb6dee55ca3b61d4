// The small pieces that all sections are made of: section, fold, icon button, copy button, problem, clipped text.
// No knowledge of notebooks or runs. All text given to them is shown as text, whatever it holds.

import { Clipboard } from '@jupyterlab/apputils';
import {
  Button,
  caretDownIcon,
  caretRightIcon,
  checkIcon,
  copyIcon,
  errorIcon,
  type LabIcon
} from '@jupyterlab/ui-components';
import { type JSX, type ReactNode, useEffect, useId, useRef, useState } from 'react';

import type { Problem } from '../types';
import { useChanges, usePanel } from './hooks';

interface IFoldProps {
  /** Under which its being open is remembered. */
  name: string;
  title: ReactNode;
  open?: boolean;
  children: ReactNode;
}

/** A section of the panel, with a heading as those of Lab's own sidebars. */
export function Section(props: IFoldProps & { aside?: ReactNode }): JSX.Element {
  const [open, toggle] = useFold(props.name, props.open ?? true);
  const id = useId();
  return (
    <section className="nbc-section" data-nbc-section={props.name} aria-labelledby={id}>
      <div className="nbc-section-title">
        <h2 className="nbc-section-heading">
          <button id={id} type="button" className="nbc-section-button" aria-expanded={open} onClick={toggle}>
            <Caret open={open} />
            <span className="nbc-ellipsis">{props.title}</span>
          </button>
        </h2>
        {props.aside}
      </div>
      {open && <div className="nbc-section-body">{props.children}</div>}
    </section>
  );
}

/** A part that few people need, closed until they want it. */
export function Fold(props: IFoldProps & { forced?: boolean }): JSX.Element {
  const [wanted, toggle] = useFold(props.name, props.open ?? false);
  const open = wanted || props.forced === true; // something in it must be seen
  return (
    <div className="nbc-fold">
      <button type="button" className="nbc-fold-button" aria-expanded={open} onClick={toggle}>
        <Caret open={open} />
        <span className="nbc-break">{props.title}</span>
      </button>
      {open && <div className="nbc-fold-body">{props.children}</div>}
    </div>
  );
}

function useFold(name: string, otherwise: boolean): [boolean, () => void] {
  const { folds } = usePanel();
  useChanges(folds.changed);
  const open = folds.isOpen(name, otherwise);
  return [
    open,
    () => {
      folds.set(name, !open);
    }
  ];
}

function Caret({ open }: { open: boolean }): JSX.Element {
  const icon = open ? caretDownIcon : caretRightIcon;
  return <icon.react tag="span" className="nbc-caret" width="16px" height="16px" />;
}

export function Icon({ icon, label }: { icon: LabIcon; label?: string }): JSX.Element {
  const names = label === undefined ? { 'aria-hidden': true as const } : { role: 'img', 'aria-label': label, title: label };
  return (
    <span className="nbc-icon" {...names}>
      <icon.react tag="span" width="16px" height="16px" />
    </span>
  );
}

interface IIconButtonProps {
  icon: LabIcon;
  label: string;
  onClick: () => void;
  disabled?: boolean;
}

export function IconButton({ icon, label, onClick, disabled = false }: IIconButtonProps): JSX.Element {
  return (
    <Button minimal small className="nbc-icon-button" title={label} aria-label={label} disabled={disabled} onClick={onClick}>
      <icon.react tag="span" width="16px" height="16px" />
    </Button>
  );
}

/** Copies `text` and says so for a moment. */
export function CopyButton({ text, label }: { text: string; label: string }): JSX.Element {
  const { trans } = usePanel().state;
  const [copied, setCopied] = useState(false);
  const timer = useRef(0);
  useEffect(() => () => {
    window.clearTimeout(timer.current);
  }, []);
  const copy = () => {
    Clipboard.copyToSystem(text);
    setCopied(true);
    timer.current = window.setTimeout(() => {
      setCopied(false);
    }, 2000);
  };
  return (
    <>
      <IconButton icon={copied ? checkIcon : copyIcon} label={copied ? trans.__('Copied') : label} onClick={copy} />
      <span className="nbc-unseen" role="status">
        {copied ? trans.__('Copied') : ''}
      </span>
    </>
  );
}

const CLIP = 2000;
const MOST = 100_000; // the page stays alive whatever a text holds

/** A text from elsewhere, cut where it is long. */
export function Clipped({ text, limit = CLIP }: { text: string; limit?: number }): JSX.Element {
  const { trans } = usePanel().state;
  const [all, setAll] = useState(false);
  if (text.length <= limit) {
    return <span className="nbc-text">{text}</span>;
  }
  const shown = text.slice(0, all ? MOST : limit);
  return (
    <>
      <span className="nbc-text">{shown}…</span>{' '}
      {!all && (
        <button type="button" className="nbc-link" onClick={() => { setAll(true); }}>
          {trans.__('Show all (%1 characters)', text.length)}
        </button>
      )}
      {all && text.length > MOST && (
        <span className="nbc-dim">{trans.__('%1 more characters', text.length - MOST)} </span>
      )}
      {all && <CopyButton text={text} label={trans.__('Copy all of it')} />}
    </>
  );
}

/** What went wrong, and what to do next. */
export function ProblemBox({ problem, children }: { problem: Problem; children?: ReactNode }): JSX.Element {
  const { trans } = usePanel().state;
  return (
    <div className="nbc-problem" role="alert">
      <Icon icon={errorIcon} label={trans.__('Error')} />
      <div className="nbc-problem-text">
        <div>
          <Clipped text={problem.message} limit={600} />
        </div>
        {problem.hint && (
          <div className="nbc-hint">
            <Clipped text={problem.hint} limit={600} />
          </div>
        )}
        {children}
      </div>
    </div>
  );
}
