import type { KeyDemand, LargestSearch, TableInfo } from '../ports';
import { asks, type Asks } from './asks';
import type { BulkRun } from './bulk-lane';
import { nextRun } from './key-lane';
import { DEFAULT_LEASE_KEYS, type Lease, type NarrowTable } from './key-leases';
import { type KeyMarks, tableId, type TableMarks } from './key-marks';
import { type KeyRange, keySeconds, narrowRange, plausibleRange, ISSUED_KEYS } from './key-ranges';
import * as refusals from './refusals';
import type { LeaseLane } from './lease-lane';
import { TableKeys } from './table-keys';

/** Seconds the mark of all tables is kept ahead of the clock. */
const GLOBAL_AHEAD_SECONDS = 300;
/** For how long the largest key of a table counts as known: a text that needs it twice asks more than once. */
const LOOKED_MS = 1_000;
/** Blocks that are wanted for their place in one ordinary block. */
const PLACE_LEASES = 64n;

export interface LedgerOptions {
  /** How long a client may be kept waiting for keys, in milliseconds. */
  readonly waitMs: number;
  /** After a failed read, write or lease: how long the next attempt is put off, in milliseconds. */
  readonly retryMs: number;
  /** Keys of one lease, by the column's bits; DEFAULT_LEASE_KEYS where absent. */
  readonly leaseKeys?: Readonly<Record<number, bigint>>;
}

/** The moment of a reservation. */
export interface Moment {
  readonly nowMs: number;
  /** The hybrid clock, milliseconds since 1970. */
  readonly hybridMs: number;
  /** Highest valid key seen applied in the table; 0n for none. */
  readonly floor: bigint;
}

export type LedgerAnswer =
  /** `settle` takes the rows the server reported; present for a run of unknown length. `count`: see KeyReservation. */
  | {
      readonly kind: 'keys';
      readonly first: bigint;
      readonly count?: bigint;
      readonly settle?: (affectedRows: bigint) => void;
    }
  | { readonly kind: 'wait'; readonly for: 'read' | 'marks' | 'lease'; readonly id: string }
  /** The search failed because of a lock: it is to be made otherwise, and `readDone` told. */
  | { readonly kind: 'locked'; readonly search: LargestSearch }
  | { readonly kind: 'refused'; readonly message: string };

/** What the runner is to do; its outcome comes back through `readDone`, `leaseDone` or `askFailed`. */
export type LedgerTask =
  /** Find the largest key of the column in `range`. */
  | {
      readonly kind: 'read';
      readonly id: string;
      readonly part: 'slice' | 'bulk' | 'leases';
      readonly range: KeyRange;
      /** The table's, when the task came up. */
      readonly generation: number;
    }
  | { readonly kind: 'lease'; readonly id: string; readonly table: NarrowTable; readonly size: bigint };

/**
 * All decisions about this site's keys: pure, told of the time and of what became durable. Never issues a key twice:
 * not across a crash at any moment either, provided that `marks` are what `marksToWrite` last gave and was written
 * completely, or an older one whose successor was never reported by `marksWritten`.
 */
export class KeyLedger {
  /** True when `marksToWrite` has something new for the disk. */
  dirty = false;
  private closed = false;
  private readonly tasks: LedgerTask[] = [];
  private readonly tables = new Map<string, TableKeys>();
  /** The same, without a name to be put together for each INSERT. */
  private readonly keysOfInfo = new WeakMap<TableInfo, TableKeys>();
  private last: { readonly info: TableInfo; readonly keys: TableKeys } | null = null;
  private readonly asks: Asks;
  /** Reads that failed because of a lock, until they are tried again. */
  private readonly locked = new Set<string>();
  private readonly global: { wanted: number; durable: number };
  private writeTrouble: { readonly atMs: number; readonly reason: string } | null = null;

  constructor(
    private readonly onDisk: KeyMarks,
    private readonly options: LedgerOptions,
  ) {
    this.global = { wanted: onDisk.slice, durable: onDisk.slice };
    this.asks = asks(options);
  }

