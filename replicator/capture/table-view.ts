import type { ColumnBytes, ColumnDef, RowImage, TableDef } from '../change-set';
import { columnGroup } from '../merge/column-group';
import type { Alarm, ReplicationRules } from '../ports';
import { CaptureError } from './capture-error';
import type { TableSchema } from './table-schema';

export interface KeyPart {
  /** Index into the view's columns. */
  readonly column: number;
  readonly prefix: number | null;
}

/** A table as it travels: without its local columns. */
export interface TableView {
  readonly def: TableDef;
  readonly primaryKey: readonly KeyPart[];
  readonly uniques: readonly { readonly index: string; readonly parts: readonly KeyPart[] }[];
  /** False: no key and no unique index holds text, whose equality would have to be asked for. */
  readonly textKeys: boolean;
  readonly autoIncrement: ColumnDef | null;
  readonly autoIncrementIndex: number;
  /** Columns that win or lose together, by index. */
  readonly groups: readonly (readonly number[])[];
  /** The image without local columns. Throws CaptureError when a column is missing. */
  project(image: readonly (ColumnBytes | undefined)[]): RowImage;
}

/** MariaDB's hidden column for a unique index over a TEXT or BLOB: in the log, but in no schema. Each server makes its own. */
const HASH_OF_LONG_UNIQUE = /^DB_ROW_HASH_\d+$/;

export function tableView(logged: TableDef, schema: TableSchema | null, rules: ReplicationRules): TableView {
  const { schema: schemaName, table } = logged;
  if (logged.columns.some((column) => column.name === '')) {
    throw new CaptureError(
      'DUARA_LOG_METADATA_MISSING',
      `${schemaName}.${table} was logged without column names: SET GLOBAL binlog_row_metadata=FULL, and put it in my.cnf`,
    );
  }
  const key = new Set(logged.primaryKey);
  // A primary key always travels: without it no site could tell the row.
  const kept = logged.columns
    .map((_column, index) => index)
    .filter((index) => !HASH_OF_LONG_UNIQUE.test(nameAt(logged, index)))
    .filter((index) => key.has(index) || !rules.isLocalColumn(schemaName, table, nameAt(logged, index)));
  const computed = new Set((schema?.computed ?? []).map((name) => name.toLowerCase()));
  const columns = kept
    .map((index) => logged.columns[index] as ColumnDef)
    .map((column): ColumnDef => (computed.has(column.name.toLowerCase()) ? { ...column, computed: true } : column));
  const indexOf = new Map(columns.map((column, index) => [column.name.toLowerCase(), index]));
  const def: TableDef = {
    schema: schemaName,
    table,
    columns,
    primaryKey: logged.primaryKey.map((index) => indexOf.get(nameAt(logged, index).toLowerCase()) as number),
  };
  const autoIncrementIndex = indexOf.get((schema?.autoIncrement ?? '').toLowerCase()) ?? -1;
  const primaryKey = def.primaryKey.map((column) => ({ column, prefix: primaryPrefix(def, schema, column) }));
  const uniques = uniqueIndexes(schema, indexOf);
  const keyed = [primaryKey, ...uniques.map(({ parts }) => parts)].flat();
  return {
    def,
    primaryKey,
    uniques,
    textKeys: keyed.some(({ column }) => (columns[column]?.collation ?? null) !== null),
    autoIncrement: columns[autoIncrementIndex] ?? null,
    autoIncrementIndex,
    groups: columnGroups(def, rules, indexOf),
    project: (image) => {
      if (kept.length === image.length && !image.includes(undefined)) return image;
      return kept.map((index) => present(logged, index, image[index]));
    },
  };
}

interface KnownView {
  readonly schema: TableSchema | null;
  readonly view: TableView;
  /** Why the table's changes cannot travel, or null. */
  readonly alarm: Alarm | null;
}

/** Views of tables, made once for each table map and what is known of its indexes. */
export class TableViews {
  private readonly known = new WeakMap<TableDef, KnownView>();

  constructor(private readonly rules: ReplicationRules) {}

  of(logged: TableDef, schema: TableSchema | null): KnownView {
    const known = this.known.get(logged);
    if (known !== undefined && known.schema === schema) return known;
    const view = tableView(logged, schema, this.rules);
    const made = { schema, view, alarm: whyNot(view, schema) };
    this.known.set(logged, made);
    return made;
  }
}

/** Why a table's changes cannot travel, or null. */
function whyNot({ def, primaryKey }: TableView, known: TableSchema | null): Alarm | null {
  const { schema, table } = def;
  if (primaryKey.length === 0) return noPrimaryKey(schema, table);
  if (known?.transactional !== false) return null;
  // What is applied to such a table is logged apart from `duara.applied`: it would be taken for a local change, and echoed.
  return {
    code: 'DUARA_TABLE_NOT_TRANSACTIONAL',
    message:
      `${schema}.${table} is kept by an engine without transactions: its changes do not travel. ` +
      `ALTER TABLE ${schema}.${table} ENGINE=InnoDB, or declare it local`,
  };
}

function noPrimaryKey(schema: string, table: string): Alarm {
  return {
    code: 'DUARA_TABLE_WITHOUT_KEY',
    message: `${schema}.${table} has no primary key: its changes do not travel. Give it one, or declare it local`,
  };
}

function present(table: TableDef, index: number, value: ColumnBytes | undefined): ColumnBytes {
  if (value !== undefined) return value;
  throw new CaptureError(
    'DUARA_LOG_IMAGE_NOT_FULL',
    `${table.schema}.${table.table} was logged without its column ${nameAt(table, index)}: ` +
      `SET GLOBAL binlog_row_image=FULL, put it in my.cnf, and find the session that sets another; then name this GTID in ` +
      'replicate.skipGtids, start Duara again, and make the change at the other sites by hand',
  );
}

function nameAt(table: TableDef, index: number): string {
  return table.columns[index]?.name ?? '';
}

function primaryPrefix(def: TableDef, schema: TableSchema | null, column: number): number | null {
  const name = nameAt(def, column).toLowerCase();
  return schema?.primaryKey.find((part) => part.column.toLowerCase() === name)?.prefix ?? null;
}

/** Indexes over a local column, or over one that the log's table does not have, hold no value that travels. */
function uniqueIndexes(schema: TableSchema | null, indexOf: ReadonlyMap<string, number>): TableView['uniques'] {
  const found = (schema?.uniques ?? []).map(({ name, parts }) => ({
    index: name,
    parts: parts.map((part) => ({ column: indexOf.get(part.column.toLowerCase()) ?? -1, prefix: part.prefix })),
  }));
  return found.filter(({ parts }) => parts.every((part) => part.column >= 0));
}

function columnGroups(def: TableDef, rules: ReplicationRules, indexOf: ReadonlyMap<string, number>): number[][] {
  const groups = new Map<string, number[]>();
  for (const { name } of def.columns) {
    const names = columnGroup(rules, def, name);
    if (names.length < 2) continue;
    const indexes = names.map((member) => indexOf.get(member.toLowerCase()) ?? -1).filter((index) => index >= 0);
    groups.set(indexes.join(), indexes);
  }
  return [...groups.values()];
}
