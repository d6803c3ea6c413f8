import { foldedTable } from '../sql/names';
import { isPlausible } from './key-ranges';

const SLOTS = 4096;
/** Layout, in 64-bit words: the clock, foreign keys seen, then one floor a slot. */
const CLOCK = 0;
const FOREIGN = 1;
const FLOORS = 2;

/**
 * What the threads share about keys: the site's hybrid clock, and for each table the highest valid key seen applied.
 * Tables are hashed to slots: a clash only lifts another table's floor.
 */
export class KeyBoard {
  private readonly words: BigInt64Array;
  /** Of the table whose floor was asked for last: a burst of INSERTs is of one. */
  private asked = { schema: '', table: '', slot: -1 };

  private constructor(
    readonly buffer: SharedArrayBuffer,
    private readonly nowMs: () => number,
  ) {
    this.words = new BigInt64Array(buffer);
  }

  /** `nowMs`: the site's wall clock, milliseconds since 1970. */
  static create(nowMs: () => number): KeyBoard {
    return new KeyBoard(new SharedArrayBuffer((FLOORS + SLOTS) * 8), nowMs);
  }

  /** The board another thread created, by its `buffer`. */
  static attach(buffer: SharedArrayBuffer, nowMs: () => number): KeyBoard {
    return new KeyBoard(buffer, nowMs);
  }

  /**
   * A key of `table` was seen applied: the next one issued lies above it. Call it before the apply commits, and after
   * `raiseClock` with the change set's HLC: keys more than a day ahead of the hybrid clock do not count, nor do keys
   * that are not time-sliced.
   */
  raiseFloor(schema: string, table: string, key: bigint): void {
    if (isPlausible(key, this.hybridMs())) raise(this.words, FLOORS + slotOf(schema, table), key);
  }

  /** Highest valid key seen applied in the table (or in one that shares its slot); 0n for none. */
  floor(schema: string, table: string): bigint {
    let { asked } = this;
    if (asked.slot < 0 || asked.table !== table || asked.schema !== schema) {
      this.asked = asked = { schema, table, slot: slotOf(schema, table) };
    }
    return Atomics.load(this.words, FLOORS + asked.slot);
  }

  /** The hybrid clock stands at least at `hlc` (48 bits of milliseconds, 16 of counter). */
  raiseClock(hlc: bigint): void {
    raise(this.words, CLOCK, hlc);
  }

  /** Highest HLC the board was told of; 0n for none. */
  clock(): bigint {
    return Atomics.load(this.words, CLOCK);
  }

  /** The hybrid clock in milliseconds: the wall clock, or what was seen if that is later. */
  hybridMs(): number {
    return Math.max(this.nowMs(), Number(this.clock() >> 16n));
  }

  /** A local row carries a generated key that is not from this site's ranges: an insert that bypassed the proxy. */
  sawForeignKey(_schema: string, _table: string, _key: bigint): void {
    Atomics.add(this.words, FOREIGN, 1n);
  }

  /** How often `sawForeignKey` was called, by any thread. */
  foreignKeys(): bigint {
    return Atomics.load(this.words, FOREIGN);
  }
}

function raise(words: BigInt64Array, index: number, value: bigint): void {
  let seen = Atomics.load(words, index);
  while (value > seen) {
    const before = Atomics.compareExchange(words, index, seen, value);
    if (before === seen) return;
    seen = before;
  }
}

/** FNV-1a over both names. */
function slotOf(schema: string, table: string): number {
  let hash = 0x811c9dc5;
  for (const name of [foldedTable(schema), foldedTable(table)]) {
    for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193);
    hash = Math.imul(hash ^ 0x1ff, 0x01000193);
  }
  return (hash >>> 0) % SLOTS;
}