  reserve(info: TableInfo, demand: KeyDemand, at: Moment): LedgerAnswer {
    const column = info.autoIncrement;
    if (column === null) return refusals.noColumn(info);
    if (this.closed) return refusals.closing(info);
    const keys = this.tableKeys(info);
    if (column.bits < 64) return this.reserveNarrow(keys, { ...info, ...column }, demand, at);
    if (demand.updates === true) {
      // Bulk keys lie below those of the rows in the table.
      const count = updatedRows(demand);
      return count === null ? refusals.tooManyUpdates(info) : this.reserveSlice(keys, count, at);
    }
    if (demand.kind === 'rows' && demand.count <= ISSUED_KEYS) return this.reserveSlice(keys, demand.count, at);
    return this.reserveBulk(keys, demand.kind === 'rows' ? demand.count : null, at);
  }

  /** Puts the mark of all tables ahead of the clock. To be called at the start, and now and then while idle. */
  keepAhead(hybridMs: number): void {
    const now = keySeconds(hybridMs);
    if (this.closed || this.global.wanted >= now + GLOBAL_AHEAD_SECONDS / 2) return;
    this.global.wanted = now + GLOBAL_AHEAD_SECONDS;
    this.dirty = true;
  }

  /** Tasks that came up since the last call, each to be done once. */
  takeTasks(): readonly LedgerTask[] {
    return this.tasks.length === 0 ? noTasks : this.tasks.splice(0);
  }

  readDone(task: LedgerTask & { kind: 'read' }, largest: bigint | null): void {
    this.asks.done(`${task.part}${task.id}`);
    const keys = this.tables.get(task.id);
    // A table replaced meanwhile is read once more.
    if (keys === undefined || keys.generation !== task.generation) return;
    if (task.part === 'slice') {
      keys.slice.unread = false;
      if (largest !== null && largest > keys.slice.floor) keys.slice.floor = largest;
    } else if (task.part === 'bulk') {
      keys.bulk.read(largest);
    } else {
      keys.leasesUnread = false;
      keys.largest = largest ?? 0n;
      keys.leases.read(largest);
    }
  }

  leaseDone(task: LedgerTask & { kind: 'lease' }, lease: Lease): void {
    this.asks.done(`lease${task.id}`);
    this.tables.get(task.id)?.leases.add(lease);
  }

  /** As `readDone`, for what a LedgerAnswer 'locked' said. */
  searchDone(schema: string, table: string, search: LargestSearch, largest: bigint | null): void {
    const { part, from, end, generation } = search;
    this.readDone({ kind: 'read', id: tableId(schema, table), part, range: { from, end }, generation }, largest);
  }

  /** The largest key of a narrow column, as far as it is known. */
  knownLargest(id: string): bigint | null {
    const keys = this.tables.get(id);
    return keys === undefined || keys.leasesUnread ? null : keys.largest;
  }

  /** A read or a lease failed; `locked`: since somebody holds the table. */
  askFailed(task: LedgerTask, reason: string, nowMs: number, locked = false): void {
    if (task.kind === 'read' && locked) this.locked.add(`${task.part}${task.id}`);
    this.asks.failed(task.kind === 'read' ? `${task.part}${task.id}` : `lease${task.id}`, reason, nowMs);
  }

  /** What the disk is to hold. Only one write at a time; its end is reported by `marksWritten` or `marksFailed`. */
  marksToWrite(): KeyMarks {
    this.dirty = false;
    return this.collect(this.global.wanted, (keys) => keys.marksToWrite());
  }

  /** `marks` are on disk, and stay there through a power cut. */
  marksWritten(marks: KeyMarks): void {
    this.writeTrouble = null;
    this.global.durable = Math.max(this.global.durable, marks.slice);
    for (const [id, keys] of this.tables) {
      const written = marks.tables.get(id);
      if (written !== undefined) keys.marksWritten(written);
    }
  }

  marksFailed(reason: string, nowMs: number): void {
    this.dirty = true;
    this.writeTrouble = { atMs: nowMs, reason };
  }

  /** Nothing more is issued; the marks for a restart that loses no keys. */
  close(): KeyMarks {
    this.closed = true;
    let used = this.onDisk.slice;
    for (const keys of this.tables.values()) used = Math.max(used, keys.slice.lane.t);
    return this.collect(used, (keys) => keys.finalMarks());
  }

