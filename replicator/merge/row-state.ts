import type { RowKey, UniqueKey } from '../change-set';
import type { RowHistory } from './fold-rules';
import { columnNames, imageColumns } from './image';
import type { MergedColumn, Operation } from './operation';

/** A column while the fold runs. */
export interface Cell {
  column: MergedColumn;
  /** The operation that wrote it last; null: it stands as before the window. */
  writer: Operation | null;
  /** `max` and `min`: the writes that no later operation had seen. */
  contributions: readonly Contribution[];
}

export interface Contribution {
  readonly operation: Operation | null;
  readonly column: MergedColumn;
}

/** What a row holds in one unique index while the fold runs. */
export interface HeldUnique {
  key: UniqueKey | null;
  columns: readonly string[];
  /** Whose claim it was; null: held before the window. */
  claimedBy: Operation | null;
}

/** A column group's values as an operation saw and left them (M1). */
export interface GroupWrite {
  readonly operation: Operation;
  readonly values: ReadonlyMap<string, MergedColumn>;
}

/** Why a row is not there although operations on it follow. */
export type Absence =
  | { readonly kind: 'never' }
  | { readonly kind: 'deleted'; readonly by: Operation }
  | { readonly kind: 'parked'; readonly holder: Operation | null };

/** One row while the fold runs; it starts as the row stood before the window. */
export interface RowState {
  readonly key: RowKey;
  readonly history: RowHistory;
  /** Values before the window, of the columns known. */
  readonly base: ReadonlyMap<string, MergedColumn>;
  present: boolean;
  absence: Absence;
  /** True when `cells` are all columns of the row: an insert of the window stands in it. */
  complete: boolean;
  /** Every column that the window's operations touch. */
  cells: Map<string, Cell>;
  uniques: Map<string, HeldUnique>;
  readonly groupWrites: Map<string, GroupWrite[]>;
}

/**
 * The row before the window. It stood there unless its first operation is an insert: that one has no causes among the
 * others, since the order extends causality. Likewise a column's first before image is its value before the window.
 */
export function rowBefore(key: RowKey, history: RowHistory): RowState {
  const present = history.operations[0]!.change.kind !== 'insert';
  const cells = new Map<string, Cell>();
  const uniques = new Map<string, HeldUnique>();
  if (present) {
    for (const { table, change } of history.operations) {
      for (const [name, column] of imageColumns(table, change.before)) {
        if (!cells.has(name)) cells.set(name, { column, writer: null, contributions: [{ operation: null, column }] });
      }
      // An insert's values are never the base's; its indexes are new to a row whose delete listed them all.
      if (change.kind === 'insert') continue;
      for (const unique of change.uniques) {
        if (uniques.has(unique.index)) continue;
        const columns = columnNames(table, unique.columns);
        uniques.set(unique.index, { key: unique.before, columns, claimedBy: null });
      }
    }
  }
  const base = new Map([...cells].map(([name, cell]) => [name, cell.column]));
  const absence: Absence = { kind: 'never' };
  return { key, history, base, present, absence, complete: false, cells, uniques, groupWrites: new Map() };
}
