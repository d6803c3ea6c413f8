import { LRUCache } from 'lru-cache';
import type { ProxyCounters, TableVersionBoard } from '../ports';
import { Admission } from './admission';
import type { FullName } from './cacheability';
import { isStorableReply } from './reply-check';

/** Everything a reply depends on besides the rows. Equal parts give equal replies. */
export interface CacheKeyParts {
  /** The account: user name and client host as the server sees them, and what else decides on rights. */
  readonly account: string;
  /** The default schema; null for none. */
  readonly schema: string | null;
  readonly capabilities: number;
  readonly mariaDbCapabilities: number;
  /** Character set id of the client's handshake response. */
  readonly charset: number;
  /** `SessionFingerprint.value`. */
  readonly fingerprint: string;
}

/** Joins the parts, once for each state of a session. */
export function cacheKeyPrefix(parts: CacheKeyParts): string {
  const { account, schema, capabilities, mariaDbCapabilities, charset, fingerprint } = parts;
  return `${JSON.stringify([account, schema, capabilities, mariaDbCapabilities, charset, fingerprint])}\n`;
}

/** A miss: hand it to `store` with the reply. Holds the tables' versions as they were before the SELECT was sent. */
export interface CacheTicket {
  readonly key: string;
  readonly slots: readonly number[];
  readonly versions: readonly number[];
  readonly capabilities: number;
  /** Asked for before, not long ago. */
  readonly again: boolean;
}

export type CacheAnswer =
  /** Send it as the whole reply to the command. Shared: not to be changed. */
  { readonly kind: 'hit'; readonly reply: Buffer } | { readonly kind: 'miss'; readonly ticket: CacheTicket };

interface Entry {
  readonly reply: Buffer;
  readonly slots: readonly number[];
  readonly versions: readonly number[];
}

export interface ReadCacheOptions {
  readonly board: TableVersionBoard;
  /** Memory for replies and their keys, in bytes. More: more hits; less: more left for the database on a small board. */
  readonly maxBytes: number;
  /** Larger replies are not kept; default 256 KiB. */
  readonly replyBytesMax?: number;
  readonly counters: Pick<ProxyCounters, 'cacheHits' | 'cacheMisses' | 'cacheInvalidations'>;
}

const REPLY_BYTES_MAX = 256 * 1024;
/** What an entry costs besides its reply and its key, in bytes; an estimate. */
const ENTRY_BYTES = 300;

/**
 * Replies to SELECTs, valid as long as the versions of their tables stand still (G9). Why that is enough: a write is
 * counted and raises the versions before it is sent, and raises them again before anyone is told of its commit. So a
 * reply whose versions moved neither while it was fetched nor since, and that was stored with no write in flight, saw
 * every write that has committed.
 */
export class ReadCache {
  readonly replyBytesMax: number;
  private readonly entries: LRUCache<string, Entry>;
  private readonly admission = new Admission();

  constructor(private readonly options: ReadCacheOptions) {
    this.replyBytesMax = options.replyBytesMax ?? REPLY_BYTES_MAX;
    this.entries = new LRUCache<string, Entry>({ maxSize: Math.max(1, options.maxBytes) });
  }

  /** Bytes held. */
  get bytes(): number {
    return this.entries.calculatedSize;
  }

  /** False while capture is away: nothing is found, and nothing kept. */
  get usable(): boolean {
    return this.options.board.captureHealthy();
  }

  /** The reply under a prefix and text, without a ticket when there is none; under the same conditions as `begin`. */
  find(key: string): Buffer | null {
    const entry = this.entries.get(key);
    if (entry === undefined || !this.isCurrent(entry)) return null;
    this.options.counters.cacheHits += 1;
    return entry.reply;
  }

  /**
   * Looks for a reply; call it when the SELECT would be sent. `sql` is the statement's exact text, one character a
   * byte; `tables` from `cacheability`. A session that has sent writes whose end it has not seen must not call it.
   */
  begin(
    { prefix, sql, capabilities }: { readonly prefix: string; readonly sql: string; readonly capabilities: number },
    tables: readonly FullName[],
  ): CacheAnswer {
    const { board, counters } = this.options;
    const key = prefix + sql;
    const entry = this.entries.get(key);
    if (entry !== undefined) {
      if (this.isCurrent(entry)) {
        counters.cacheHits += 1;
        return { kind: 'hit', reply: entry.reply };
      }
      this.entries.delete(key);
      counters.cacheInvalidations += 1;
    }
    counters.cacheMisses += 1;
    const slots = tables.map(({ schema, table }) => board.slot(schema, table));
    const versions = slots.map((slot) => board.version(slot));
    // A void entry was wanted before.
    const again = this.admission.missed(key) || entry !== undefined;
    return { kind: 'miss', ticket: { key, slots, versions, capabilities, again } };
  }

  /**
   * Keeps the reply, all its packets as they came, if nothing moved since `begin`. Call it when the reply has ended;
   * true when it was kept. `reply` is not copied.
   */
  store({ key, slots, versions, capabilities, again }: CacheTicket, reply: Buffer): boolean {
    const { board, maxBytes } = this.options;
    if (reply.length > this.replyBytesMax) return false;
    const size = reply.length + key.length * 2 + ENTRY_BYTES;
    if (!again && this.entries.calculatedSize + size > maxBytes) return false;
    if (slots.some((slot) => board.busy(slot))) return false;
    const entry = { reply, slots, versions };
    if (!this.isCurrent(entry) || !isStorableReply(reply, capabilities)) return false;
    this.entries.set(key, entry, { size });
    return this.entries.has(key);
  }

  /** Forgets everything: rights or definitions changed. */
  clear(): void {
    this.options.counters.cacheInvalidations += this.entries.size;
    this.entries.clear();
  }

  private isCurrent({ slots, versions }: Pick<Entry, 'slots' | 'versions'>): boolean {
    const { board } = this.options;
    if (!board.captureHealthy()) return false;
    for (let i = 0; i < slots.length; i++) {
      const slot = slots[i];
      if (slot === undefined || board.version(slot) !== versions[i]) return false;
    }
    return true;
  }
}