  /** After DDL: any table may be another one now, with other keys in it. */
  forget(): void {
    for (const keys of this.tables.values()) keys.forget();
  }

  /** True for a key inside one of the blocks leased for a narrow column. */
  ownsLeased(schema: string, table: string, key: bigint): boolean {
    return this.tables.get(tableId(schema, table))?.leases.owns(key) ?? false;
  }

  /** Keys left in the leased blocks of the narrow tables written so far. */
  remaining(): { schema: string; table: string; keys: bigint }[] {
    const narrow = [...this.tables.values()].filter((keys) => !keys.leasesUnread);
    return narrow.map(({ schema, table, leases }) => ({ schema, table, keys: leases.remaining }));
  }

  private reserveSlice(keys: TableKeys, count: number, { nowMs, hybridMs, floor }: Moment): LedgerAnswer {
    const { slice } = keys;
    if (slice.unread) return this.read(keys, 'slice', plausibleRange(hybridMs), nowMs);
    const run = nextRun(slice.lane, {
      scope: this.onDisk.scope,
      count,
      nowSeconds: keySeconds(hybridMs),
      floor: floor > slice.floor ? floor : slice.floor,
    });
    if (run === null) return refusals.timeIsUp(keys);
    this.keepAhead(hybridMs);
    // A lane that runs ahead of the clock has a mark of its own, so that a restart throws back only that table.
    if (run.t > this.global.wanted && slice.want(run.t)) this.dirty = true;
    if (run.t > this.global.durable && run.t > slice.durable) return this.waitForMarks(keys, nowMs);
    slice.lane = run.lane;
    return { kind: 'keys', first: run.first };
  }

  private reserveBulk(keys: TableKeys, count: number | null, { nowMs }: Moment): LedgerAnswer {
    const { bulk } = keys;
    if (bulk.unread) return this.read(keys, 'bulk', bulk.range, nowMs);
    const run = bulk.reserve(count);
    if (run === 'exhausted') return refusals.bulkExhausted(keys, bulk.remaining);
    if (run === 'mark') return this.waitForMarks(keys, nowMs);
    if (count !== null) return { kind: 'keys', first: run.first };
    const unknown: BulkRun = run;
    return { kind: 'keys', first: run.first, settle: (affected) => bulk.settle(unknown, affected) };
  }

  private reserveNarrow(keys: TableKeys, table: NarrowTable, demand: KeyDemand, { nowMs }: Moment): LedgerAnswer {
    const { leases } = keys;
    const size = this.options.leaseKeys?.[table.bits] ?? DEFAULT_LEASE_KEYS[table.bits] ?? 1n;
    const above = demand.updates === true && !(demand.kind === 'rows' && demand.count === 1);
    const count = narrowCount(demand, above, leases, size);
    if (above && (keys.lookedMs === null || Math.abs(nowMs - keys.lookedMs) > LOOKED_MS)) {
      keys.lookedMs = nowMs;
      keys.leasesUnread = true;
    }
    if (keys.leasesUnread) return this.read(keys, 'leases', narrowRange(table.bits, table.unsigned), nowMs);
    const run = leases.reserve(count, above ? keys.largest : 0n);
    if (leases.wantsMark) this.dirty = true;
    if (run === 'mark') return this.waitForMarks(keys, nowMs);
    const id = tableId(keys.schema, keys.table);
    const lease = (least: bigint): LedgerTask => ({
      kind: 'lease',
      id,
      table: narrowTable(table),
      size: count > least ? count : least,
    });
    if (run === 'lease') {
      const asked = this.asks.ask(`lease${id}`, nowMs);
      if (asked.kind === 'refused') return refusals.noLease(table, asked.reason);
      // A block that is wanted for its place only, since other sites' keys lie above ours: small, for that comes again.
      const forPlace = above && leases.roomFor(0n) >= count;
      if (asked.kind === 'new') this.tasks.push(lease(forPlace ? size / PLACE_LEASES : size));
      return { kind: 'wait', for: 'lease', id };
    }
    if (run.first + count - 1n > keys.largest) keys.largest = run.first + count - 1n;
    // Ahead of need; while cut off this is tried again with later inserts.
    if (leases.remaining < size / 2n && this.asks.ask(`lease${id}`, nowMs).kind === 'new') this.tasks.push(lease(size));
    if (demand.kind === 'rows') return { kind: 'keys', first: run.first };
    const settle = (affected: bigint): void => {
      leases.giveBack({ first: run.first, count }, affected);
      if (affected === 0n) keys.leasesUnread = true;
    };
    return { kind: 'keys', first: run.first, count, settle };
  }

