// A number that somebody changes by small steps and a server takes as a whole: shown at once, sent once it stays.
// No request of its own and no view: `send` is given. Used for the replicas of a service.

const DELAY = 400; // ms without a further step
const PATIENCE = 10_000; // ms in which the server's own number should follow
export const MOST = 10_000;

export class Stepper {
  /** @param send rejects when the number was not taken; then the server's own shows again. */
  constructor(
    private readonly _send: (value: number) => Promise<unknown>,
    private readonly _changed: () => void
  ) {}

  /** Whether a wish has not become the server's number yet. */
  get pending(): boolean {
    return this._wish !== null;
  }

  /** What to show, where the server says `known`. */
  value(known: number): number {
    if (this._timer === undefined && !this._sending && this._wish === known) {
      this._forget();
    }
    return this._wish ?? known;
  }

  step(by: number, known: number): void {
    this.set(this.value(known) + by, known);
  }

  set(value: number, known: number): void {
    const wish = Math.max(0, Math.min(MOST, Math.round(value)));
    if (wish === this.value(known)) {
      return;
    }
    this._wish = wish;
    clearTimeout(this._patience);
    clearTimeout(this._timer);
    this._timer = setTimeout(() => {
      this._timer = undefined;
      void this._take();
    }, DELAY);
    this._changed();
  }

  dispose(): void {
    clearTimeout(this._timer);
    clearTimeout(this._patience);
    this._timer = undefined;
  }

  private async _take(): Promise<void> {
    const value = this._wish;
    if (this._sending || value === null) {
      return; // what is on its way now looks for a newer wish when it is back
    }
    this._sending = true;
    let taken = true;
    try {
      await this._send(value);
    } catch {
      taken = false;
    }
    this._sending = false;
    if (this._timer !== undefined) {
      return;
    }
    if (this._wish !== value) {
      void this._take();
    } else if (taken) {
      this._patience = setTimeout(this._forget, PATIENCE);
    } else {
      this._forget();
    }
    this._changed();
  }

  private readonly _forget = (): void => {
    const news = this._wish !== null;
    this._wish = null;
    clearTimeout(this._patience);
    if (news) {
      queueMicrotask(this._changed);
    }
  };

  private _wish: number | null = null;
  private _sending = false;
  private _timer: ReturnType<typeof setTimeout> | undefined;
  private _patience: ReturnType<typeof setTimeout> | undefined;
}
