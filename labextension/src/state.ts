// What the page knows: the notebook in front, the server's answers about it, its tasks, the target that was chosen.
//
// What this is: one object that all parts of the panel share, with a signal for each thing that changes. What it is not: a
// place to keep anything. All of it comes from the server and comes back after a reload; only drafts of forms live here.
// In the flow: client and channel -> PanelState -> panel/, runs/, logs/, inference/.
import type { TranslationBundle } from '@jupyterlab/translation';
import type { IDisposable } from '@lumino/disposable';
import { Signal } from '@lumino/signaling';

import { type Answer, nothing, settled } from './answer';
import type { Channel } from './channel';
import { type Client, RequestError } from './client';
import { type Desk, type RunRef, refOf, type Section } from './desk';
import { Drafts } from './panel/drafts';
import type { Place } from './panel/form';
import { type Tasks, applyList, applyTask, forget, noTasks } from './panel/tasklist';
import type { Capabilities, Inspection, Request, Target, Task } from './types';

export { type Answer, problemOf } from './answer';
export { type Desk, type RunRef, type Section, refOf } from './desk';

const nowhere: Place = { target: '', namespace: '', base: '', include: '', image: '' };
const SETTLE = 400; // ms: several changes of a notebook at once ask the server once

export type PanelStateOptions = Pick<PanelState, 'client' | 'channel' | 'trans' | 'desk'>;

export class PanelState implements IDisposable {
  readonly client: Client;
  readonly channel: Channel;
  readonly trans: TranslationBundle;
  readonly desk: Desk;

  /** What was typed and not sent yet: it outlives a change of the notebook in front, not the page. */
  readonly drafts = new Drafts();
  /** Whether a training's log opens by itself once it was submitted from this page; a setting. */
  openLogAfterLaunch = true;

  readonly notebookChanged = new Signal<this, string>(this);
  readonly capabilitiesChanged = new Signal<this, void>(this);
  readonly inspectionChanged = new Signal<this, void>(this);
  readonly tasksChanged = new Signal<this, void>(this);
  readonly targetChanged = new Signal<this, void>(this);
  /** A run that the runs section should show and mark, by name. */
  readonly highlightChanged = new Signal<this, string>(this);
  /** The section `toReveal` should open and take the focus; who sees to that clears it. */
  readonly revealed = new Signal<this, void>(this);
  toReveal: Section | null = null;

  constructor(options: PanelStateOptions) {
    this.client = options.client;
    this.channel = options.channel;
    this.trans = options.trans;
    this.desk = options.desk;
    this._tasksTopic = this.channel.subscribe('tasks', value => this._takeTasks(value as Task[] | null));
    this.channel.rebooted.connect(this.refresh, this);
  }

  /** Path on the server of the current notebook; "" when there is none. */
  get notebook(): string {
    return this._notebook;
  }
  set notebook(path: string) {
    if (path === this._notebook || this.isDisposed) {
      return;
    }
    this._notebook = path;
    this._turn += 1; // an answer about the one before is of no use
    this._place = nowhere;
    this._prefilled = false;
    this._inspection = nothing;
    this.notebookChanged.emit(path);
    this.inspectionChanged.emit();
    this.targetChanged.emit();
    this.refresh();
  }

  /** Whether anybody looks: what changes meanwhile is asked for only then. */
  get visible(): boolean {
    return this._visible;
  }
  set visible(value: boolean) {
    this._visible = value;
    if (value && this._stale) {
      this.refresh();
    }
  }

  get capabilities(): Answer<Capabilities> {
    return this._capabilities;
  }
  get inspection(): Answer<Inspection> {
    return this._inspection;
  }
  get tasks(): Tasks {
    return this._tasks;
  }
  /** The chosen target's name; "" = the default one. */
  get target(): string {
    return this._place.target;
  }
  /** The chosen namespace; "" = the target's. */
  get namespace(): string {
    return this._place.namespace;
  }
  /** Where and of what all is made that the panel makes; "" is what the settings say. */
  get place(): Place {
    return this._place;
  }
  /** The chosen target as the server knows it. */
  get resolved(): Target | null {
    const known = this._capabilities.value;
    const name = this._place.target || known?.default_target;
    return known?.targets.find(each => each.name === name) ?? null;
  }
  get highlighted(): string {
    return this._highlighted;
  }
  get isDisposed(): boolean {
    return this._disposed;
  }

  /** Change the place. A base or a target changes what the notebook would become, so the server is asked again. */
  choose(change: Partial<Place>): void {
    const before = this._place;
    this._place = { ...before, ...change };
    this._prefilled = true;
    this.targetChanged.emit();
    if (['target', 'namespace', 'base'].some(key => before[key as keyof Place] !== this._place[key as keyof Place])) {
      this.refresh();
    }
  }

