import { LRUCache } from 'lru-cache';
import type { BypassReason, ProxyCounters, TableVersionBoard } from '../ports';
import { ServerStatus } from '../wire/constants';
import { Admission } from './admission';
import type { Dependencies } from './cacheability';
import { type CacheKeyParts, type CacheSpace, CacheSpaces } from './cache-space';
import { type StorableReply, storableReply } from './reply-check';

/** Slots of the board, and their versions when they were looked at. */
interface Watched {
  readonly slots: readonly number[];
  readonly versions: readonly number[];
}

/** A miss: hand it to `store` with the reply. Holds the versions as they were before the SELECT was sent. */
export interface CacheTicket {
  readonly space: CacheSpace;
  readonly sql: string;
  /** What the reply depends on. */
  readonly tables: Watched;
  /** What it depends on if it has a row. */
  readonly row: Watched | null;
  /** Asked for before, not long ago. */
  readonly again: boolean;
}

/**
 * A reply that is kept. What each hit looks at stands first and in the entry itself: most of what a hit in a large cache
 * costs is memory that has to be fetched (measured: 5 µs more than for a reply that was just asked for).
 */
export interface Entry {
  readonly reply: Buffer;
  /** ReadCache.stored when it was put in front of all others. */
  frontAt: number;
  /** The first slot that it depends on, and the last; mostly there are no others. */
  readonly slot: number;
  readonly version: number;
  readonly lastSlot: number;
  readonly lastVersion: number;
  /** All of them, if there are more than two. */
  readonly more: Watched | null;
  /** The same with the status flags of an open transaction, once it was asked for. */
  inTransaction: Buffer | null;
  readonly space: CacheSpace;
  readonly sql: string;
  readonly statusAt: readonly number[];
  readonly rows: number;
}

export interface ReadCacheOptions {
  readonly board: TableVersionBoard;
  /** Memory for replies and their texts, in bytes. More: more hits; less: more left for the database on a small board. */
  readonly maxBytes: number;
  /** Larger replies are not kept; default 256 KiB. */
  readonly replyBytesMax?: number;
  readonly counters: Pick<ProxyCounters, 'cacheHits' | 'cacheMisses' | 'cacheInvalidations' | 'cacheBypassed'>;
}

const REPLY_BYTES_MAX = 256 * 1024;
/** What an entry costs besides its reply and its text, in bytes; an estimate. */
const ENTRY_BYTES = 400;

/**
 * Replies to SELECTs, valid as long as the versions of what they depend on stand still (G9). Why that is enough: a write is
 * counted and raises the versions before it is sent, and raises them again before anyone is told of its commit. So a
 * reply whose versions moved neither while it was fetched nor since, and that was stored with no write in flight, saw
 * every write that has committed.
 *
 * A reply with a row, found by its primary key, depends on that row alone: whatever is done to others, it stays. A reply
 * without a row depends on the whole table, since an INSERT, whose key is not looked at, may be of that row.
 */
export class ReadCache {
  readonly replyBytesMax: number;
  private readonly spaces = new CacheSpaces();
  private readonly entries: LRUCache<Entry, Buffer>;
  private readonly admission = new Admission();
  /** How many rows the reply has that was found last. */
  rowsFound = 0;
  /** Replies kept so far. */
  private stored = 0;

  constructor(private readonly options: ReadCacheOptions) {
    this.replyBytesMax = options.replyBytesMax ?? REPLY_BYTES_MAX;
    this.entries = new LRUCache<Entry, Buffer>({
      maxSize: Math.max(1, options.maxBytes),
      dispose: (_, entry, why) => {
        if (why !== 'set') this.disposed(entry);
      },
    });
  }

  /** Bytes held. */
  get bytes(): number {
    return this.entries.calculatedSize;
  }

  /** False while capture is away: nothing is found, and nothing kept. */
  get usable(): boolean {
    return this.options.board.captureHealthy();
  }

