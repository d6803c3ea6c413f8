import type { SchemaOf, TableSchema } from '../capture/table-schema';
import type { DatabaseConnection, SqlRow } from './database-connection';

const INDEXES_SQL = `SELECT INDEX_NAME AS name, COLUMN_NAME AS col, SUB_PART AS prefix
  FROM information_schema.STATISTICS WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ? AND NON_UNIQUE = 0
  ORDER BY INDEX_NAME, SEQ_IN_INDEX`;

const AUTO_INCREMENT_SQL = `SELECT COLUMN_NAME AS col FROM information_schema.COLUMNS
  WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ? AND EXTRA LIKE '%auto_increment%'`;

const GENERATED_SQL = `SELECT COLUMN_NAME AS col, GENERATION_EXPRESSION AS expression FROM information_schema.COLUMNS
  WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ? AND GENERATION_EXPRESSION IS NOT NULL AND GENERATION_EXPRESSION <> ''`;

const ENGINE_SQL = `SELECT e.TRANSACTIONS AS transactions FROM information_schema.TABLES t
  JOIN information_schema.ENGINES e ON e.ENGINE = t.ENGINE WHERE t.TABLE_SCHEMA = ? AND t.TABLE_NAME = ?`;

/**
 * Unique indexes and keys of this site's tables as they stand now, remembered until `forget`. While capture is behind a
 * schema change, rows from before it are keyed by the indexes after it.
 */
export class SchemaReader {
  /** By schema, by table: it is asked for each row event, and names that are put together must be hashed anew. */
  private tables = new Map<string, Map<string, TableSchema>>();

  /** Only what `load` brought since the last `forget`; null for a table that is not there any more. */
  readonly find: SchemaOf = (schema, table) => this.tables.get(schema)?.get(table) ?? null;

  /** After DDL: every table is asked again. */
  forget(): void {
    this.tables = new Map();
  }

  async load(connection: DatabaseConnection, schema: string, table: string): Promise<void> {
    const known = this.tables;
    if (known.get(schema)?.has(table) === true) return;
    const indexes = await connection.rows(INDEXES_SQL, [schema, table]);
    const [auto] = await connection.rows(AUTO_INCREMENT_SQL, [schema, table]);
    const generated = await connection.rows(GENERATED_SQL, [schema, table]);
    const [engine] = await connection.rows(ENGINE_SQL, [schema, table]);
    const tables = known.get(schema) ?? new Map<string, TableSchema>();
    known.set(schema, tables);
    tables.set(table, {
      ...groupIndexes(indexes),
      computed: generated.flatMap((row) => [String(row['col']), ...columnsNamed(String(row['expression']))]),
      transactional: String(engine?.['transactions'] ?? 'YES') === 'YES',
      autoIncrement: auto === undefined ? null : String(auto['col']),
    });
  }
}

/** The names that a generated column's expression quotes; the server quotes every column's. Others than columns do no harm. */
function columnsNamed(expression: string): string[] {
  return [...expression.matchAll(/`((?:[^`]|``)+)`/g)].map(([, name = '']) => name.replaceAll('``', '`'));
}

function groupIndexes(rows: readonly SqlRow[]): Pick<TableSchema, 'primaryKey' | 'uniques'> {
  const byName = new Map<string, { column: string; prefix: number | null }[]>();
  for (const row of rows) {
    const name = String(row['name']);
    // An index over an expression has no column name: what it holds cannot be told from the row image.
    const part = { column: String(row['col'] ?? ''), prefix: row['prefix'] === null ? null : Number(row['prefix']) };
    const parts = byName.get(name);
    if (parts === undefined) byName.set(name, [part]);
    else parts.push(part);
  }
  const primaryKey = byName.get('PRIMARY') ?? [];
  byName.delete('PRIMARY');
  return { primaryKey, uniques: [...byName].map(([name, parts]) => ({ name, parts })) };
}