  openLog(run: RunRef, pod?: string): void {
    this.desk.openLog(run, pod);
  }
  openInference(run: RunRef): void {
    this.desk.openInference(run);
  }
  insertCell(text: string): void {
    this.desk.insertCell(text);
  }
  reveal(section: Section): void {
    this.toReveal = section;
    this.revealed.emit();
  }
  highlight(name: string): void {
    this._highlighted = name;
    this.highlightChanged.emit(name);
  }

  /** Ask the server again, soon: the notebook was saved, its kernel or its settings changed. */
  refresh(): void {
    this._stale = true;
    if (!this._visible || this.isDisposed) {
      return;
    }
    window.clearTimeout(this._timer);
    this._timer = window.setTimeout(() => void this._ask(), SETTLE);
    if (this._notebook && !this._inspection.loading) {
      this._setInspection({ ...this._inspection, loading: true });
    }
  }

  /** Begin a task. Rejects with a RequestError that says what is wrong with the request. */
  async start(request: Request): Promise<Task> {
    return this._begun(await this.client.startTask(request));
  }

  async retry(task: Task): Promise<Task> {
    return this._begun(await this.client.retryTask(task.id));
  }

  async cancel(task: Task): Promise<void> {
    this._setTasks(applyTask(this._tasks, await this.client.endTask(task.id)));
  }

  /** Forget a task that has ended. */
  async dismiss(task: Task): Promise<void> {
    this._setTasks(forget(this._tasks, task.id));
    try {
      await this.client.endTask(task.id);
    } catch (error) {
      if (!(error instanceof RequestError && error.status === 404)) {
        throw error;
      }
    }
  }

  /** Whether this page began the task: only then may the page open tabs by itself. */
  isOurs(task: Task): boolean {
    return this._ours.has(task.id);
  }

  dispose(): void {
    if (this._disposed) {
      return;
    }
    this._disposed = true;
    window.clearTimeout(this._timer);
    this._tasksTopic.dispose();
    Signal.clearData(this);
  }

  private _begun(task: Task): Task {
    this._ours.add(task.id);
    this._setTasks(applyTask(this._tasks, task));
    return task;
  }

  private _takeTasks(value: Task[] | null): void {
    this._setTasks(applyList(this._tasks, value ?? []));
  }

  private _setTasks(tasks: Tasks): void {
    const before = this._tasks;
    this._tasks = tasks;
    this.tasksChanged.emit();
    for (const task of tasks.list) {
      const known = before.list.find(each => each.id === task.id);
      if (known !== undefined && known.state !== 'done' && task.state === 'done') {
        this._done(task);
      }
    }
  }

  private _done(task: Task): void {
    if (task.notebook === this._notebook) {
      this.refresh(); // what is new since the last image
    }
    const run = task.run;
    if (run === null || !this.isOurs(task)) {
      return;
    }
    this.highlight(run.name);
    if (run.kind === 'training' && this.openLogAfterLaunch) {
      this.openLog(refOf(task, run));
    }
  }

  private async _ask(): Promise<void> {
    const turn = ++this._turn;
    this._stale = false;
    const notebook = this._notebook;
    const current = () => turn === this._turn && !this.isDisposed;
    const capabilities = await settled(this.client.capabilities(notebook), this._capabilities.value);
    if (!current()) {
      return;
    }
    this._capabilities = capabilities;
    this.capabilitiesChanged.emit();
    if (notebook === '') {
      return;
    }
    const { target, namespace, base } = this._place;
    const query = { notebook, target, namespace, ...(base !== '' && { base }) };
    const inspection = await settled(this.client.inspect(query), this._inspection.value);
    if (current()) {
      this._setInspection(inspection);
      this._prefill();
    }
  }

  private _setInspection(inspection: Answer<Inspection>): void {
    this._inspection = inspection;
    this.inspectionChanged.emit();
  }

  /** The target, namespace and base that this notebook used last, unless somebody chose meanwhile. */
  private _prefill(): void {
    const last = this._inspection.value?.last;
    if (this._prefilled || last === undefined) {
      return;
    }
    this._prefilled = true;
    const used = last.train ?? last.serve ?? last.build ?? {};
    const known = this._capabilities.value?.targets.some(each => each.name === used.target) ?? false;
    this.choose({
      target: known ? (used.target ?? '') : '',
      namespace: known ? (used.namespace ?? '') : '',
      base: used.base ?? '',
      include: (used.include ?? []).join(', '),
      image: used.image?.includes('@') ? '' : (used.image ?? '') // one run of a finished image is no habit
    });
  }

  private _notebook = '';
  private _place: Place = nowhere;
  private _highlighted = '';
  private _visible = false;
  private _stale = true;
  private _prefilled = false;
  private _disposed = false;
  private _timer = 0;
  private _turn = 0;
  private _capabilities: Answer<Capabilities> = nothing;
  private _inspection: Answer<Inspection> = nothing;
  private _tasks: Tasks = noTasks;
  private readonly _ours = new Set<string>();
  private readonly _tasksTopic: IDisposable;
}
