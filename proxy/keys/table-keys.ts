import { BulkLane } from './bulk-lane';
import { laneAfter, type SliceLane } from './key-lane';
import type { TableMarks } from './key-marks';
import { bulkRange } from './key-ranges';
import { LeaseLane } from './lease-lane';

/** Seconds a table's own mark is put ahead of its lane; doubled each time, up to the largest. */
const STEP_SECONDS_MIN = 8;
const STEP_SECONDS_MAX = 128;

/** Time-sliced keys of one table. */
class SliceKeys {
  lane: SliceLane;
  /** True until the largest key in the table is known. */
  unread = true;
  /** Largest valid key found in the table when it was read. */
  floor = 0n;
  wanted: number;
  durable: number;
  private stepSeconds = STEP_SECONDS_MIN;

  /** `start`: everything up to the end of this second may have been issued before. */
  constructor(start: number, mark: number) {
    this.lane = laneAfter(Math.max(start, mark));
    this.wanted = mark;
    this.durable = mark;
  }

  /** Puts the table's own mark ahead of second `t`, if it is not yet; true when it moved. */
  want(t: number): boolean {
    if (t + this.stepSeconds / 2 <= this.wanted) return false;
    this.wanted = t + this.stepSeconds;
    this.stepSeconds = Math.min(this.stepSeconds * 2, STEP_SECONDS_MAX);
    return true;
  }
}

/** What a site keeps in memory about the keys of one table. */
export class TableKeys {
  readonly slice: SliceKeys;
  readonly bulk: BulkLane;
  readonly leases: LeaseLane;
  /** True until the largest key of the narrow column is known. */
  leasesUnread = true;
  /** The largest key when it was last read, or issued since; 0n: there was none. */
  largest = 0n;
  /** When `largest` was last asked for, in milliseconds; null: never. */
  lookedMs: number | null = null;
  /** Rises when the table may have been replaced. */
  generation = 0;

  constructor(
    readonly schema: string,
    readonly table: string,
    options: { readonly scope: number; readonly start: number; readonly marks: TableMarks | undefined },
  ) {
    const { scope, start, marks } = options;
    this.slice = new SliceKeys(start, marks?.slice ?? 0);
    this.bulk = new BulkLane(bulkRange(scope), marks?.bulk ?? 0n);
    this.leases = new LeaseLane(marks?.leases ?? []);
  }

  /** The table may have been replaced by another: look at its keys again. */
  forget(): void {
    this.generation += 1;
    this.slice.unread = true;
    this.bulk.unread = true;
    this.leasesUnread = true;
  }

  marksToWrite(): TableMarks {
    return { slice: this.slice.wanted, bulk: this.bulk.markToWrite(), leases: this.leases.marksToWrite() };
  }

  marksWritten(marks: TableMarks): void {
    this.slice.durable = Math.max(this.slice.durable, marks.slice);
    this.bulk.markWritten(marks.bulk);
    this.leases.marksWritten(marks.leases);
  }

  finalMarks(): TableMarks {
    return { slice: this.slice.lane.t, bulk: this.bulk.finalMark(), leases: this.leases.finalMarks() };
  }
}
