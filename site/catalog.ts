import { isConstantExpression } from '../proxy/cache/cacheability';
import { tablesOfTrigger, tablesOfView } from '../proxy/cache/definitions';
import type { AutoIncrementColumn, Catalog, FullName, TableInfo } from '../proxy/ports';
import { isKeyTrigger } from '../proxy/keys/key-trigger';
import type { SqlRow } from './database-pool';
import { mayInsert, readBody } from './inserting-bodies';
import { baseColumns } from './view-columns';

export interface CatalogOptions {
  readonly query: (sql: string, values: readonly unknown[]) => Promise<readonly SqlRow[]>;
  /** Whether a table's rows travel. */
  readonly isReplicated: (schema: string, table: string) => boolean;
  /** Where several threads have a catalog each: what one is told to forget, all forget. */
  readonly shared?: SharedGeneration;
}

/** A count that all threads see; TableVersions has one. */
export interface SharedGeneration {
  definitionsGeneration(): number;
  /** Returns the new count. */
  definitionsChanged(): number;
}

/** The backend's tables as information_schema tells them, each read once until it is forgotten. */
export class InformationSchemaCatalog implements Catalog {
  private readonly tables = new Map<string, TableInfo | null>();
  private readonly loading = new Map<string, Promise<void>>();
  /** Rises with every `forget`: what was read before it is not kept. */
  private generation = 0;
  /** The shared count under which `tables` were read. */
  private sharedSeen: number;
  private lowerCase: boolean | null = null;

  constructor(private readonly options: CatalogOptions) {
    this.sharedSeen = options.shared?.definitionsGeneration() ?? 0;
  }

  find(schema: string, table: string): TableInfo | null | undefined {
    this.followOthers();
    return this.tables.get(this.key(schema, table));
  }

  load(schema: string, table: string): Promise<void> {
    this.followOthers();
    const key = this.key(schema, table);
    const running = this.loading.get(key);
    if (running !== undefined) return running;
    const started = this.read(schema, table).finally(() => {
      if (this.loading.get(key) === started) this.loading.delete(key);
    });
    this.loading.set(key, started);
    return started;
  }

  replicates(schema: string, table: string): boolean {
    return this.options.isReplicated(schema, table);
  }

  forget(schema?: string, table?: string): void {
    this.followOthers();
    const now = this.options.shared?.definitionsChanged() ?? 0;
    // The others forget everything: it is rare, and a count is all that they see.
    if (this.options.shared !== undefined && now === ((this.sharedSeen + 1) | 0)) this.sharedSeen = now;
    this.drop(schema, table);
  }

  /** Forgets what another thread was told to forget. */
  private followOthers(): void {
    const now = this.options.shared?.definitionsGeneration() ?? 0;
    if (now === this.sharedSeen) return;
    this.sharedSeen = now;
    this.drop();
  }

  private drop(schema?: string, table?: string): void {
    this.generation += 1;
    // A read that is under way may have seen what was before: whoever asks next starts a new one.
    this.loading.clear();
    if (schema === undefined || table === undefined) this.tables.clear();
    else this.tables.delete(this.key(schema, table));
  }

  private async read(schema: string, table: string): Promise<void> {
    const generation = this.generation;
    if (this.lowerCase === null) {
      const [row] = await this.options.query('SELECT @@lower_case_table_names AS mode', []);
      this.lowerCase = Number(row?.['mode'] ?? 0) !== 0;
    }
    const info = await readTable(this.options, schema, table);
    this.followOthers();
    if (generation === this.generation) this.tables.set(this.key(schema, table), info);
  }

  private key(schema: string, table: string): string {
    const key = `${schema}\0${table}`;
    return this.lowerCase === true ? key.toLowerCase() : key;
  }
}

async function readTable(
  { query, isReplicated }: CatalogOptions,
  schema: string,
  table: string,
): Promise<TableInfo | null> {
  const [tables, columns, keys, triggers, cascades, views] = await Promise.all([
    query(tableSql, [schema, table]),
    query(columnsSql, [schema, table]),
    query(primaryKeySql, [schema, table]),
    query(triggersSql, [schema, table]),
    query(cascadesSql, [schema, table]),
    query(viewSql, [schema, table]),
  ]);
  const [found] = tables;
  if (found === undefined) return null;
  const others = triggers.filter(({ name }) => !isKeyTrigger(String(name)));
  const kind = found['kind'] === 'VIEW' || found['kind'] === 'SYSTEM VIEW' ? 'view' : 'base';
  const names = columns.map((column) => String(column['name']));
  return {
    schema,
    table,
    kind,
    replicated: kind === 'base' && isReplicated(schema, table),
    columns: names,
    autoIncrement: autoIncrementColumn(columns),
    primaryKey: keys.map((key) => String(key['name'])),
    integerKey: hasIntegerKey(keys, columns),
    reads: kind === 'view' ? tablesOfView(String(views[0]?.['definition'] ?? '')) : null,
    alsoWrites: alsoWritten(schema, others, cascades),
    foreignRows: kind === 'base' && hasForeignRows(found, columns),
    timesOfDay: columns.some(({ type }) => String(type).toLowerCase() === 'time'),
    hasTriggers: others.length > 0,
    hasBeforeInsertTrigger: others.some(
      ({ timing, event, body }) => timing === 'BEFORE' && event === 'INSERT' && mayInsert(readBody(body)),
    ),
    keyedByTrigger: others.length < triggers.length,
    hasCascades: cascades.length > 0,
    ...(kind === 'view' ? { viewColumns: await baseColumns(query, { schema, table }, names) } : {}),
  };
}

