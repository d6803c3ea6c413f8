import type { ChangeSet, RowKey, UniqueKey } from '../change-set';
import type { MergeDecision, RowTarget } from '../merge/operation';

/** What applying needs of the retention window. */
export interface MergeWindow {
  /** Takes a change set in and says what the database must be brought to. */
  decide(changeSet: ChangeSet): MergeDecision;
  /**
   * The same for one that was committed here: what it changes is not told where nothing was folded, as it is there already.
   * With its record, which is copied, it takes less memory.
   */
  takeLocal(changeSet: ChangeSet, record?: Uint8Array): MergeDecision;
  /** Takes one out again that `decide` took in: it did not become applied. */
  undo(changeSet: ChangeSet): void;
  /** True when `other` touches a row or a unique value of this one's merge group. */
  touches(changeSet: ChangeSet, other: ChangeSet): boolean;
  /** The row's merged state, complete where the window knows all of it; null when no operation of the window touches it. */
  merged(key: RowKey): RowTarget | null;
}

export interface DecidedChangeSet {
  readonly changeSet: ChangeSet;
  readonly decision: MergeDecision;
}

/** Rows and unique values that some decisions rest on. */
export class Footprint {
  private readonly keys = new Set<RowKey | UniqueKey>();

  constructor(decided: readonly DecidedChangeSet[], rows: readonly RowKey[]) {
    for (const { changeSet, decision } of decided) {
      for (const key of keysOf(changeSet)) this.keys.add(key);
      for (const target of decision.targets) this.keys.add(target.key);
    }
    for (const key of rows) this.keys.add(key);
  }

  touchedBy(changeSet: ChangeSet): boolean {
    for (const key of keysOf(changeSet)) if (this.keys.has(key)) return true;
    return false;
  }
}

function* keysOf(changeSet: ChangeSet): Generator<RowKey | UniqueKey> {
  for (const row of changeSet.rows) {
    yield row.key;
    for (const { before, after } of row.uniques) {
      if (before !== null) yield before;
      if (after !== null) yield after;
    }
  }
}
