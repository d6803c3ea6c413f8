import type { TableVersionBoard } from '../ports';

/** What a command may write. */
export type WriteScope =
  | { readonly kind: 'none' }
  | { readonly kind: 'tables'; readonly slots: readonly number[] }
  /** `steps`: the client hears of parts of it before its end. */
  | { readonly kind: 'all'; readonly steps: boolean };

export const writesNothing: WriteScope = { kind: 'none' };
export const writesAnything: WriteScope = { kind: 'all', steps: false };
export const writesAnythingInSteps: WriteScope = { kind: 'all', steps: true };

/** Shared by all sessions: commands under way that write anything in steps. No reply may be kept meanwhile. */
export interface StepsInFlight {
  stepsInFlight: number;
}

/**
 * Tells the version board of one session's writes: raised when a write is sent, and again when its end was seen, before
 * the client is told. Writes of an open transaction stay in flight until it ended.
 */
export class WriteTracker {
  /** Slots in flight for the open transaction. */
  private held: number[] = [];
  /** The open transaction may have written anywhere. */
  private heldAll = false;
  /** Scopes of commands whose replies are to come. */
  private readonly sent: WriteScope[] = [];

  constructor(
    private readonly versions: TableVersionBoard,
    private readonly shared: StepsInFlight,
  ) {}

  /** True while the session's own transaction has written something, or may have. */
  get dirty(): boolean {
    return this.heldAll || this.held.length > 0 || this.sent.length > 0;
  }

  begin(scope: WriteScope): void {
    if (scope.kind === 'none') return;
    this.sent.push(scope);
    if (scope.kind === 'all' && scope.steps) this.shared.stepsInFlight += 1;
    if (scope.kind === 'all') this.versions.flushAll();
    else for (const slot of scope.slots) this.versions.beginWrite(slot);
  }

  /**
   * The command's reply ended. `commits`: it may have ended the transaction before it, though the status tells of an open
   * one: that may be a new one, or the old one still (DDL that failed, UNLOCK TABLES without a lock).
   */
  end(scope: WriteScope, after: { readonly inTransaction: boolean; readonly commits: boolean }): void {
    const at = this.sent.indexOf(scope);
    if (at >= 0) {
      this.sent.splice(at, 1);
      this.discount(scope);
    }
    if (scope.kind === 'all') this.heldAll = true;
    else if (scope.kind === 'tables') this.held.push(...scope.slots);
    if (!after.inTransaction) this.release();
    else if (after.commits) this.raise();
  }

  /** The connection ended, or its replies cannot be followed any more: what is in flight may or may not be committed. */
  lost(): void {
    for (const scope of this.sent) {
      this.discount(scope);
      if (scope.kind === 'tables') this.held.push(...scope.slots);
    }
    const uncertain = this.dirty;
    this.sent.length = 0;
    if (!uncertain) return;
    this.heldAll = true;
    this.release();
  }

  private discount(scope: WriteScope): void {
    if (scope.kind === 'all' && scope.steps) this.shared.stepsInFlight -= 1;
  }

  private raise(): void {
    const again = [...new Set(this.held)];
    for (const slot of again) this.versions.beginWrite(slot);
    for (const slot of this.held) this.versions.endWrite(slot);
    this.held = again;
    if (this.heldAll) this.versions.flushAll();
  }

  private release(): void {
    for (const slot of this.held) this.versions.endWrite(slot);
    this.held = [];
    if (this.heldAll) this.versions.flushAll();
    this.heldAll = false;
  }
}
