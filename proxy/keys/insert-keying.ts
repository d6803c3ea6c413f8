import type { AutoIncrementColumn, KeyDemand, TableInfo } from '../ports';
import { type InsertShape, parametersInColumn, type ValueShape, valueAt, valueInRow } from '../sql/insert-shape';
import type { TextEdit } from '../sql/text-edit';
import type { SqlMode } from '../sql/sql-mode';

/** What an INSERT needs for its auto-increment column. */
export type KeyingDecision =
  /** Nothing: no such column, not replicated, or the statement brings all its keys (those that can be read stand here). */
  | { readonly kind: 'none'; readonly explicit: readonly bigint[] }
  /** Keys of this site. `explicit` is empty unless some rows may bring their own. */
  | { readonly kind: 'keys'; readonly demand: KeyDemand }
  /** It cannot be served; the client gets `message`. */
  | { readonly kind: 'refused'; readonly message: string };

/** For one row: whether the server would generate the key. 'unknown': it depends on a value we do not see. */
type RowKey =
  { readonly kind: 'generated' } | { readonly kind: 'explicit'; readonly key: bigint } | { readonly kind: 'unknown' };

const generated: RowKey = { kind: 'generated' };
const nothing: KeyingDecision = { kind: 'none', explicit: [] };

/**
 * Decides what the statement needs. `table` is the one it inserts into.
 * Source of the limits: facts measured on MariaDB 10.11 (see WIRE.md, Auto-increment keys).
 */
export function decideKeying(shape: InsertShape, table: TableInfo, mode: SqlMode): KeyingDecision {
  const column = table.autoIncrement;
  if (!table.replicated || column === null || table.kind !== 'base') return nothing;
  const keys = rowKeys(shape, column, mode);
  if (keys === 'unknown length') return keysUnlessTrigger(table, { kind: 'unknown' });
  const explicit = keys.flatMap((key) => (key.kind === 'explicit' ? [key.key] : []));
  if (explicit.length === keys.length) return { kind: 'none', explicit };
  if (explicit.length > 0) return { kind: 'refused', message: mixedMessage(table, column) };
  const generates = keys.filter((key) => key.kind === 'generated').length;
  if (generates > 0 && generates < keys.length) return { kind: 'refused', message: mixedMessage(table, column) };
  return keysUnlessTrigger(table, { kind: 'rows', count: keys.length });
}

function keysUnlessTrigger(table: TableInfo, demand: KeyDemand): KeyingDecision {
  if (table.hasBeforeInsertTrigger) return { kind: 'refused', message: triggerMessage(table) };
  return { kind: 'keys', demand };
}

function rowKeys(shape: InsertShape, column: AutoIncrementColumn, mode: SqlMode): readonly RowKey[] | 'unknown length' {
  const { source, tokens } = shape;
  const position = shape.columns === null ? column.index : indexOf(shape.columns, column.name);
  switch (source.kind) {
    case 'select':
    case 'load':
      return 'unknown length';
    case 'set': {
      const start = source.values[position];
      return [start === undefined ? generated : rowKey(valueAt(tokens, start), mode)];
    }
    case 'values':
      if (position < 0) return source.rows.map(() => generated);
      return source.rows.map((start) => {
        const value = valueInRow(tokens, start, position);
        return value === null ? generated : rowKey(value, mode);
      });
  }
}

function indexOf(columns: readonly string[], name: string): number {
  const lower = name.toLowerCase();
  return columns.findIndex((column) => column.toLowerCase() === lower);
}

function rowKey(value: ValueShape, mode: SqlMode): RowKey {
  switch (value.kind) {
    case 'null':
    case 'default':
      return generated;
    case 'integer':
      return value.value === 0n && !mode.noAutoValueOnZero ? generated : { kind: 'explicit', key: value.value };
    case 'parameter':
    case 'expression':
      return { kind: 'unknown' };
  }
}

/**
 * Why a prepared INSERT cannot be executed with these parameters: some rows bring a key, and some (NULL) do not. null: it
 * can. `isNull` tells of a parameter by its number, from 0.
 */
export function mixedParameters(
  { source, columns, tokens }: InsertShape,
  table: TableInfo,
  isNull: (parameter: number) => boolean,
): string | null {
  const column = table.autoIncrement;
  if (source.kind !== 'values' || source.rows.length < 2 || column === null) return null;
  const position = columns === null ? column.index : indexOf(columns, column.name);
  if (position < 0) return null;
  const parameters = parametersInColumn(tokens, source.rows, position);
  const nulls = parameters.filter(isNull).length;
  return nulls > 0 && nulls < parameters.length ? mixedMessage(table, column) : null;
}

function mixedMessage(table: TableInfo, column: AutoIncrementColumn): string {
  return (
    `Duara: rows with and without a value for ${table.schema}.${table.table}.${column.name} in one INSERT cannot be given ` +
    'keys of this site; send the rows that bring their own key in a statement of their own'
  );
}

function triggerMessage(table: TableInfo): string {
  return (
    `Duara: ${table.schema}.${table.table} has a BEFORE INSERT trigger, which would take the key meant for the row; ` +
    'supply the key in the statement, or make it an AFTER INSERT trigger'
  );
}

/** User variable that carries the key of a prepared INSERT: a literal would be frozen when it is prepared. */
export const keyVariable = '@duara_nid';

/**
 * Assignments for SET STATEMENT. The increment is pinned with the key: under another one the rows after the first would
 * jump to its series, into another site's range.
 */
function assignments(key: string): string {
  return `insert_id=${key},auto_increment_increment=1,auto_increment_offset=1`;
}

export interface KeyPlace {
  /** Byte offset of the statement's first token. */
  readonly start: number;
  /** Byte offset of the first assignment of its own SET STATEMENT list; null without one. */
  readonly listStart: number | null;
}

/** The edit that makes the statement take `key` (a number, or `keyVariable`) for its first generated row. */
export function keyEdit(place: KeyPlace, key: bigint | typeof keyVariable): TextEdit {
  const list = assignments(String(key));
  // An outer SET STATEMENT around the client's own would be lost: both go into one list.
  if (place.listStart !== null) return { start: place.listStart, end: place.listStart, text: `${list},` };
  return { start: place.start, end: place.start, text: `SET STATEMENT ${list} FOR ` };
}
