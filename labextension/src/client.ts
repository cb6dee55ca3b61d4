// The REST side of the server extension: one method per route of nbcontainer/server/openapi.yaml.
// Not a store and not the live side: channel.ts brings changes, this asks and acts.
// Every failure is a RequestError that says what, where and what to do next; an aborted request is an AbortError.

import { URLExt } from '@jupyterlab/coreutils';
import { ServerConnection } from '@jupyterlab/services';

import type {
  Answer, Capabilities, Equivalent, Forward, InspectQuery, Inspection, IPlace, LogState, LogWindow, Matches,
  OpenLogRequest, Problem, Request, Run, RunsQuery, RunWindow, Task
} from './types';

export const API = 'nbcontainer/api';

type Scalar = string | number | boolean;
export type Query = Record<string, Scalar | readonly Scalar[] | undefined>;

export interface IRequestOptions {
  query?: Query | undefined;
  body?: unknown;
  signal?: AbortSignal | undefined;
}

/** Why a request came to nothing. `stage` is "server" and `status` 0 where no server answered. */
export class RequestError extends Error {
  constructor(
    readonly status: number,
    readonly stage: string,
    message: string,
    readonly hint: string
  ) {
    super(message);
    this.name = 'RequestError';
  }

  get problem(): Problem {
    return { stage: this.stage, message: this.message, hint: this.hint };
  }
}

/** The address of a route below the server's base URL; an array becomes a repeated key, undefined is left out. */
export function route(settings: ServerConnection.ISettings, path: string, query: Query = {}): string {
  const search = new URLSearchParams();
  for (const [key, value] of Object.entries(query)) {
    for (const each of Array.isArray(value) ? (value as readonly Scalar[]) : [value as Scalar | undefined]) {
      if (each !== undefined) {
        search.append(key, String(each));
      }
    }
  }
  const text = search.toString();
  return URLExt.join(settings.baseUrl, API, path) + (text ? `?${text}` : '');
}

export class Client {
  constructor(readonly serverSettings: ServerConnection.ISettings = ServerConnection.makeSettings()) {}

  /** Ask any route below the API; `path` has its parts already escaped (see `part`). */
  async request<T>(method: string, path: string, options: IRequestOptions = {}): Promise<T> {
    const init: RequestInit = { method };
    if (options.body !== undefined) {
      init.body = JSON.stringify(options.body);
      init.headers = { 'Content-Type': 'application/json' };
    }
    if (options.signal) {
      init.signal = options.signal;
    }
    const url = route(this.serverSettings, path, options.query);
    const response = await answered(() => ServerConnection.makeRequest(url, init, this.serverSettings), options.signal);
    const text = await answered(() => response.text(), options.signal);
    if (!response.ok) {
      throw refused(response, text);
    }
    return parsed(response, text) as T;
  }

  capabilities(notebook = '', signal?: AbortSignal): Promise<Capabilities> {
    return this.request('GET', 'capabilities', { query: { notebook }, signal });
  }

  inspect(query: InspectQuery, signal?: AbortSignal): Promise<Inspection> {
    return this.request('GET', 'notebook', { query: { ...query }, signal });
  }

  equivalent(request: Request, signal?: AbortSignal): Promise<Equivalent> {
    return this.request('POST', 'equivalent', { body: request, signal });
  }

  tasks(signal?: AbortSignal): Promise<Task[]> {
    return this.request('GET', 'tasks', { signal });
  }

  task(id: string, signal?: AbortSignal): Promise<Task> {
    return this.request('GET', `tasks/${part(id)}`, { signal });
  }

  startTask(request: Request): Promise<Task> {
    return this.request('POST', 'tasks', { body: request });
  }

  retryTask(id: string): Promise<Task> {
    return this.request('POST', `tasks/${part(id)}/retry`);
  }

  /** Cancel a task that runs; forget one that has ended. */
  endTask(id: string): Promise<Task> {
    return this.request('DELETE', `tasks/${part(id)}`);
  }

