import type { BypassReason, Catalog, FullName } from '../ports';
import type { SessionFingerprint } from '../session/session-fingerprint';
import type { ParsedText } from '../sql/classifier';
import { asksBack, asksForRowsOnly, countsRows, endsWarnings, selectOf, skipsRows } from './looking-back';
import { type Cacheability, cacheability, type SessionFacts, sessionReason } from './cacheability';
import type { CacheKeyParts, CacheSpace } from './cache-space';
import type { CacheTicket, ReadCache } from './read-cache';

/** The session, as it is when a command would be sent. */
export interface SessionView extends Omit<CacheKeyParts, 'fingerprint'> {
  readonly autocommit: boolean;
  readonly inTransaction: boolean;
  readonly inReadOnlyTransaction: boolean;
}

export type SessionCacheAnswer =
  /** Send the command; when its reply has ended well, give its bytes to `ReadCache.store` with the ticket. */
  | { readonly kind: 'miss'; readonly ticket: CacheTicket }
  /** Send the command; its reply is not to be kept. */
  | { readonly kind: 'bypass'; readonly reason: BypassReason }
  /**
   * A table is not loaded yet: the same, but `confirm` decides in the end whether the reply may be kept, and with which
   * ticket.
   */
  | { readonly kind: 'unsure'; readonly ticket: CacheTicket; readonly confirm: () => Confirmation };

/** null: not to be kept; a promise: ask again when it resolves. */
export type Confirmation = CacheTicket | null | Promise<void>;

/** One session's use of the cache. */
export class SessionCache {
  /** The SELECT that was last answered from the cache, while the server does not know of it. */
  private unsent: string | null = null;
  /** Rows of that SELECT, as long as FOUND_ROWS() has to tell of them and the server does not know it; null: it does. */
  private rowsOwed: number | null = null;
  /** What `rowsOwed` was before a SELECT was sent, of which it is not known yet whether the server refused it. */
  private rowsBefore: number | null = null;
  /** Where equal sessions look; found anew when one of its parts changes. */
  private joined: CacheSpace | null = null;

  constructor(
    private readonly cache: ReadCache,
    private readonly view: SessionView,
    private readonly fingerprint: SessionFingerprint,
    private readonly catalog: Catalog,
  ) {}

  /**
   * The reply to a text, when it is there: what is stored under the same text and an equal session was found cacheable,
   * so that nothing has to be read anew. Only to be called when no earlier command of this session waits for its reply: a
   * hit would overtake it, and a write among them would not be seen.
   */
  hit(text: string): Buffer | null {
    const { view, fingerprint } = this;
    if (!view.autocommit || !fingerprint.understood || fingerprint.hasOwnTables) return null;
    if (fingerprint.optedOut || fingerprint.readsUncommitted) return null;
    const { inTransaction } = view;
    if (inTransaction && !this.readsCommitted) return null;
    const reply = this.cache.find(this.space(), text, inTransaction);
    if (reply !== null) {
      this.unsent = text;
      this.rowsOwed = this.cache.rowsFound;
      this.rowsBefore = null;
    }
    return reply;
  }

  /** What to do about a command that `hit` did not answer. */
  ask(text: string, parsed: ParsedText): SessionCacheAnswer {
    if (!this.cache.usable) return { kind: 'bypass', reason: 'capture_away' };
    const facts = this.facts();
    const decide = (): Cacheability => cacheability({ text, parsed }, facts, this.catalog);
    const definitions = this.cache.definitions();
    const decision = decide();
    switch (decision.cacheable) {
      case true: {
        const ticket = this.cache.begin(this.space(), text, decision);
        if (this.cache.definitions() !== definitions) return { kind: 'bypass', reason: 'written_meanwhile' };
        return { kind: 'miss', ticket };
      }
      case false:
        return { kind: 'bypass', reason: decision.reason };
      case 'load':
        return this.unsure(text, decision.reads, decide);
    }
  }

