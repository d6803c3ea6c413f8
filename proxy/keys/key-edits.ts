import type { TextEdit } from '../sql/text-edit';
import { NESTED_OFFSET } from './key-trigger';
import { givenKeys, type RowKey } from './row-keys';

/** User variable that carries the first key of a prepared INSERT: a literal would be frozen when it is prepared. */
export const keyVariable = '@duara_nid';

/** User variable with the key of one row of a prepared INSERT; NULL: the server generates it, from the run. */
export function rowVariable(row: number): string {
  return `@duara_k${row}`;
}

/**
 * Assignments for SET STATEMENT. The increment is pinned with the key: under another one the rows after the first would
 * jump to its series, into another site's range.
 */
function assignments(key: string, offset = 1): string {
  return `insert_id=${key},auto_increment_increment=1,auto_increment_offset=${offset}`;
}

export interface KeyPlace {
  /** Byte offset of the statement's first token. */
  readonly start: number;
  /** Byte offset of the first assignment of its own SET STATEMENT list; null without one. */
  readonly listStart: number | null;
  /** Its table's trigger gives the keys, and must know that other inserts may run between its rows. */
  readonly nested?: boolean;
}

/**
 * The edit that makes the statement take `key` (a number, or `keyVariable`) for its first generated row. 0n: no key; what
 * its table's trigger sets is forgotten behind it.
 */
export function keyEdit(place: KeyPlace, key: bigint | typeof keyVariable): TextEdit {
  const list = assignments(String(key), place.nested === true ? NESTED_OFFSET : 1);
  // An outer SET STATEMENT around the client's own would be lost: both go into one list.
  if (place.listStart !== null) return { start: place.listStart, end: place.listStart, text: `${list},` };
  return { start: place.start, end: place.start, text: `SET STATEMENT ${list} FOR ` };
}

/** Edits that give later rows their keys, where the server would not go on from `first`. */
export function rowEdits(rows: readonly RowKey[], first: bigint): TextEdit[] {
  let unseen = false;
  return givenKeys(rows, first).flatMap(({ row, key }): TextEdit[] => {
    const given = rows[row];
    // Rows before it that cannot be seen may all have had keys: then this one is the first generated.
    const mayBeFirst = !unseen && !rows.slice(0, row).some(({ kind }) => kind === 'generated');
    unseen ||= mayBeFirst;
    const value = mayBeFirst ? `LAST_INSERT_ID(${key})` : String(key);
    if (given?.kind === 'generated' && given.literal !== null) {
      return [{ start: given.literal.start, end: given.literal.end, text: value }];
    }
    if (given?.kind !== 'unknown' || given.expression === null) return [];
    const { start, end } = given.expression;
    return [
      { start, end: start, text: 'IFNULL(' },
      { start: end, end, text: `,${value})` },
    ];
  });
}

/** True when a prepared INSERT takes the keys of its rows from `rowVariable`, where the server would not go on by itself. */
export function usesRowVariables(rows: readonly RowKey[]): boolean {
  return rows.length > 1 && rows.some(({ kind }) => kind === 'parameter');
}

/** Edits that let a prepared INSERT take the keys of its rows from variables. */
export function rowVariableEdits(rows: readonly RowKey[]): TextEdit[] {
  if (!usesRowVariables(rows)) return [];
  return rows.flatMap((row, at): TextEdit[] => {
    if (row.kind === 'generated' && row.literal !== null) {
      return [{ start: row.literal.start, end: row.literal.end, text: rowVariable(at) }];
    }
    if (row.kind === 'unknown' && row.expression !== null) {
      const { start, end } = row.expression;
      return [
        { start, end: start, text: 'IFNULL(' },
        { start: end, end, text: `,${rowVariable(at)})` },
      ];
    }
    if (row.kind !== 'parameter') return [];
    return [
      { start: row.token.start, end: row.token.end, text: `IF(${rowVariable(at)} IS NULL,?,${rowVariable(at)})` },
    ];
  });
}
