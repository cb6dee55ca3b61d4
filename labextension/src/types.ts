// The names of what the server answers, out of the generated wire.ts.
// Not written by hand beyond that: a field is added in nbcontainer/server/openapi.yaml, then `jlpm types`.
// Used by the client and by everything that shows an answer.

import type { components, operations } from './wire';

type Schemas = components['schemas'];

export type Problem = Schemas['Problem'];
export type Capabilities = Schemas['Capabilities'];
export type Target = Schemas['Target'];
export type Inspection = Schemas['Inspection'];
export type Options = Schemas['Options'];
export type Request = Schemas['Request'];
export type Equivalent = Schemas['Equivalent'];
export type Step = Schemas['Step'];
export type Task = Schemas['Task'];
export type Image = Schemas['Image'];
export type Run = Schemas['Run'];
export type Pod = Schemas['Pod'];
export type RunsState = Schemas['RunsState'];
export type RunWindow = Schemas['RunWindow'];
export type Forward = Schemas['Forward'];
export type Answer = Schemas['Answer'];
export type LogState = Schemas['LogState'];
export type LogWindow = Schemas['LogWindow'];
export type LogLine = Schemas['LogLine'];
export type Matches = Schemas['Matches'];
export type States = Schemas['States'];

/** Where a run is looked for: the settings of a notebook's folder, a target, a namespace; "" is the default of each. */
export interface IPlace {
  notebook?: string;
  target?: string;
  namespace?: string;
}

type QueryOf<K extends keyof operations> = operations[K] extends { parameters: { query?: infer Q } } ? NonNullable<Q> : never;

export type InspectQuery = QueryOf<'inspectNotebook'>;
export type RunsQuery = QueryOf<'listRuns'>;
export type OpenLogRequest = NonNullable<operations['openLog']['requestBody']>['content']['application/json'];
