import type { ColumnBytes, RowImage, TableDef } from '../change-set';
import type { MergedColumn, Operation } from './operation';

/** What an image carries, by column name. */
export function imageColumns(table: TableDef, image: RowImage): Map<string, MergedColumn> {
  const columns = new Map<string, MergedColumn>();
  for (let i = 0; i < image.length; i++) {
    const value = image[i];
    const def = table.columns[i];
    if (value !== undefined && def !== undefined) columns.set(def.name, { def, value });
  }
  return columns;
}

export function sameBytes(a: ColumnBytes, b: ColumnBytes): boolean {
  if (a === b) return true;
  if (a === null || b === null || a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/** The primary key's values, in key order, from whichever image carries them. */
export function primaryKeyOf({ table, change }: Operation): MergedColumn[] {
  const image = change.kind === 'delete' ? change.before : change.after;
  return table.primaryKey.map((index) => ({ def: table.columns[index]!, value: image[index] ?? null }));
}

export function isPrimaryKeyColumn(table: TableDef, name: string): boolean {
  return table.primaryKey.some((index) => table.columns[index]!.name === name);
}

/** Names of the columns at these places of the table. */
export function columnNames(table: TableDef, indexes: readonly number[]): string[] {
  return indexes.map((index) => table.columns[index]!.name);
}
