import type { KeyRange } from './key-ranges';

/** Room left for a run of unknown length while it is in flight. */
const UNKNOWN_RUN_KEYS = 1n << 24n;
/** How far the mark on disk is put ahead of what is used. */
const MARK_STEP_KEYS = 1n << 16n;

/** A run of bulk keys whose statement has not ended. */
export interface BulkRun {
  readonly first: bigint;
  readonly end: bigint;
}

/** One table's run of keys in the site's bulk range. Owns: used < next <= mark on disk <= mark wanted. */
export class BulkLane {
  /** The next free key; keys below it count as used. */
  private next: bigint;
  /** True until the largest key of the range in the table is known. */
  unread = true;
  wanted: bigint;
  private durable: bigint;
  /** Somebody waits for the mark to reach this. */
  private awaited = 0n;
  private readonly inFlight = new Set<BulkRun>();

  /** `mark`: as read from disk; 0n for none. */
  constructor(
    readonly range: KeyRange,
    mark: bigint,
  ) {
    this.next = mark > range.from ? mark : range.from;
    this.wanted = mark;
    this.durable = mark;
  }

  get remaining(): bigint {
    return this.range.end - this.next;
  }

  /** Largest key of the range in the table, or null when there is none. */
  read(largest: bigint | null): void {
    if (largest !== null && largest >= this.next) this.next = largest + 1n;
    this.unread = false;
  }

  /**
   * A run of `count` keys, or of unknown length (null). 'mark': ask again once `wanted` is on disk; 'exhausted': the
   * range has no room for it.
   */
  reserve(count: number | null): BulkRun | 'mark' | 'exhausted' {
    const run = { first: this.next, end: this.next + (count === null ? UNKNOWN_RUN_KEYS : BigInt(count)) };
    if (run.end > this.range.end) return 'exhausted';
    if (run.end > this.durable) {
      this.awaited = run.end;
      if (run.end > this.wanted) this.wanted = run.end + MARK_STEP_KEYS;
      return 'mark';
    }
    this.next = run.end;
    this.awaited = 0n;
    if (count === null) this.inFlight.add(run);
    return run;
  }

  /**
   * The statement of a run of unknown length used `affected` keys at most. What it left is given back if no later run
   * begins behind it. After an error (0n) the table is read again: a table that cannot roll back keeps its rows.
   */
  settle(run: BulkRun, affected: bigint): void {
    if (!this.inFlight.delete(run)) return;
    const used = run.first + affected;
    if (run.end === this.next || used > this.next) this.next = used;
    if (affected === 0n) this.unread = true;
  }

  /** The mark to write. With no run in flight it comes down again, so that a crash costs little of the range. */
  markToWrite(): bigint {
    if (this.wanted === 0n) return 0n;
    const least = (this.awaited > this.next ? this.awaited : this.next) + MARK_STEP_KEYS;
    if (this.inFlight.size === 0 && this.wanted > least) this.wanted = least;
    // From now on the file may hold the lower mark: nothing above it may be issued.
    if (this.wanted < this.durable) this.durable = this.wanted;
    return this.wanted;
  }

  /** The mark once nothing more will be issued. */
  finalMark(): bigint {
    return this.wanted === 0n || this.inFlight.size > 0 ? this.wanted : this.next;
  }

  markWritten(mark: bigint): void {
    if (mark <= this.wanted) this.durable = mark;
  }
}
