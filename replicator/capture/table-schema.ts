/** What capture needs to know of a table beyond the log's table map; read from the server's schema. */
export interface TableSchema {
  readonly primaryKey: readonly IndexPart[];
  /** Unique indexes other than the primary key. */
  readonly uniques: readonly UniqueIndex[];
  readonly autoIncrement: string | null;
  /** Generated columns, and those they are computed from. */
  readonly computed?: readonly string[];
  /** False: changes of the table cannot be rolled back, nor be one with others. */
  readonly transactional?: boolean;
}

export interface UniqueIndex {
  readonly name: string;
  readonly parts: readonly IndexPart[];
}

export interface IndexPart {
  readonly column: string;
  /** Only the first so many characters (bytes of a binary column) are indexed; null: all. */
  readonly prefix: number | null;
}

export interface CollationInfo {
  readonly name: string;
  readonly charset: string;
}

export type SchemaOf = (schema: string, table: string) => TableSchema | null;
export type CollationOf = (id: number) => CollationInfo | undefined;