  runs(query: RunsQuery, signal?: AbortSignal): Promise<RunWindow> {
    return this.request('GET', 'runs', { query: { ...query }, signal });
  }

  run(name: string, place: IPlace = {}, signal?: AbortSignal): Promise<Run> {
    return this.request('GET', `runs/${part(name)}`, { query: { ...place }, signal });
  }

  stopRun(name: string, place: IPlace = {}): Promise<Run> {
    return this.request('DELETE', `runs/${part(name)}`, { query: { ...place } });
  }

  scaleRun(name: string, replicas: number, place: IPlace = {}): Promise<Run> {
    return this.request('POST', `runs/${part(name)}/scale`, { query: { ...place }, body: { replicas } });
  }

  holdForward(name: string, place: IPlace = {}): Promise<Forward> {
    return this.request('POST', `runs/${part(name)}/forward`, { query: { ...place } });
  }

  closeForward(name: string, place: IPlace = {}): Promise<Forward> {
    return this.request('DELETE', `runs/${part(name)}/forward`, { query: { ...place } });
  }

  /** The service's own OpenAPI document. */
  service(name: string, place: IPlace = {}, signal?: AbortSignal): Promise<Record<string, unknown>> {
    return this.request('GET', `runs/${part(name)}/service`, { query: { ...place }, signal });
  }

  callService(name: string, path: string, body: unknown, place: IPlace = {}, signal?: AbortSignal): Promise<Answer> {
    return this.request('POST', `runs/${part(name)}/call`, { query: { ...place }, body: { path, body }, signal });
  }

  openLog(request: OpenLogRequest, notebook = '', signal?: AbortSignal): Promise<LogState> {
    return this.request('POST', 'logs', { query: { notebook }, body: request, signal });
  }

  readLog(log: string, from: number, count: number, signal?: AbortSignal): Promise<LogWindow> {
    return this.request('GET', `logs/${part(log)}`, { query: { from, count }, signal });
  }

  searchLog(log: string, q: string, from = 0, limit = 1000, signal?: AbortSignal): Promise<Matches> {
    return this.request('GET', `logs/${part(log)}/search`, { query: { q, from, limit }, signal });
  }

  /** Where the browser itself fetches a whole log, with the login cookie, so that no page has to hold it. */
  logDownloadUrl(log: string): string {
    return route(this.serverSettings, `logs/${part(log)}/download`);
  }
}

/** One part of a path. */
export function part(text: string): string {
  return encodeURIComponent(text);
}

async function answered<T>(ask: () => Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  try {
    return await ask();
  } catch (error) {
    if (signal?.aborted) {
      throw new DOMException('The request was given up', 'AbortError');
    }
    const reason = error instanceof Error ? error.message : String(error);
    throw new RequestError(0, 'server', `The Jupyter server does not answer: ${reason}`, 'Check that it still runs.');
  }
}

function refused(response: Response, text: string): RequestError {
  const problem = problemIn(text);
  if (problem) {
    return new RequestError(response.status, problem.stage, problem.message, problem.hint);
  }
  const stage = response.status === 404 || response.status >= 500 ? 'server' : 'request';
  const hint =
    response.status === 404
      ? 'Is the server extension on? Try: jupyter server extension list'
      : response.status === 401 || response.status === 403
        ? 'Reload the page to log in again.'
        : '';
  return new RequestError(response.status, stage, `${response.status} ${response.statusText}`.trim(), hint);
}

function problemIn(text: string): Problem | null {
  try {
    const { error } = JSON.parse(text) as { error?: Partial<Problem> };
    return typeof error?.message === 'string'
      ? { stage: error.stage ?? 'server', message: error.message, hint: error.hint ?? '' }
      : null;
  } catch {
    return null;
  }
}

function parsed(response: Response, text: string): unknown {
  try {
    return text ? JSON.parse(text) : null;
  } catch {
    const hint = 'Something between this page and the Jupyter server answers in its place: a login page or a proxy?';
    throw new RequestError(response.status, 'server', 'The answer is not JSON', hint);
  }
}
