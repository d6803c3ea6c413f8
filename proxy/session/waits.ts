/** The longest pause between two questions for the same thing. */
const PAUSE_MAX_MS = 500;
/** Answers to a question that may be void at once: DDL, a mark on disk and a lease that come between. */
const FREE = 4;

/** A command has to be judged again when `ready` resolves. `what`: the name of what it waits for. */
export interface Waiting {
  readonly kind: 'wait';
  readonly what: string;
  readonly ready: Promise<void>;
}

interface Wait {
  times: number;
  readonly sinceMs: number;
}

/** What one command has waited for, each thing by its name: several things are waited for one after another without a pause. */
export class Waits {
  /** null: none; a map of its own would cost memory in each session. */
  private open: Map<string, Wait> | null = null;

  /**
   * The command is to wait for `what`: since when it does, and how long to pause afterwards, so that what keeps failing does
   * not keep us busy.
   */
  begin(what: string, nowMs: number): { readonly sinceMs: number; readonly pauseMs: number } {
    this.open ??= new Map();
    const wait = this.open.get(what) ?? { times: 0, sinceMs: nowMs };
    wait.times += 1;
    this.open.set(what, wait);
    return { sinceMs: wait.sinceMs, pauseMs: wait.times <= FREE ? 0 : Math.min(10 * 2 ** wait.times, PAUSE_MAX_MS) };
  }

  /** The command waits no more. */
  end(): void {
    this.open = null;
  }
}
