import type { KeyDemand, TableInfo } from '../ports';
import { calledFunctions } from '../sql/builtin-functions';
import type { InsertShape } from '../sql/insert-shape';
import type { SqlMode } from '../sql/sql-mode';
import type { TextEdit } from '../sql/text-edit';
import { keyUpdate } from './key-updates';
import { loadGuard } from './load-guard';
import { type RowKey, rowKeys } from './row-keys';
import { type ValueKeys, valueKeys } from './value-keys';

/** What an INSERT needs for its auto-increment column. */
export type KeyingDecision =
  /** Nothing: no such column, not replicated, or the statement brings all its keys (those that can be read stand here). */
  | { readonly kind: 'none'; readonly explicit: readonly bigint[] }
  /** The table's own trigger gives the keys; `updateEdits`, `anyKeyJumps`, `mayLeaveOut`: as below. */
  | {
      readonly kind: 'trigger';
      readonly mayLeaveOut: boolean;
      /** It has one row; a bulk execution may make many of it. */
      readonly single: boolean;
      readonly explicit: readonly bigint[];
      readonly updateEdits: readonly TextEdit[];
      readonly anyKeyJumps: boolean;
    }
  /** Keys of this site. `rows` is empty when they cannot be seen. */
  | {
      readonly kind: 'keys';
      readonly demand: KeyDemand;
      readonly explicit: readonly bigint[];
      readonly rows: readonly RowKey[];
      /** Once they are made, the statement no longer does what `demand.updates` says. */
      readonly updateEdits: readonly TextEdit[];
      /** The server's count cannot be trusted any more behind a row that brings a key, once they are made. */
      readonly anyKeyJumps: boolean;
      /** It may leave rows out, or update others. */
      readonly mayLeaveOut: boolean;
      /** Edits that keep the statement within `count` keys, where it can be told to. */
      /** See valueKeys. */
      readonly byValue: ValueKeys | null;
      readonly guard: (first: bigint, count: bigint) => readonly TextEdit[];
    }
  /** It cannot be served; the client gets `message`. */
  | { readonly kind: 'refused'; readonly message: string };

const unguarded = (): readonly TextEdit[] => [];
const nothing: KeyingDecision = { kind: 'none', explicit: [] };

/**
 * Decides what the statement needs. `table` is the one it inserts into; `text` what its tokens were cut from; `calls`: it may
 * call stored functions.
 * Source of the limits: measured on MariaDB 10.11 (see WIRE.md, Auto-increment keys).
 */
export function decideKeying(
  shape: InsertShape,
  table: TableInfo,
  text: string,
  mode: SqlMode,
  calls: boolean,
): KeyingDecision {
  const column = table.autoIncrement;
  if (!table.replicated || column === null || table.kind !== 'base') return nothing;
  const rows = rowKeys(shape, column, text, mode);
  const explicit = rows?.flatMap((row) => (row.kind === 'explicit' ? [row.key] : [])) ?? [];
  if (rows !== null && explicit.length === rows.length) return { kind: 'none', explicit };
  const update = keyUpdate(shape, table, text);
  const single = rows?.length === 1;
  // The reply to a file comes behind an exchange with the client, and tells no key.
  const tellsKey = shape.source.kind !== 'load' && (shape.ignore || shape.onDuplicateKey);
  // A reply is held back whole: not rows without end.
  const mayLeaveOut = tellsKey && !(shape.source.kind === 'select' && shape.returning);
  if (table.keyedByTrigger === true) {
    // A trigger can give keys to all rows of a bulk execution too.
    const told = update.kind === 'told';
    return {
      kind: 'trigger',
      explicit,
      updateEdits: told ? update.edits : [],
      anyKeyJumps: told,
      mayLeaveOut: mayLeaveOut && !looksBehind(shape),
      single,
    };
  }
  if (table.hasBeforeInsertTrigger) return { kind: 'refused', message: triggerMessage(table) };
  const count = rows === null ? null : rows.length - explicit.length;
  const updates = update.kind !== 'none';
  // Where rows bring keys, a clause that does not assign the key column may set the server's count back to a key it has given
  // (MariaDB 10.11): behind a row that was updated but not changed, and one with a key of its own that was.
  const generatesAll = rows === null || rows.every(({ kind }) => kind === 'generated');
  const byValue = calls ? valueKeys(shape, column, rows) : null;
  const nested = calls && byValue === null;
  return {
    kind: 'keys',
    demand: count === null ? { kind: 'unknown', updates, nested } : { kind: 'rows', count, updates, nested },
    explicit,
    rows: rows ?? [],
    // A parameter's row may stand for many, of a bulk execution; one that is computed could not be given its key there.
    updateEdits:
      update.kind === 'told' && (generatesAll || rows.length > 1 || rows[0]?.kind === 'parameter') ? update.edits : [],
    byValue,
    guard: column.bits < 64 ? loadGuard(shape, table, mode) : unguarded,
    anyKeyJumps: update.kind === 'told' && !generatesAll,
    mayLeaveOut,
  };
}

/** It looks at what the statement before it did, before which nothing can be sent then: see ToldKeys. */
function looksBehind({ tokens }: InsertShape): boolean {
  return calledFunctions(tokens, 0).some((name) => name === 'ROW_COUNT' || name === 'FOUND_ROWS');
}

function triggerMessage(table: TableInfo): string {
  return (
    `Duara: ${table.schema}.${table.table} has a BEFORE INSERT trigger that inserts elsewhere, which would take the key ` +
    "meant for the row, and Duara's own trigger that prevents it is not there (see the site's alarms); supply the key in " +
    'the statement, or make it an AFTER INSERT trigger'
  );
}
