import type { ColumnBytes, ColumnDef, TableDef } from '../change-set';
import type { MergedColumn, RowTarget } from '../merge/operation';
import type { LocalTable } from './local-table';

type Image = readonly (ColumnBytes | undefined)[];

/** One row written as a row event: images in this database's column order, undefined where a column is not carried. */
export interface RowWrite {
  readonly change: 'insert' | 'update' | 'delete';
  readonly table: LocalTable;
  /** The table map's columns: in this database's order, with the origin's types for those it knows. */
  readonly columns: readonly ColumnDef[];
  readonly before: Image | null;
  readonly after: Image | null;
  /**
   * Deletes and updates run with foreign key checks, so that InnoDB repeats the cascades that the log does not hold;
   * inserts run without, since the parent may have lost a merge.
   */
  readonly foreignKeyChecks: boolean;
}

/** Why a row cannot be brought to its merged state here, as `duara.waiting_rows` names it. */
export type WaitingReason =
  'no table' | 'no column' | 'other primary key' | 'no row' | 'generated column' | `error ${number}`;

export type RowPlan =
  /** `waiting`: part of the row has no place here; what has one is written. */
  | { readonly kind: 'write'; readonly write: RowWrite; readonly waiting: WaitingReason | null }
  | { readonly kind: 'nothing' }
  | { readonly kind: 'waiting'; readonly reason: WaitingReason }
  /** The row is not there and the target holds only some columns: ask the window for all of it. */
  | { readonly kind: 'incomplete' };

/**
 * What to write so that a row becomes its target. `exists`: whether the row stands in the database now. Columns are
 * mapped by name; columns that only this database has keep their value, or get their default.
 */
export function planRow(target: RowTarget, table: LocalTable | null, exists: boolean): RowPlan {
  if (table === null) return { kind: 'waiting', reason: 'no table' };
  if (!samePrimaryKey(target, table)) return { kind: 'waiting', reason: 'other primary key' };
  const { result } = target;
  if (result.kind === 'absent') {
    if (!exists) return { kind: 'nothing' };
    return { kind: 'write', write: writeOf('delete', table, target, keyColumns(target), null), waiting: null };
  }
  // The server takes what a row event carries and computes nothing: without a value its index would be corrupted.
  const known = columnsByName(target.table);
  if (table.generated?.some((name) => !known.has(name)) === true)
    return { kind: 'waiting', reason: 'generated column' };
  if (!exists && !result.complete) return { kind: 'incomplete' };
  const here = new Set(table.columns.map((column) => column.name));
  const waiting = [...result.columns.keys()].some((name) => !here.has(name)) ? 'no column' : null;
  if (!exists) {
    const all = new Map([...keyColumns(target), ...result.columns]);
    return { kind: 'write', write: writeOf('insert', table, target, null, all), waiting };
  }
  if (![...result.columns.keys()].some((name) => here.has(name))) {
    return waiting === null ? { kind: 'nothing' } : { kind: 'waiting', reason: waiting };
  }
  return { kind: 'write', write: writeOf('update', table, target, keyColumns(target), result.columns), waiting };
}

/** The same write with foreign key checks as given. */
export function withForeignKeyChecks(write: RowWrite, foreignKeyChecks: boolean): RowWrite {
  return { ...write, foreignKeyChecks };
}

function keyColumns(target: RowTarget): Map<string, MergedColumn> {
  return new Map(target.primaryKey.map((column) => [column.def.name, column]));
}

function samePrimaryKey(target: RowTarget, table: LocalTable): boolean {
  return (
    table.primaryKey.length === target.primaryKey.length &&
    table.primaryKey.every((name, i) => target.primaryKey[i]?.def.name === name)
  );
}

function writeOf(
  change: RowWrite['change'],
  table: LocalTable,
  target: RowTarget,
  before: ReadonlyMap<string, MergedColumn> | null,
  after: ReadonlyMap<string, MergedColumn> | null,
): RowWrite {
  const origin = columnsByName(target.table);
  const imageOf = (values: ReadonlyMap<string, MergedColumn> | null): Image | null =>
    values === null ? null : table.columns.map((column) => values.get(column.name)?.value);
  return {
    change,
    table,
    columns: table.columns.map(
      (own) => after?.get(own.name)?.def ?? before?.get(own.name)?.def ?? origin.get(own.name) ?? own,
    ),
    before: imageOf(before),
    after: imageOf(after),
    foreignKeyChecks: change !== 'insert',
  };
}

const columnsOf = new WeakMap<TableDef, ReadonlyMap<string, ColumnDef>>();

function columnsByName(table: TableDef): ReadonlyMap<string, ColumnDef> {
  let columns = columnsOf.get(table);
  if (columns === undefined) {
    columns = new Map(table.columns.map((column) => [column.name, column]));
    columnsOf.set(table, columns);
  }
  return columns;
}