const tableSql =
  'SELECT table_type AS kind, engine AS engine FROM information_schema.tables WHERE table_schema = ? AND table_name = ?';
const columnsSql =
  'SELECT column_name AS name, data_type AS type, column_type AS fullType, extra AS extra, ' +
  'generation_expression AS expression ' +
  'FROM information_schema.columns WHERE table_schema = ? AND table_name = ? ORDER BY ordinal_position';
const primaryKeySql =
  'SELECT column_name AS name FROM information_schema.statistics ' +
  "WHERE table_schema = ? AND table_name = ? AND index_name = 'PRIMARY' ORDER BY seq_in_index";
const triggersSql =
  'SELECT trigger_name AS name, action_timing AS timing, event_manipulation AS event, action_statement AS body ' +
  'FROM information_schema.triggers ' +
  'WHERE event_object_schema = ? AND event_object_table = ?';
/** Tables with foreign keys by which a write to this table writes to them. */
const cascadesSql =
  'SELECT constraint_schema AS childSchema, table_name AS childTable FROM information_schema.referential_constraints ' +
  'WHERE unique_constraint_schema = ? AND referenced_table_name = ? ' +
  "AND (delete_rule IN ('CASCADE', 'SET NULL', 'SET DEFAULT') OR update_rule IN ('CASCADE', 'SET NULL', 'SET DEFAULT'))";
const viewSql =
  'SELECT view_definition AS definition FROM information_schema.views WHERE table_schema = ? AND table_name = ?';

/** Tables that triggers and cascades write; null: not known. */
function alsoWritten(
  schema: string,
  triggers: readonly SqlRow[],
  cascades: readonly SqlRow[],
): readonly FullName[] | null {
  const tables: FullName[] = cascades.map((row) => ({
    schema: String(row['childSchema']),
    table: String(row['childTable']),
  }));
  for (const trigger of triggers) {
    const written = tablesOfTrigger(String(trigger['body'] ?? ''), schema);
    if (written === null) return null;
    tables.push(...written);
  }
  return tables;
}

function hasIntegerKey(keys: readonly SqlRow[], columns: readonly SqlRow[]): boolean {
  const plain = new Set(
    columns
      .filter((column) => integerBits[String(column['type']).toLowerCase()] !== undefined && !column['expression'])
      .map((column) => String(column['name'])),
  );
  return keys.length > 0 && keys.every((key) => plain.has(String(key['name'])));
}

/** Engines whose tables hold their own rows, which change by statements only. */
const ownRows = new Set(['innodb', 'myisam', 'aria', 'memory', 'rocksdb', 'archive', 'csv', 'tokudb']);

function hasForeignRows(found: SqlRow, columns: readonly SqlRow[]): boolean {
  if (!['BASE TABLE', 'SYSTEM VERSIONED'].includes(String(found['kind']))) return true;
  if (!ownRows.has(String(found['engine']).toLowerCase())) return true;
  // A virtual column may be computed from the time or the session when it is read.
  return columns.some((column) => column['expression'] && !isConstantExpression(String(column['expression'])));
}

const integerBits: Readonly<Record<string, AutoIncrementColumn['bits']>> = {
  tinyint: 8,
  smallint: 16,
  mediumint: 24,
  int: 32,
  bigint: 64,
};

function autoIncrementColumn(columns: readonly SqlRow[]): AutoIncrementColumn | null {
  const column = columns.find(({ extra }) => /\bauto_increment\b/i.test(String(extra)));
  const bits = integerBits[String(column?.['type']).toLowerCase()];
  if (column === undefined || bits === undefined) return null;
  const index = columns.filter(({ extra }) => !/\binvisible\b/i.test(String(extra))).indexOf(column);
  return { name: String(column['name']), index, bits, unsigned: /\bunsigned\b/i.test(String(column['fullType'])) };
}
