import type { TableVersionBoard } from '../ports';

const SLOTS = 4096;
/** Who may have writes in flight. Each has counters of its own, so that those of one that died can be taken back. */
const OWNERS = { proxy: 0, replicator: 1 } as const;
export type BoardOwner = keyof typeof OWNERS;

/** Layout, in 32-bit words: flush generation, capture health, versions, then the in-flight counters of each owner. */
const FLUSHES = 0;
const HEALTHY = 1;
const VERSIONS = 2;
const IN_FLIGHT = VERSIONS + SLOTS;
const WORDS = IN_FLIGHT + SLOTS * Object.keys(OWNERS).length;

/** Table names instead of slots, and capture's health: what the replicator sees of the board. */
export interface NamedWriteBoard {
  beginWrite(schema: string, table: string): void;
  endWrite(schema: string, table: string): void;
  flushAll(): void;
  setCaptureHealthy(healthy: boolean): void;
}

/** Versions of tables in memory that the threads share. See TableVersionBoard. */
export class TableVersions implements TableVersionBoard {
  private readonly words: Int32Array;
  private readonly ownInFlight: number;

  private constructor(
    readonly buffer: SharedArrayBuffer,
    owner: BoardOwner,
  ) {
    this.words = new Int32Array(buffer);
    this.ownInFlight = IN_FLIGHT + OWNERS[owner] * SLOTS;
  }

  /** A new board. Capture counts as away until it says otherwise. */
  static create(owner: BoardOwner = 'proxy'): TableVersions {
    return new TableVersions(new SharedArrayBuffer(WORDS * 4), owner);
  }

  /** The board another thread created, by its `buffer`. */
  static attach(buffer: SharedArrayBuffer, owner: BoardOwner): TableVersions {
    return new TableVersions(buffer, owner);
  }

  /** Names that differ only in case share a slot: whether the server tells them apart is not our business. */
  slot(schema: string, table: string): number {
    const name = `${schema.toLowerCase()}\0${table.toLowerCase()}`;
    let hash = 0x811c9dc5;
    for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193);
    return (hash >>> 0) % SLOTS;
  }

  /** Slot version and flush generation both only rise, so their sum stands still only if both do. */
  version(slot: number): number {
    return (Atomics.load(this.words, VERSIONS + slot) + Atomics.load(this.words, FLUSHES)) | 0;
  }

  busy(slot: number): boolean {
    if (!this.captureHealthy()) return true;
    for (let at = IN_FLIGHT + slot; at < WORDS; at += SLOTS) {
      if (Atomics.load(this.words, at) !== 0) return true;
    }
    return false;
  }

  beginWrite(slot: number): void {
    // Counted before it is raised: who reads the new version finds the slot busy.
    Atomics.add(this.words, this.ownInFlight + slot, 1);
    Atomics.add(this.words, VERSIONS + slot, 1);
  }

  endWrite(slot: number): void {
    // Raised before it is discounted: who finds the slot free reads the new version.
    Atomics.add(this.words, VERSIONS + slot, 1);
    const before = Atomics.sub(this.words, this.ownInFlight + slot, 1);
    if (before <= 0) throw new Error(`endWrite without beginWrite for slot ${slot}`);
  }

  flushAll(): void {
    Atomics.add(this.words, FLUSHES, 1);
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
    const from = IN_FLIGHT + OWNERS[owner] * SLOTS;
    for (let at = from; at < from + SLOTS; at++) Atomics.store(this.words, at, 0);
  }

  /** The board as the replicator uses it. */
  byName(): NamedWriteBoard {
    return {
      beginWrite: (schema, table) => this.beginWrite(this.slot(schema, table)),
      endWrite: (schema, table) => this.endWrite(this.slot(schema, table)),
      flushAll: () => this.flushAll(),
      setCaptureHealthy: (healthy) => this.setCaptureHealthy(healthy),
    };
  }
}
