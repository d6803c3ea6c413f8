import { localColumn } from '../apply/local-column';
import { type FindLocalTable, type LocalTable, type TableName, tableKey } from '../apply/local-table';
import type { DatabaseConnection, SqlRow } from './database-connection';

const COLUMNS_SQL = `SELECT COLUMN_NAME AS name, DATA_TYPE AS dataType, COLUMN_TYPE AS columnType, IS_NULLABLE AS nullable,
  CHARACTER_OCTET_LENGTH AS octets, NUMERIC_PRECISION AS prec, NUMERIC_SCALE AS scale, DATETIME_PRECISION AS fraction,
  EXTRA AS extra
  FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ? ORDER BY ORDINAL_POSITION`;

const UNIQUE_SQL = `SELECT INDEX_NAME AS indexName, COLUMN_NAME AS name FROM information_schema.STATISTICS
  WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ? AND NON_UNIQUE = 0 ORDER BY SEQ_IN_INDEX`;

const CASCADES_SQL = `SELECT UNIQUE_CONSTRAINT_SCHEMA AS parentSchema, REFERENCED_TABLE_NAME AS parentTable,
  CONSTRAINT_SCHEMA AS childSchema, TABLE_NAME AS childTable FROM information_schema.REFERENTIAL_CONSTRAINTS
  WHERE DELETE_RULE IN ('CASCADE', 'SET NULL', 'SET DEFAULT') OR UPDATE_RULE IN ('CASCADE', 'SET NULL', 'SET DEFAULT')`;

/** The tables of this site's database as they stand now, remembered until `forget`. */
export class TableCatalog {
  private tables = new Map<string, LocalTable | null>();
  private forgotten = 0;
  /** Parent's key → children whose rows follow its own. */
  private cascades: ReadonlyMap<string, readonly TableName[]> | null = null;

  /** After DDL: everything is asked again. */
  forget(): void {
    this.tables = new Map();
    this.cascades = null;
    this.forgotten++;
  }

  /** Rises with every `forget`: what was planned with tables of an older generation may not fit. */
  get generation(): number {
    return this.forgotten;
  }

  /** Asks the database for those of the tables that are not known yet; what it returns knows these, whatever is forgotten meanwhile. */
  async load(connection: DatabaseConnection, names: Iterable<TableName>): Promise<FindLocalTable> {
    const { tables } = this;
    for (const name of names) {
      const key = tableKey(name);
      if (tables.has(key)) continue;
      this.cascades ??= await loadCascades(connection);
      tables.set(key, await loadTable(connection, name, this.cascades));
    }
    return (name) => tables.get(tableKey(name)) ?? null;
  }
}

async function loadTable(
  connection: DatabaseConnection,
  name: TableName,
  cascades: ReadonlyMap<string, readonly TableName[]>,
): Promise<LocalTable | null> {
  const columns = await connection.rows(COLUMNS_SQL, [name.schema, name.table]);
  if (columns.length === 0) return null;
  const unique = await connection.rows(UNIQUE_SQL, [name.schema, name.table]);
  const isPrimary = (row: SqlRow): boolean => text(row, 'indexName') === 'PRIMARY';
  return {
    ...name,
    columns: columns.map((row) =>
      localColumn({
        name: text(row, 'name'),
        dataType: text(row, 'dataType').toLowerCase(),
        columnType: text(row, 'columnType').toLowerCase(),
        nullable: text(row, 'nullable') === 'YES',
        octetLength: Number(row['octets'] ?? 0),
        precision: Number(row['prec'] ?? 0),
        scale: Number(row['scale'] ?? 0),
        fraction: Number(row['fraction'] ?? 0),
      }),
    ),
    primaryKey: unique.filter(isPrimary).map((row) => text(row, 'name')),
    uniqueColumns: unique.filter((row) => !isPrimary(row)).map((row) => text(row, 'name')),
    autoIncrement:
      columns.map((row) => (/auto_increment/i.test(text(row, 'extra')) ? text(row, 'name') : null)).find(isName) ??
      null,
    generated: columns.filter((row) => /\bGENERATED\b/i.test(text(row, 'extra'))).map((row) => text(row, 'name')),
    cascadesTo: closure(name, cascades),
  };
}

function isName(name: string | null): name is string {
  return name !== null;
}

function text(row: SqlRow, column: string): string {
  return String(row[column]);
}

async function loadCascades(connection: DatabaseConnection): Promise<ReadonlyMap<string, readonly TableName[]>> {
  const cascades = new Map<string, TableName[]>();
  for (const row of await connection.rows(CASCADES_SQL)) {
    const parent = tableKey({ schema: text(row, 'parentSchema'), table: text(row, 'parentTable') });
    const child = { schema: text(row, 'childSchema'), table: text(row, 'childTable') };
    const children = cascades.get(parent);
    if (children === undefined) cascades.set(parent, [child]);
    else children.push(child);
  }
  return cascades;
}

function closure(from: TableName, cascades: ReadonlyMap<string, readonly TableName[]>): readonly TableName[] {
  const reached = new Map<string, TableName>();
  const open = [from];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    for (const child of cascades.get(tableKey(next)) ?? []) {
      if (reached.has(tableKey(child))) continue;
      reached.set(tableKey(child), child);
      open.push(child);
    }
  }
  return [...reached.values()];
}
