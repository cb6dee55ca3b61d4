// An answer of the server, with what is known while it is on its way and after it failed.
// Not a request: that is client.ts. Used by the state and by whatever shows an answer.

import { RequestError } from './client';
import type { Problem } from './types';

/** An answer of the server that may still be on its way. */
export interface Answer<T> {
  value: T | null;
  error: Problem | null;
  loading: boolean;
}

export const nothing = { value: null, error: null, loading: false } as const;

/** The answer to `asked`; where it failed, what was known before stays. */
export async function settled<T>(asked: Promise<T>, before: T | null): Promise<Answer<T>> {
  try {
    return { value: await asked, error: null, loading: false };
  } catch (error) {
    return { value: before, error: problemOf(error), loading: false };
  }
}

/** Any failure in the form in which the server tells its own. */
export function problemOf(error: unknown): Problem {
  if (error instanceof RequestError) {
    return { stage: error.stage, message: error.message, hint: error.hint };
  }
  return { stage: '', message: error instanceof Error ? error.message : String(error), hint: '' };
}
