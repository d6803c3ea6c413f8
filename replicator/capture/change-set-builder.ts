import type { ColumnDef, RowChange, TableDef } from '../change-set';
import type { Alarm, ReplicationRules } from '../ports';
import { integerBits, readInteger } from './column-content';
import { type ViewedRow, netChanges, sameKey, sameParts } from './net-changes';
import { type KeySource, weightRequests } from './row-keys';
import type { CollationOf, SchemaOf } from './table-schema';
import { type TableView, TableViews } from './table-view';
import type { WeightRequest } from './text-weight';
import type { LoggedTransaction, TableRows } from './transaction-assembler';

/**
 * A transaction with its tables looked up: the first of two steps. Between them the server is asked for the weights of the
 * texts in keys (`weightsNeeded`), so that this stays free of waiting.
 */
export interface ViewedTransaction {
  readonly rows: readonly ViewedRow[];
  /** False: weightsNeeded has nothing to say. */
  readonly textKeys: boolean;
  readonly alarms: readonly Alarm[];
}

/** A key that an AUTO_INCREMENT column got in this transaction. */
export interface GeneratedKey {
  readonly schema: string;
  readonly table: string;
  readonly bits: 8 | 16 | 24 | 32 | 64;
  readonly key: bigint;
}

export interface NetTransaction {
  readonly tables: readonly TableDef[];
  readonly rows: readonly RowChange[];
  readonly generatedKeys: readonly GeneratedKey[];
}

/** Takes what replicates out of a local transaction. Throws CaptureError when the log lacks what that needs. */
export function viewTransaction(
  transaction: Pick<LoggedTransaction, 'rows'>,
  rules: ReplicationRules,
  schemaOf: SchemaOf,
  made: TableViews = new TableViews(rules),
): ViewedTransaction {
  let rows: ViewedRow[] = [];
  const alarms: Alarm[] = [];
  let textKeys = false;
  for (const event of transaction.rows) {
    const { schema, table } = event.table;
    if (!replicates(event, rules)) continue;
    const { view, alarm } = made.of(event.table, schemaOf(schema, table));
    if (alarm !== null) {
      if (!alarms.includes(alarm)) alarms.push(alarm);
      continue;
    }
    textKeys ||= view.textKeys;
    for (const { before, after } of event.rows) {
      const row = { view, before: before && view.project(before), after: after && view.project(after) };
      // Most transactions have one row: a list that is made with it takes a fifth of one that it is pushed to.
      if (rows.length === 0) rows = [row];
      else rows.push(row);
    }
  }
  return { rows, textKeys, alarms };
}

export function replicates({ table: { schema, table } }: TableRows, rules: ReplicationRules): boolean {
  return schema !== 'duara' && rules.schemas.includes(schema) && !rules.isLocalTable(schema, table);
}

/** The texts whose weights `buildTransaction` will want; an update's keys that kept their bytes are not among them. */
export function* weightsNeeded({ rows }: ViewedTransaction, collationOf: CollationOf): Generator<WeightRequest> {
  for (const { view, before, after } of rows) {
    if (!view.textKeys) continue;
    const keyKept = after !== null && sameKey(view, before, after);
    for (const image of [before, after]) {
      if (image === null || (keyKept && image === after)) continue;
      yield* weightRequests(view, view.primaryKey, image, collationOf);
    }
    for (const { parts } of view.uniques) {
      if (keyKept && before !== null && after !== null && sameParts(parts, before, after)) continue;
      for (const image of [before, after]) if (image !== null) yield* weightRequests(view, parts, image, collationOf);
    }
  }
}

/** The net changes, or null when nothing that replicates changed. */
export function buildTransaction(viewed: ViewedTransaction, source: KeySource): NetTransaction | null {
  let tables: TableDef[] = [];
  // Few tables, and most rows are of the first.
  const tableIndex = ({ def }: TableView): number => {
    const known = tables.findIndex((one) => one === def || (one.schema === def.schema && one.table === def.table));
    if (known >= 0) return known;
    if (tables.length > 0) return tables.push(def) - 1;
    tables = [def];
    return 0;
  };
  const rows = netChanges(viewed.rows, source, tableIndex);
  if (rows.length === 0) return null;
  return { tables: sharedTables(tables), rows, generatedKeys: generatedKeys(viewed.rows) };
}

/** By the one table of most transactions: their change sets stay in memory for long, and share the list. */
const listOfTable = new WeakMap<TableDef, readonly TableDef[]>();

function sharedTables(tables: readonly TableDef[]): readonly TableDef[] {
  const [first] = tables;
  if (first === undefined || tables.length > 1) return tables;
  let list = listOfTable.get(first);
  if (list === undefined) listOfTable.set(first, (list = tables));
  return list;
}

function generatedKeys(rows: readonly ViewedRow[]): GeneratedKey[] {
  let keys: GeneratedKey[] = [];
  for (const { view, before, after } of rows) {
    const column: ColumnDef | null = view.autoIncrement;
    const bytes = after?.[view.autoIncrementIndex];
    if (before !== null || column === null || bytes === null || bytes === undefined) continue;
    const bits = integerBits(column);
    if (bits === null) continue;
    const key = { schema: view.def.schema, table: view.def.table, bits, key: readInteger(column, bytes) };
    if (keys.length === 0) keys = [key];
    else keys.push(key);
  }
  return keys;
}
