import type { DatabaseConnection } from './database-connection';

const CASCADES_SQL = `SELECT DISTINCT UNIQUE_CONSTRAINT_SCHEMA AS schemaName, REFERENCED_TABLE_NAME AS tableName
  FROM information_schema.REFERENTIAL_CONSTRAINTS
  WHERE (DELETE_RULE NOT IN ('RESTRICT', 'NO ACTION') OR UPDATE_RULE NOT IN ('RESTRICT', 'NO ACTION'))`;

/** Reads no more than the heads of definitions. */
const UNORDERED_SQL = `SELECT TABLE_SCHEMA AS schemaName, TABLE_NAME AS tableName FROM information_schema.TABLES
  WHERE ENGINE NOT IN ('InnoDB', 'ROCKSDB') AND TABLE_SCHEMA NOT IN ('information_schema', 'performance_schema')`;

/** What the log does not say of tables and what it means for those who read them, of all tables at once. */
export class TableKinds {
  /** null: not asked since the last `forget`. */
  private known: { readonly cascading: ReadonlySet<string>; readonly unordered: ReadonlySet<string> } | null = null;

  /** There was DDL. */
  forget(): void {
    this.known = null;
  }

  get loaded(): boolean {
    return this.known !== null;
  }

  async load(connection: DatabaseConnection): Promise<void> {
    if (this.known !== null) return;
    const [cascading, unordered] = [await named(connection, CASCADES_SQL), await named(connection, UNORDERED_SQL)];
    this.known = { cascading, unordered };
  }

  /** A foreign key cascades from the table: rows of others change without a trace in the log. */
  cascades(schema: string, table: string): boolean {
    return this.known?.cascading.has(`${schema}\0${table}`) !== false;
  }

  /**
   * Rows become visible, and their locks are let go, in the order of the log. Not those of MyISAM and the like: what was
   * inserted concurrently is seen at the statement's end only, and no locking read waits for it.
   */
  isOrdered(schema: string, table: string): boolean {
    return this.known?.unordered.has(`${schema}\0${table}`) === false;
  }
}

async function named(connection: DatabaseConnection, sql: string): Promise<ReadonlySet<string>> {
  const rows = await connection.rows(sql);
  return new Set(rows.map((row) => `${String(row['schemaName'])}\0${String(row['tableName'])}`));
}
