// React hooks that join the panel's state with its components.
// No state of their own beyond a page's: what must last is the server's or the folds'.

import type { ISignal } from '@lumino/signaling';
import { createContext, useContext, useEffect, useReducer, useState } from 'react';

import type { PanelState } from '../state';
import type { Folds } from './folds';

export interface IPanel {
  state: PanelState;
  folds: Folds;
}

export const PanelContext = createContext<IPanel | null>(null);

export function usePanel(): IPanel {
  const found = useContext(PanelContext);
  if (found === null) {
    throw new Error('no panel around this component');
  }
  return found;
}

/** Render again whenever one of the signals is emitted. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any
export function useChanges(...signals: ISignal<any, any>[]): void {
  const [, again] = useReducer((count: number) => count + 1, 0);
  useEffect(() => {
    const slot = () => {
      again();
    };
    signals.forEach(each => each.connect(slot));
    return () => {
      signals.forEach(each => each.disconnect(slot));
    };
    // the signals of the state are as lasting as the state itself
  }, signals);
}

/** Render again every `ms` while `on`, for what grows by the clock. */
export function useTicks(on: boolean, ms = 1000): void {
  const [, again] = useReducer((count: number) => count + 1, 0);
  useEffect(() => {
    if (!on) {
      return;
    }
    const timer = window.setInterval(again, ms);
    return () => {
      window.clearInterval(timer);
    };
  }, [on, ms]);
}

/** `value` once it has stayed the same for `ms`. */
export function useSettled<T>(value: T, ms: number): T {
  const [settled, set] = useState(value);
  useEffect(() => {
    const timer = window.setTimeout(() => {
      set(value);
    }, ms);
    return () => {
      window.clearTimeout(timer);
    };
  }, [value, ms]);
  return settled;
}
