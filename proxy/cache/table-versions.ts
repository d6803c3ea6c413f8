import type { TableVersionBoard } from '../ports';
import { foldedTable } from '../sql/names';

const TABLES = 4096;
const ROWS = 65_536;
/** Tables, then their unknown rows, then rows. */
const SLOTS = 2 * TABLES + ROWS;
/**
 * Who may have writes in flight. Each has counters of its own, so that those of one that died can be taken back. The threads
 * that relay are one: when one of them dies, so does the process.
 */
const OWNERS = { proxy: 0, replicator: 1 } as const;
export type BoardOwner = keyof typeof OWNERS;
const OWNER_COUNT = Object.keys(OWNERS).length;

/**
 * Layout, in 32-bit words: flush generation, capture health, generations of settings, definitions and defaults, doubts,
 * moves, changes of settings in flight, each owner's writes of anything in flight, versions, then each owner's in-flight counters.
 */
const FLUSHES = 0;
const HEALTHY = 1;
const SETTINGS = 2;
const DEFINITIONS = 3;
const DEFAULTS = 4;
/** Commands of clients of which nobody knows yet whether they are read. */
const DOUBTS = 5;
const MOVES = 6;
/** Commands that may change rights or settings, whose ends were not seen yet. */
const SETTINGS_IN_FLIGHT = 7;
const ALL_IN_FLIGHT = 8;
const VERSIONS = ALL_IN_FLIGHT + OWNER_COUNT;
const IN_FLIGHT = VERSIONS + SLOTS;
const WORDS = IN_FLIGHT + SLOTS * OWNER_COUNT;

/** Primary keys of rows, as `rowSlot` takes them; null: which rows is not known. */
export type WrittenRows = readonly (readonly string[])[] | null;

/** Table names instead of slots, and capture's health: what the replicator sees of the board. */
export interface NamedWriteBoard {
  beginWrite(schema: string, table: string, rows: WrittenRows): void;
  endWrite(schema: string, table: string, rows: WrittenRows): void;
  flushAll(): void;
  settingsChanged(): void;
  setCaptureHealthy(healthy: boolean): void;
}

/** Versions of tables in memory that the threads share. See TableVersionBoard. */
export class TableVersions implements TableVersionBoard {
  private readonly words: Int32Array;
  private readonly ownInFlight: number;
  private readonly ownAllInFlight: number;

  private constructor(
    readonly buffer: SharedArrayBuffer,
    owner: BoardOwner,
  ) {
    this.words = new Int32Array(buffer);
    this.ownInFlight = IN_FLIGHT + OWNERS[owner] * SLOTS;
    this.ownAllInFlight = ALL_IN_FLIGHT + OWNERS[owner];
  }

  /** A new board, the proxy's. Capture counts as away until it says otherwise. */
  static create(): TableVersions {
    return new TableVersions(new SharedArrayBuffer(WORDS * 4), 'proxy');
  }

  /** The board another thread created, by its `buffer`. */
  static attach(buffer: SharedArrayBuffer, owner: BoardOwner): TableVersions {
    return new TableVersions(buffer, owner);
  }

  /** Names that differ only in case share a slot: whether the server tells them apart is not our business. */
  slot(schema: string, table: string): number {
    return tableHash(schema, table) % TABLES;
  }

  unknownRowsSlot(schema: string, table: string): number {
    return TABLES + this.slot(schema, table);
  }

  rowSlot(schema: string, table: string, key: readonly string[]): number {
    let hash = tableHash(schema, table);
    for (const value of key) hash = hashed(hash, `\0${value}`);
    return 2 * TABLES + (hash % ROWS);
  }

  /** Slot version and flush generation both only rise, so their sum stands still only if both do. */
  version(slot: number): number {
    return (Atomics.load(this.words, VERSIONS + slot) + Atomics.load(this.words, FLUSHES)) | 0;
  }

  busy(slot: number): boolean {
    if (!this.captureHealthy() || this.doubtful()) return true;
    for (let at = ALL_IN_FLIGHT; at < VERSIONS; at++) if (Atomics.load(this.words, at) !== 0) return true;
    for (let at = IN_FLIGHT + slot; at < WORDS; at += SLOTS) {
      if (Atomics.load(this.words, at) !== 0) return true;
    }
    return false;
  }

  beginWrite(slot: number): void {
    // Counted before it is raised: who reads the new version finds the slot busy.
    Atomics.add(this.words, this.ownInFlight + slot, 1);
    this.raise(VERSIONS + slot);
  }

  endWrite(slot: number): void {
    // Raised before it is discounted: who finds the slot free reads the new version.
    this.raise(VERSIONS + slot);
    const before = Atomics.sub(this.words, this.ownInFlight + slot, 1);
    if (before <= 0) throw new Error(`endWrite without beginWrite for slot ${slot}`);
  }

  beginAll(): void {
    Atomics.add(this.words, this.ownAllInFlight, 1);
    this.flushAll();
  }

