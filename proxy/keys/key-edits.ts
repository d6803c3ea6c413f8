import type { TextEdit } from '../sql/text-edit';
import { NESTED_OFFSET } from './key-trigger';

/** User variable that carries the first key of a prepared INSERT: a literal would be frozen when it is prepared. */
export const keyVariable = '@duara_nid';

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
