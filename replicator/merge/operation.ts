import type { ChangeSet, ColumnDef, RowChange, RowKey, TableDef, ColumnBytes } from '../change-set';

/** One row change with the change set it belongs to: what the fold works on. */
export interface Operation {
  readonly changeSet: ChangeSet;
  readonly change: RowChange;
  readonly table: TableDef;
}

/** What the fold says of one row. */
export type MergedRow =
  | { readonly kind: 'absent' }
  /**
   * `columns` are the values by column name. When `complete` is false they are only the columns that the window's
   * operations wrote; the rest stand in the row as they are.
   */
  | { readonly kind: 'present'; readonly complete: boolean; readonly columns: ReadonlyMap<string, MergedColumn> };

export interface MergedColumn {
  readonly def: ColumnDef;
  readonly value: ColumnBytes;
}

/** A row that the database must be brought to. */
export interface RowTarget {
  readonly key: RowKey;
  /** The definition of the newest operation on the row. */
  readonly table: TableDef;
  /** The primary key's values, in key order. */
  readonly primaryKey: readonly MergedColumn[];
  readonly result: MergedRow;
}

/** A losing value (G7). All of it is a function of the operations, so that every site writes the same record. */
export interface Conflict {
  /** 32 hex digits: hash of the rule, the two change set ids and the row key. */
  readonly id: string;
  readonly rule: 'M2' | 'M3' | 'M9';
  readonly status: 'provisional' | 'parked';
  readonly row: RowKey;
  readonly table: TableDef;
  readonly primaryKey: readonly MergedColumn[];
  /** null: the row as it stood before the window. */
  readonly kept: Operation | null;
  readonly lost: Operation;
  readonly keptImage: ReadonlyMap<string, MergedColumn> | null;
  readonly lostImage: ReadonlyMap<string, MergedColumn> | null;
}

/** What adding one change set to the window changes. */
export interface MergeDecision {
  /**
   * Rows whose merged state differs from before, in the change set's order first, but a unique value leaves a row before
   * another takes it (where no order does that, two rows swap). Of a row that stands already only the columns that
   * change, `complete` false; a row to be inserted is complete.
   */
  readonly targets: readonly RowTarget[];
  /** Conflicts of the set; one whose values changed is in both lists: remove first. */
  readonly conflictsAdded: readonly Conflict[];
  readonly conflictsRemoved: readonly Conflict[];
  /** True when a row had to be folded: concurrent operations met. */
  readonly folded: boolean;
}