  /**
   * Moves when a table may have become another one, which another thread may see at any moment: what a reply depends on is
   * known only if this stands still from before the catalog is asked until after `begin`. (Any slot will do: all move then.)
   */
  definitions(): number {
    return this.options.board.version(0);
  }

  /** Where sessions of these parts look; ask once for each state of a session, and again after each miss. */
  space(parts: CacheKeyParts): CacheSpace {
    return this.spaces.of(parts);
  }

  /**
   * The whole reply to a text, one character a byte; shared: not to be changed. Call it when the SELECT would be sent. A
   * session that has sent writes whose end it has not seen must not call it.
   */
  find(space: CacheSpace, sql: string, inTransaction: boolean): Buffer | null {
    const entry = space.entries.get(sql);
    // In this order: who finds no doubt any more finds what was written raised.
    if (entry === undefined || this.options.board.doubtful() || !this.stands(entry)) return null;
    // As long as few came since it was put in front, what it stands behind of is in use, too; and each hit costs less.
    if (this.stored - entry.frontAt > this.entries.size / 8) {
      entry.frontAt = this.stored;
      this.entries.get(entry);
    }
    this.options.counters.cacheHits += 1;
    this.rowsFound = entry.rows;
    return inTransaction ? this.inTransaction(entry) : entry.reply;
  }

  /** A text that was not found is going to be sent: what to store its reply with. */
  begin(space: CacheSpace, sql: string, { tables, row }: Dependencies): CacheTicket {
    const { board, counters } = this.options;
    counters.cacheMisses += 1;
    const known = this.spaces.known(space);
    const old = known.entries.get(sql);
    if (old !== undefined && !this.stands(old)) {
      this.entries.delete(old);
      counters.cacheInvalidations += 1;
    }
    // A void entry was wanted before.
    const again = this.admission.missed(sql) || old !== undefined;
    const slots = tables.map(({ schema, table }) => board.slot(schema, table));
    return { space: known, sql, tables: this.watch(slots), row: this.watchRow({ tables, row }), again };
  }

  /**
   * The ticket for a reply that turned out to depend on one row. As long as no write to the table began, the row's
   * versions are what they were when the ticket was made.
   */
  refined(ticket: CacheTicket, dependencies: Dependencies): CacheTicket {
    if (!this.isQuiet(ticket.tables)) return ticket;
    const row = this.watchRow(dependencies);
    return this.isCurrent(ticket.tables) ? { ...ticket, row } : ticket;
  }

  /** Whether a reply fetched with this ticket could be stored, as far as is known now. */
  mayStore({ tables, row }: CacheTicket): boolean {
    const watched = row ?? tables;
    return this.isCurrent(watched) && this.isQuiet(watched);
  }

  /** A reply was given up while it came. */
  tooLarge(): void {
    this.options.counters.cacheBypassed('too_large');
  }

  /**
   * Keeps the reply, all its packets as they came, if nothing moved since `begin`. Call it when the reply has ended; true
   * when it was kept. `reply` is taken over: it is changed, and not copied. `wanted`: somebody waits for it.
   */
  store(ticket: CacheTicket, reply: Buffer, wanted: boolean): boolean {
    const reason = this.notStored(ticket, reply, wanted);
    if (reason !== null) this.options.counters.cacheBypassed(reason);
    return reason === null;
  }