  private read(keys: TableKeys, part: 'slice' | 'bulk' | 'leases', range: KeyRange, nowMs: number): LedgerAnswer {
    const id = tableId(keys.schema, keys.table);
    const name = `${part}${id}`;
    const asked = this.asks.ask(name, nowMs);
    if (asked.kind === 'refused') {
      const search = { part, from: range.from, end: range.end, generation: keys.generation };
      return this.locked.has(name) ? { kind: 'locked', search } : refusals.notRead(keys, asked.reason);
    }
    if (asked.kind === 'new') this.locked.delete(name);
    if (asked.kind === 'new') this.tasks.push({ kind: 'read', id, part, range, generation: keys.generation });
    return { kind: 'wait', for: 'read', id };
  }

  private waitForMarks(keys: TableKeys, nowMs: number): LedgerAnswer {
    if (this.writeTrouble !== null && Math.abs(nowMs - this.writeTrouble.atMs) < this.options.retryMs) {
      return refusals.notWritten(keys, this.writeTrouble.reason);
    }
    this.dirty = true;
    return { kind: 'wait', for: 'marks', id: tableId(keys.schema, keys.table) };
  }

  private tableKeys(info: TableInfo): TableKeys {
    if (this.last?.info === info) return this.last.keys;
    let keys = this.keysOfInfo.get(info);
    if (keys === undefined) this.keysOfInfo.set(info, (keys = this.keysOfTable(info)));
    this.last = { info, keys };
    return keys;
  }

  private keysOfTable({ schema, table }: TableInfo): TableKeys {
    const id = tableId(schema, table);
    let keys = this.tables.get(id);
    if (keys === undefined) {
      const { scope, slice, tables } = this.onDisk;
      keys = new TableKeys(schema, table, { scope, start: slice, marks: tables.get(id) });
      this.tables.set(id, keys);
    }
    return keys;
  }

  /** The marks of the tables in use by `of`, those of the others as they were on disk; what says nothing is left out. */
  private collect(slice: number, of: (keys: TableKeys) => TableMarks): KeyMarks {
    const tables = new Map<string, TableMarks>(this.onDisk.tables);
    for (const [id, keys] of this.tables) tables.set(id, of(keys));
    for (const [id, marks] of tables) {
      const own = { ...marks, slice: marks.slice > slice ? marks.slice : 0 };
      if (own.slice === 0 && own.bulk === 0n && own.leases.length === 0) tables.delete(id);
      else tables.set(id, own);
    }
    return { scope: this.onDisk.scope, slice, tables };
  }
}

const noTasks: readonly LedgerTask[] = [];

/** Keys of one second for an INSERT whose updates lead the server's count on; null: more, or nobody can tell how many. */
function updatedRows(demand: KeyDemand): number | null {
  const count = demand.kind === 'rows' ? demand.count : demand.expected;
  if (count === undefined || count > ISSUED_KEYS) return null;
  // Rows may have come since a query's were counted.
  return demand.kind === 'rows' ? count : Math.min(count + (count >> 2) + 16, ISSUED_KEYS);
}

/** `above`: the run lies above all keys in the table. */
function narrowCount(demand: KeyDemand, above: boolean, leases: LeaseLane, size: bigint): bigint {
  if (demand.kind === 'rows') return BigInt(demand.count);
  const wanted = unknownLength(demand, size);
  return above ? wanted : leases.roomFor(wanted);
}

/** Keys for a statement whose length is not known: nothing but these guards what lies behind them. */
function unknownLength({ expected }: KeyDemand & { readonly kind: 'unknown' }, size: bigint): bigint {
  if (expected === undefined) return size / 2n + 1n;
  // Rows may have come since they were counted.
  return BigInt(expected) + BigInt(expected >> 2) + 16n;
}

function narrowTable({ schema, table, bits, unsigned }: NarrowTable): NarrowTable {
  return { schema, table, bits, unsigned };
}