  endAll(): void {
    this.flushAll();
    const before = Atomics.sub(this.words, this.ownAllInFlight, 1);
    if (before <= 0) throw new Error('endAll without beginAll');
  }

  beginDoubt(): void {
    Atomics.add(this.words, DOUBTS, 1);
  }

  endDoubt(written: boolean): void {
    // Raised before it is discounted, as in endWrite.
    if (written) this.flushAll();
    const before = Atomics.sub(this.words, DOUBTS, 1);
    if (before <= 0) throw new Error('endDoubt without beginDoubt');
  }

  doubtful(): boolean {
    return Atomics.load(this.words, DOUBTS) !== 0;
  }

  flushAll(): void {
    this.raise(FLUSHES);
  }

  moves(): number {
    return Atomics.load(this.words, MOVES);
  }

  private raise(word: number): void {
    Atomics.add(this.words, MOVES, 1);
    Atomics.add(this.words, word, 1);
  }

  settingsGeneration(): number {
    return Atomics.load(this.words, SETTINGS_IN_FLIGHT) === 0 ? Atomics.load(this.words, SETTINGS) : Number.NaN;
  }

  beginSettings(): void {
    Atomics.add(this.words, SETTINGS_IN_FLIGHT, 1);
  }

  endSettings(): void {
    // Counted before it is discounted: who finds none in flight reads the new count.
    this.settingsChanged();
    const before = Atomics.sub(this.words, SETTINGS_IN_FLIGHT, 1);
    if (before <= 0) throw new Error('endSettings without beginSettings');
  }

  settingsChanged(): void {
    Atomics.add(this.words, SETTINGS, 1);
    this.flushAll();
  }

  /** How often tables may have become others: what a thread read of them under another count is void. */
  definitionsGeneration(): number {
    return Atomics.load(this.words, DEFINITIONS);
  }

  /**
   * Tables may have become others; returns the new count. A reply that was judged by what they were is not kept from here on,
   * nor used: what told of the change may have emptied the cache before what was known of the tables was forgotten.
   */
  definitionsChanged(): number {
    const count = (Atomics.add(this.words, DEFINITIONS, 1) + 1) | 0;
    this.flushAll();
    return count;
  }

  /** How often what new sessions begin with may have changed. */
  defaultsGeneration(): number {
    return Atomics.load(this.words, DEFAULTS);
  }

  defaultsChanged(): void {
    Atomics.add(this.words, DEFAULTS, 1);
  }

  captureHealthy(): boolean {
    return Atomics.load(this.words, HEALTHY) === 1;
  }

  /** Becoming healthy voids what was stored before: writes may have passed unseen meanwhile. */
  setCaptureHealthy(healthy: boolean): void {
    if (healthy === this.captureHealthy()) return;
    this.flushAll();
    Atomics.store(this.words, HEALTHY, healthy ? 1 : 0);
  }

  /**
   * The thread of `owner` died with writes in flight: nothing is cached until capture, started anew, has read the log
   * to its end and says it is healthy; then what those writes did has been seen, and their counters may be forgotten.
   */
  ownerDied(owner: BoardOwner): void {
    Atomics.store(this.words, HEALTHY, 0);
    this.flushAll();
    Atomics.store(this.words, ALL_IN_FLIGHT + OWNERS[owner], 0);
    const from = IN_FLIGHT + OWNERS[owner] * SLOTS;
    for (let at = from; at < from + SLOTS; at++) Atomics.store(this.words, at, 0);
  }

  /** The board as the replicator uses it. */
  byName(): NamedWriteBoard {
    return {
      beginWrite: (schema, table, rows) => {
        for (const slot of this.writtenSlots(schema, table, rows)) this.beginWrite(slot);
      },
      endWrite: (schema, table, rows) => {
        for (const slot of this.writtenSlots(schema, table, rows)) this.endWrite(slot);
      },
      flushAll: () => this.flushAll(),
      settingsChanged: () => this.settingsChanged(),
      setCaptureHealthy: (healthy) => this.setCaptureHealthy(healthy),
    };
  }

  /** The same for the same rows, so that what began can be ended. */
  private writtenSlots(schema: string, table: string, rows: WrittenRows): Set<number> {
    const slots = new Set([this.slot(schema, table)]);
    if (rows === null || rows.length > ROWS_KNOWN_MAX) slots.add(this.unknownRowsSlot(schema, table));
    else for (const key of rows) slots.add(this.rowSlot(schema, table, key));
    return slots;
  }
}

/** More rows in one write are raised together. */
const ROWS_KNOWN_MAX = 256;

function tableHash(schema: string, table: string): number {
  return hashed(0x811c9dc5, `${foldedTable(schema)}\0${foldedTable(table)}`);
}

/** FNV-1a, going on from `hash`. */
function hashed(hash: number, text: string): number {
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash >>> 0;
}
