import type { ColumnDef } from '../change-set';

/** A table as it stands in this site's own database. */
export interface LocalTable {
  readonly schema: string;
  readonly table: string;
  /** In the database's own order, as its own table map would describe them. */
  readonly columns: readonly ColumnDef[];
  /** Names in key order. */
  readonly primaryKey: readonly string[];
  /** Columns of unique indexes other than the primary key. */
  readonly uniqueColumns: readonly string[];
  /** Name of the AUTO_INCREMENT column. */
  readonly autoIncrement: string | null;
  /** Generated columns. */
  readonly generated?: readonly string[];
  /** Tables (`schema.table` pairs) whose rows a delete or update here may change natively: ON DELETE/UPDATE CASCADE or SET NULL, recursively. */
  readonly cascadesTo: readonly TableName[];
}

export interface TableName {
  readonly schema: string;
  readonly table: string;
}

/** Where the applier looks up tables; null: there is no such table here. */
export type FindLocalTable = (name: TableName) => LocalTable | null;

export function tableKey({ schema, table }: TableName): string {
  return `${schema}\u0000${table}`;
}