  private notStored(ticket: CacheTicket, reply: Buffer, wanted: boolean): BypassReason | null {
    const { sql, again } = ticket;
    if (reply.length > this.replyBytesMax) return 'too_large';
    const size = reply.length + sql.length + ENTRY_BYTES;
    if (!again && !wanted && this.entries.calculatedSize + size > this.options.maxBytes) return 'once_only';
    const { capabilities, mariaDbCapabilities } = ticket.space.parts;
    const storable = storableReply(reply, capabilities, mariaDbCapabilities);
    if (storable === null) return 'reply_kind';
    const watched = ticket.row !== null && storable.rows > 0 ? ticket.row : ticket.tables;
    if (!this.isCurrent(watched)) return 'written_meanwhile';
    if (!this.isQuiet(watched)) return 'write_in_flight';
    for (const at of storable.statusAt) {
      reply.writeUInt16LE(reply.readUInt16LE(at) & ~ServerStatus.inTransaction, at);
    }
    const space = this.spaces.kept(ticket.space);
    const old = space.entries.get(sql);
    if (old !== undefined) this.entries.delete(old);
    const entry = entryOf(space, sql, reply, watched, storable);
    entry.frontAt = this.stored += 1;
    this.spaces.kept(space).entries.set(sql, entry);
    this.entries.set(entry, reply, { size });
    if (this.entries.has(entry)) return null;
    this.disposed(entry);
    return 'too_large';
  }

  /** Forgets everything: rights or definitions changed. */
  clear(): void {
    this.options.counters.cacheInvalidations += this.entries.size;
    this.entries.clear();
  }

  private inTransaction(entry: Entry): Buffer {
    if (entry.inTransaction === null) {
      const copy = Buffer.from(entry.reply);
      for (const at of entry.statusAt) copy.writeUInt16LE(copy.readUInt16LE(at) | ServerStatus.inTransaction, at);
      entry.inTransaction = copy;
      entry.frontAt = this.stored;
      this.entries.set(entry, copy, { size: 2 * copy.length + entry.sql.length + ENTRY_BYTES });
      return copy;
    }
    return entry.inTransaction;
  }

  private disposed(entry: Entry): void {
    const { space, sql } = entry;
    if (space.entries.get(sql) === entry) space.entries.delete(sql);
    if (space.entries.size === 0) this.spaces.emptied(space);
  }

  private watchRow({ tables: [first], row }: Dependencies): Watched | null {
    const { board } = this.options;
    if (row === null || first === undefined) return null;
    const { schema, table } = first;
    return this.watch([board.unknownRowsSlot(schema, table), board.rowSlot(schema, table, row)]);
  }

  private watch(slots: readonly number[]): Watched {
    return { slots, versions: slots.map((slot) => this.options.board.version(slot)) };
  }

  private isQuiet({ slots }: Watched): boolean {
    return !slots.some((slot) => this.options.board.busy(slot));
  }

  /** As `isCurrent`. */
  private stands({ slot, version, lastSlot, lastVersion, more }: Entry): boolean {
    const { board } = this.options;
    if (!board.captureHealthy() || board.version(slot) !== version) return false;
    return board.version(lastSlot) === lastVersion && (more === null || this.isCurrent(more));
  }

  private isCurrent({ slots, versions }: Watched): boolean {
    const { board } = this.options;
    if (!board.captureHealthy()) return false;
    for (let i = 0; i < slots.length; i++) {
      const slot = slots[i];
      if (slot === undefined || board.version(slot) !== versions[i]) return false;
    }
    return true;
  }
}

function entryOf(
  space: CacheSpace,
  sql: string,
  reply: Buffer,
  watched: Watched,
  { rows, statusAt }: StorableReply,
): Entry {
  const { slots, versions } = watched;
  const last = slots.length - 1;
  const [slot, version] = [slots[0], versions[0]];
  const [lastSlot, lastVersion] = [slots[last], versions[last]];
  if (slot === undefined || version === undefined || lastSlot === undefined || lastVersion === undefined) {
    throw new Error(`a reply that depends on nothing: ${sql}`);
  }
  const more = last > 1 ? watched : null;
  // Field by field: what is made by spreading gets a shape of its own, which is slower to look at for each hit.
  return {
    reply,
    frontAt: 0,
    slot,
    version,
    lastSlot,
    lastVersion,
    more,
    inTransaction: null,
    space,
    sql,
    statusAt,
    rows,
  };
}
