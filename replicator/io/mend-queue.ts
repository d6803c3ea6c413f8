import type { ChangeSet, RowKey } from '../change-set';
import type { Conflict, MergeDecision } from '../merge/operation';
import type { Mends } from './apply-attempt';
import type { WaitingRow } from './bookkeeping';

export const NO_MENDS: Mends = { rows: [], conflictsAdded: [], conflictsRemoved: [] };

/** Rows brought to their merged state by one transaction. */
const ROWS_MAX = 500;

/** Rows that must be brought to their merged state apart from any change set that arrives. */
export class MendQueue {
  private readonly late = new Set<RowKey>();
  private readonly added = new Map<string, Conflict>();
  private readonly removed = new Map<string, Conflict>();
  private readonly waitingRows = new Map<RowKey, WaitingRow>();
  private retry: RowKey[] = [];

  constructor(waiting: readonly WaitingRow[]) {
    this.setWaiting(waiting);
    this.retryWaiting();
  }

  waiting(): readonly WaitingRow[] {
    return [...this.waitingRows.values()];
  }

  /** The rows of a local change set that turned out to be concurrent with something applied. */
  addLate(changeSet: ChangeSet, decision: MergeDecision): void {
    for (const { key } of [...changeSet.rows, ...decision.targets]) this.late.add(key);
    for (const conflict of decision.conflictsRemoved) {
      this.added.delete(conflict.id);
      this.removed.set(conflict.id, conflict);
    }
    for (const conflict of decision.conflictsAdded) {
      this.removed.delete(conflict.id);
      this.added.set(conflict.id, conflict);
    }
  }

  /** The schema may have what waiting rows need. */
  retryWaiting(): void {
    this.retry = [...this.waitingRows.keys()];
  }

  next(): Mends | null {
    if (this.late.size === 0 && this.retry.length === 0) return null;
    const rows = this.late.size > 0 ? [...this.late] : this.retry.slice(0, ROWS_MAX);
    return { rows, conflictsAdded: [...this.added.values()], conflictsRemoved: [...this.removed.values()] };
  }

  /** `mends` are committed; `waiting` could not be brought to their state, `mended` could. */
  done(mends: Mends, waiting: readonly WaitingRow[], mended: readonly RowKey[]): void {
    const tried = new Set(mends.rows);
    for (const key of tried) this.late.delete(key);
    this.retry = this.retry.filter((key) => !tried.has(key));
    for (const { id } of mends.conflictsAdded) this.added.delete(id);
    for (const { id } of mends.conflictsRemoved) this.removed.delete(id);
    this.setWaiting(waiting);
    for (const key of mended) this.waitingRows.delete(key);
  }

  private setWaiting(rows: readonly WaitingRow[]): void {
    for (const row of rows) this.waitingRows.set(row.key, row);
  }
}
