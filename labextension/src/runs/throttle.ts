// Many calls become few: the first runs at once, those within `ms` after it together once more at their end.
// Used by whatever fetches again at each change of the server.

export class Throttle {
  constructor(
    private readonly _run: () => void,
    private readonly _ms: number
  ) {}

  readonly call = (): void => {
    if (this._timer !== undefined) {
      this._again = true;
      return;
    }
    this._timer = setTimeout(() => {
      this._timer = undefined;
      if (this._again) {
        this._again = false;
        this.call();
      }
    }, this._ms);
    this._run();
  };

  dispose(): void {
    clearTimeout(this._timer);
    this._again = false;
  }

  private _timer: ReturnType<typeof setTimeout> | undefined;
  private _again = false;
}