  private unsure(text: string, reads: readonly FullName[], decide: () => Cacheability): SessionCacheAnswer {
    const ticket = this.cache.begin(this.space(), text, { tables: reads, row: null });
    const confirm = (): Confirmation => {
      const decision = decide();
      if (decision.cacheable === 'load') return this.catalog.load(decision.load.schema, decision.load.table);
      // What else it depends on was not watched.
      if (!decision.cacheable || !sameTables(decision.tables, reads)) return null;
      return this.cache.refined(ticket, decision);
    };
    // At once, since the reply does not wait for it.
    const first = confirm();
    if (first instanceof Promise) first.catch(() => undefined);
    return { kind: 'unsure', ticket, confirm };
  }

  /** Equal for questions that have the same reply. */
  flightKey(text: string): string {
    return `${this.space().name}\n${text}`;
  }

  /** The last SELECT was answered, and the server does not know of it. */
  get owesSelect(): boolean {
    return this.unsent !== null;
  }

  /** Why nothing is looked up for this session now; null: it is. */
  get closedReason(): BypassReason | null {
    return sessionReason(this.facts());
  }

  /** Not spread from parts: that is slow, and this is done for each miss. */
  private facts(): SessionFacts {
    const { hasOwnTables, understood, optedOut, readsUncommitted } = this.fingerprint;
    const { schema, autocommit, inTransaction } = this.view;
    const { readsCommitted } = this;
    return {
      schema,
      autocommit,
      inTransaction,
      hasOwnTables,
      understood,
      optedOut,
      readsUncommitted,
      readsCommitted,
    };
  }

  private get readsCommitted(): boolean {
    return this.fingerprint.readsCommitted && !this.view.inReadOnlyTransaction;
  }

  private space(): CacheSpace {
    const { account, schema, capabilities, mariaDbCapabilities, charset } = this.view;
    const fingerprint = this.fingerprint.value;
    const parts = this.joined?.parts;
    if (
      this.joined !== null &&
      parts !== undefined &&
      parts.fingerprint === fingerprint &&
      parts.schema === schema &&
      parts.account === account &&
      parts.charset === charset &&
      parts.capabilities === capabilities &&
      parts.mariaDbCapabilities === mariaDbCapabilities &&
      // An empty one may have been forgotten, and others look elsewhere by now.
      this.joined.entries.size > 0
    ) {
      return this.joined;
    }
    this.joined = this.cache.space({ account, schema, capabilities, mariaDbCapabilities, charset, fingerprint });
    return this.joined;
  }

  /** The session begins anew: nothing of before is asked for any more. */
  forget(): void {
    this.unsent = null;
    this.rowsOwed = null;
    this.rowsBefore = null;
  }

  /**
   * Before a command is sent to the server: a SELECT to send first, its reply to be swallowed, because this command asks
   * about the one before it (FOUND_ROWS(), SHOW WARNINGS, …), which the server did not see, or leaves what that SELECT would
   * have changed. null: nothing.
   */
  sendFirst(parsed: ParsedText, { warned, refused }: Aftermath): string | null {
    if (refused) this.rowsOwed ??= this.rowsBefore;
    this.rowsBefore = null;
    const { unsent, rowsOwed } = this;
    this.unsent = null;
    if (unsent === null && rowsOwed === null) return null;
    const asks = asksBack(parsed);
    const counts = countsRows(parsed);
    let first: string | null = null;
    if (unsent !== null) first = asks || warned || counts === 'perhaps' || skipsRows(unsent) ? unsent : null;
    else if (rowsOwed !== null) {
      const told = asks ? asksForRowsOnly(parsed) : counts === 'perhaps' && endsWarnings(parsed);
      if (told) first = selectOf(rowsOwed);
    }
    // Behind other statements FOUND_ROWS() is still that of the SELECT before them.
    if (first !== null || counts !== 'no') this.rowsOwed = null;
    if (first === null && counts !== 'no') this.rowsBefore = rowsOwed;
    return first;
  }
}

/** What the command before has left. */
export interface Aftermath {
  /** The server still tells of warnings from before the SELECT, and would go on to behind a command that reads no tables. */
  readonly warned: boolean;
  /** The server did not carry it out. */
  readonly refused: boolean;
}

function sameTables(some: readonly FullName[], others: readonly FullName[]): boolean {
  return (
    some.length === others.length &&
    some.every(({ schema, table }, at) => others[at]?.schema === schema && others[at]?.table === table)
  );
}
