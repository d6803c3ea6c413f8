import type { Catalog } from '../ports';
import type { SessionFingerprint } from '../session/session-fingerprint';
import type { ParsedText } from '../sql/classifier';
import { cacheability } from './cacheability';
import { type CacheKeyParts, cacheKeyPrefix, type CacheTicket, type ReadCache } from './read-cache';

/** The session, when a command would be sent. */
export interface SessionFacts extends Omit<CacheKeyParts, 'fingerprint'> {
  readonly autocommit: boolean;
  readonly inTransaction: boolean;
}

/** A text command, judged when it would be sent. */
export interface CacheQuestion extends SessionFacts {
  /** The command's SQL, one character a byte. */
  readonly text: string;
  readonly parsed: ParsedText;
}

export type SessionCacheAnswer =
  /** The whole reply to the command; nothing is sent. */
  | { readonly kind: 'hit'; readonly reply: Buffer }
  /** Send the command; when its reply has ended well, give its bytes to `ReadCache.store` with the ticket. */
  | { readonly kind: 'miss'; readonly ticket: CacheTicket }
  /** A table is not loaded yet; ask again when `ready` resolves. */
  | { readonly kind: 'wait'; readonly ready: Promise<void> }
  /** Send the command; its reply is not to be kept. */
  | { readonly kind: 'bypass'; readonly reason: string };

/** One session's use of the cache. */
export class SessionCache {
  /** The SELECT that was last answered from the cache, while the server does not know of it. */
  private unsent: string | null = null;
  /** The prefix of these parts; joined anew when one of them changes. */
  private joined: { readonly parts: CacheKeyParts; readonly prefix: string } | null = null;

  constructor(
    private readonly cache: ReadCache,
    private readonly fingerprint: SessionFingerprint,
    private readonly catalog: Catalog,
  ) {}

  /**
   * The reply to a text, when it is there: what is stored under the same text and an equal session was found cacheable,
   * so that nothing has to be read anew. Under the same condition as `ask`.
   */
  hit(text: string, facts: SessionFacts): Buffer | null {
    const { fingerprint } = this;
    if (!facts.autocommit || facts.inTransaction || !fingerprint.understood || fingerprint.hasOwnTables) return null;
    const reply = this.cache.find(this.prefix(facts) + text);
    if (reply !== null) this.unsent = text;
    return reply;
  }

  /**
   * Asks for a command's reply. Only to be called when no earlier command of this session waits for its reply: a hit
   * would overtake it, and a write among them would not be seen.
   */
  ask(question: CacheQuestion): SessionCacheAnswer {
    const { text, parsed, schema, capabilities, autocommit, inTransaction } = question;
    const { fingerprint } = this;
    if (!this.cache.usable) return { kind: 'bypass', reason: 'capture away' };
    const { hasOwnTables, understood } = fingerprint;
    const facts = { schema, autocommit, inTransaction, hasOwnTables, understood };
    const decision = cacheability(parsed, facts, this.catalog);
    if (!decision.cacheable) {
      const { load, reason } = decision;
      if (load !== undefined) return { kind: 'wait', ready: this.catalog.load(load.schema, load.table) };
      return { kind: 'bypass', reason };
    }
    const prefix = this.prefix(question);
    const answer = this.cache.begin({ prefix, sql: text, capabilities }, decision.tables);
    if (answer.kind === 'hit') this.unsent = text;
    return answer;
  }

  private prefix({ account, schema, capabilities, mariaDbCapabilities, charset }: SessionFacts): string {
    const fingerprint = this.fingerprint.value;
    const last = this.joined?.parts;
    if (
      this.joined !== null &&
      last !== undefined &&
      last.fingerprint === fingerprint &&
      last.schema === schema &&
      last.account === account &&
      last.charset === charset &&
      last.capabilities === capabilities &&
      last.mariaDbCapabilities === mariaDbCapabilities
    ) {
      return this.joined.prefix;
    }
    const parts = { account, schema, capabilities, mariaDbCapabilities, charset, fingerprint };
    this.joined = { parts, prefix: cacheKeyPrefix(parts) };
    return this.joined.prefix;
  }

  /**
   * Before a command is sent to the server: a SELECT to send first, its reply to be swallowed, because this command asks
   * about the one before it (FOUND_ROWS(), SHOW WARNINGS, …), which the server did not see. null: nothing.
   */
  sendFirst(parsed: ParsedText | null): string | null {
    const { unsent } = this;
    this.unsent = null;
    return unsent !== null && (parsed === null || asksBack(parsed)) ? unsent : null;
  }
}

const backwardWords = new Set(['FOUND_ROWS', 'ROW_COUNT', 'WARNINGS', 'ERRORS', 'DIAGNOSTICS']);
const backwardVariables = new Set(['warning_count', 'error_count']);

/** Whether the text may look at the outcome of the command before it. */
function asksBack({ statements, broken }: ParsedText): boolean {
  if (broken) return true;
  return statements.some(
    ({ effect, tokens }) =>
      effect === 'unknown' ||
      tokens.some(
        ({ kind, upper, text }) =>
          ((kind === 'word' || kind === 'name') && backwardWords.has(upper.toUpperCase())) ||
          ((kind === 'systemVariable' || kind === 'word') && backwardVariables.has(text.toLowerCase())),
      ),
  );
}
