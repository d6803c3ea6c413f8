import { isConstantExpression } from '../proxy/cache/cacheability';
import { tablesOfTrigger, tablesOfView, viewCallsStored } from '../proxy/cache/definitions';
import { changesSession } from '../proxy/cache/trigger-session';
import { isKeyTrigger } from '../proxy/keys/key-trigger';
import type { AutoIncrementColumn, FullName, TableInfo } from '../proxy/ports';
import type { SqlRow } from './database-pool';
import type { DefinitionRows } from './definition-questions';
import { mayInsert, readBody } from './inserting-bodies';

/** What the proxy knows of a table by what information_schema says of it; the base columns of a view are asked for elsewhere. */
export function tableInfo(
  { schema, table }: FullName,
  { found, columns, keys, triggers, view }: DefinitionRows,
  { cascades, replicated }: { readonly cascades: readonly FullName[]; readonly replicated: boolean },
): TableInfo {
  const others = triggers.filter(({ name }) => !isKeyTrigger(String(name)));
  const kind = found['kind'] === 'VIEW' || found['kind'] === 'SYSTEM VIEW' ? 'view' : 'base';
  return {
    schema,
    table,
    kind,
    replicated: kind === 'base' && replicated,
    columns: columns.map((column) => String(column['name'])),
    autoIncrement: autoIncrementColumn(columns),
    primaryKey: keys.map((key) => String(key['name'])),
    integerKey: hasIntegerKey(keys, columns),
    reads: kind === 'view' ? tablesOfView(view ?? '') : null,
    callsStored: kind === 'view' && viewCallsStored(view ?? ''),
    alsoWrites: alsoWritten(schema, others, cascades),
    changesSession: others.some(({ body }) => changesSession(String(body ?? ''))) || callsMore(schema, others),
    unordered: kind === 'base' && !ordered.has(String(found['engine']).toLowerCase()),
    foreignRows: kind === 'base' && hasForeignRows(found, columns),
    timesOfDay: columns.some(({ type }) => String(type).toLowerCase() === 'time'),
    hasTriggers: others.length > 0,
    hasBeforeInsertTrigger: others.some(
      ({ timing, event, body }) => timing === 'BEFORE' && event === 'INSERT' && mayInsert(readBody(body)),
    ),
    keyedByTrigger: others.length < triggers.length,
    hasCascades: cascades.length > 0,
  };
}

/** Tables that triggers and cascades write; null: not known. */
function alsoWritten(
  schema: string,
  triggers: readonly SqlRow[],
  cascades: readonly FullName[],
): readonly FullName[] | null {
  const tables: FullName[] = [...cascades];
  for (const trigger of triggers) {
    const written = tablesOfTrigger(String(trigger['body'] ?? ''), schema);
    if (written === null) return null;
    tables.push(...written);
  }
  return tables;
}

/** Procedures and stored functions may do anything. */
function callsMore(schema: string, triggers: readonly SqlRow[]): boolean {
  return alsoWritten(schema, triggers, []) === null;
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

/** Those whose rows become visible in the order of the binary log, which is how writes past the proxy are told of. */
const ordered = new Set(['innodb', 'rocksdb']);

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

/** The one among a table's columns (all, and in order, if its `index` is to be right); null: there is none. */
export function autoIncrementColumn(columns: readonly SqlRow[]): AutoIncrementColumn | null {
  const column = columns.find(({ extra }) => /\bauto_increment\b/i.test(String(extra)));
  const bits = integerBits[String(column?.['type']).toLowerCase()];
  if (column === undefined || bits === undefined) return null;
  const index = columns.filter(({ extra }) => !/\binvisible\b/i.test(String(extra))).indexOf(column);
  return { name: String(column['name']), index, bits, unsigned: /\bunsigned\b/i.test(String(column['fullType'])) };
}
