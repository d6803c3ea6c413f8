import type { Catalog } from '../ports';
import type { SessionFingerprint } from '../session/session-fingerprint';
import type { ParsedText } from '../sql/classifier';
import { cacheability } from './cacheability';
import { type CacheKeyParts, cacheKeyPrefix, type CacheTicket, type ReadCache } from './read-cache';

/** A text command, judged when it would be sent. */
export interface CacheQuestion extends Omit<CacheKeyParts, 'fingerprint'> {
  /** The command's SQL, one character a byte. */
  readonly text: string;
  readonly parsed: ParsedText;
  readonly autocommit: boolean;
  readonly inTransaction: boolean;
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

  constructor(
    private readonly cache: ReadCache,
    private readonly fingerprint: SessionFingerprint,
    private readonly catalog: Catalog,
  ) {}

  /**
   * Asks for a command's reply. Only to be called when no earlier command of this session waits for its reply: a hit
   * would overtake it, and a write among them would not be seen.
   */
  ask({ text, parsed, autocommit, inTransaction, ...parts }: CacheQuestion): SessionCacheAnswer {
    const { fingerprint } = this;
    const { hasOwnTables, understood } = fingerprint;
    const facts = { schema: parts.schema, autocommit, inTransaction, hasOwnTables, understood };
    const decision = cacheability(parsed, facts, this.catalog);
    if (!decision.cacheable) {
      const { load, reason } = decision;
      if (load !== undefined) return { kind: 'wait', ready: this.catalog.load(load.schema, load.table) };
      return { kind: 'bypass', reason };
    }
    const prefix = cacheKeyPrefix({ ...parts, fingerprint: fingerprint.value });
    const answer = this.cache.begin({ prefix, sql: text, capabilities: parts.capabilities }, decision.tables);
    if (answer.kind === 'hit') this.unsent = text;
    return answer;
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
