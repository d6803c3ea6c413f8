import type { TableVersionBoard } from '../ports';

/** What a command may write. */
export type WriteScope =
  | { readonly kind: 'none' }
  | { readonly kind: 'tables'; readonly slots: readonly number[] }
  /** `settings`: rights too, or what sessions begin with. */
  | { readonly kind: 'all'; readonly settings?: true }
  /** Anything, or nothing where the server's parser refuses it (isUnheardOf). */
  | { readonly kind: 'doubt' };

export const writesNothing: WriteScope = { kind: 'none' };
export const writesAnything: WriteScope = { kind: 'all' };
export const writesSettings: WriteScope = { kind: 'all', settings: true };
export const writesPerhaps: WriteScope = { kind: 'doubt' };

/** What the session is after a command. */
export interface CommandEnd {
  readonly inTransaction: boolean;
  readonly commits: boolean;
  readonly unread?: boolean;
}

interface SentScope {
  readonly scope: WriteScope;
  /** Everything is in flight while it is: it writes anything, or may commit what did. */
  readonly all: boolean;
}

/**
 * Tells the version board of one session's writes: raised when a write is sent, and again when its end was seen, before
 * the client is told. Writes of an open transaction stay in flight until it ended.
 */
export class WriteTracker {
  /** Slots in flight for the open transaction. */
  private held: number[] = [];
  /** The open transaction may have written anywhere. Nobody sees that before a command of this session commits it. */
  private heldAll = false;
  /** Scopes of commands whose replies are to come. */
  private readonly sent: SentScope[] = [];

  /** null: nothing is cached, so that nobody is to be told. */
  constructor(private readonly versions: TableVersionBoard | null) {}

  /** True while the session's own transaction has written something, or may have. */
  get dirty(): boolean {
    return this.heldAll || this.held.length > 0 || this.sent.length > 0;
  }

  /** A command is sent; also one that writes nothing: it may be the end of a transaction. */
  begin(scope: WriteScope): void {
    const { versions } = this;
    if (versions === null) return;
    const all =
      scope.kind === 'all' ||
      this.heldAll ||
      (this.sent.length > 0 && this.sent.some((each) => each.all || each.scope.kind === 'doubt'));
    if (scope.kind === 'none' && !all) return;
    this.sent.push({ scope, all });
    if (changesSettings(scope)) versions.beginSettings();
    if (all) versions.beginAll();
    else if (scope.kind === 'doubt') versions.beginDoubt();
    if (scope.kind === 'tables') for (const slot of scope.slots) versions.beginWrite(slot);
  }

  /**
   * The command's reply ended. `commits`: it may have ended the transaction before it, though the status tells of an open
   * one: that may be a new one, or the old one still (DDL that failed, UNLOCK TABLES without a lock). `unread`: the server's
   * parser refused it.
   */
  end(scope: WriteScope, after: CommandEnd): void {
    const { versions } = this;
    if (versions === null) return;
    const at = this.sent.length === 0 ? -1 : this.sent.findIndex((each) => each.scope === scope);
    const [ended] = at >= 0 ? this.sent.splice(at, 1) : [];
    const written = scope.kind === 'all' || (scope.kind === 'doubt' && after.unread !== true);
    if (written) this.heldAll = true;
    else if (scope.kind === 'tables') this.held.push(...scope.slots);
    if (!after.inTransaction) this.release(versions);
    else if (after.commits) this.raise(versions);
    if (ended !== undefined && changesSettings(ended.scope)) versions.endSettings();
    if (ended?.all === true) versions.endAll();
    else if (ended?.scope.kind === 'doubt') versions.endDoubt(written);
  }

  /** As `end`, of a command that writes nothing and ends no transaction but with its error. */
  endNothing(inTransaction: boolean): void {
    if (this.sent.length > 0) this.end(writesNothing, { inTransaction, commits: false });
    else if (!inTransaction && this.versions !== null) this.release(this.versions);
  }

  /** The connection ended, or its replies cannot be followed any more: what is in flight may or may not be committed. */
  lost(): void {
    const { versions } = this;
    if (versions === null || !this.dirty) return;
    for (const { scope, all } of this.sent.splice(0)) {
      if (scope.kind === 'tables') this.held.push(...scope.slots);
      if (changesSettings(scope)) versions.endSettings();
      if (all) versions.endAll();
      else if (scope.kind === 'doubt') versions.endDoubt(true);
    }
    this.heldAll = true;
    this.release(versions);
  }

  private raise(versions: TableVersionBoard): void {
    const again = [...new Set(this.held)];
    for (const slot of again) versions.beginWrite(slot);
    for (const slot of this.held) versions.endWrite(slot);
    this.held = again;
    if (this.heldAll) versions.flushAll();
  }

  private release(versions: TableVersionBoard): void {
    if (this.held.length > 0) {
      for (const slot of this.held) versions.endWrite(slot);
      this.held = [];
    }
    if (this.heldAll) versions.flushAll();
    this.heldAll = false;
  }
}

function changesSettings(scope: WriteScope): boolean {
  return scope.kind === 'all' && scope.settings === true;
}
