import type { TextEdit } from '../sql/text-edit';
import { OffsetSign } from './key-trigger';

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
  /** Besides, that the server's count cannot be trusted behind a row that brings a key. */
  readonly anyKeyJumps?: boolean;
}

/**
 * The edit that makes the statement take `key` (a number, or `keyVariable`) for its first generated row. 0n: no key; what
 * its table's trigger sets is forgotten behind it.
 */
export function keyEdit(place: KeyPlace, key: bigint | typeof keyVariable): TextEdit {
  const { nested = false, anyKeyJumps = false } = place;
  const offset = 1 + (nested ? OffsetSign.nested : 0) + (anyKeyJumps ? OffsetSign.anyKeyJumps : 0);
  const list = assignments(String(key), offset);
  // An outer SET STATEMENT around the client's own would be lost: both go into one list.
  if (place.listStart !== null) return { start: place.listStart, end: place.listStart, text: `${list},` };
  return { start: place.start, end: place.start, text: `SET STATEMENT ${list} FOR ` };
}

/**
 * As `keyEdit`, for a text that is an INSERT of one row into a table that nothing else is written with: the increment only
 * decides how the server counts on behind the first row (MariaDB 10.11), and each assignment costs it time.
 */
export function oneRowEdit(key: bigint): TextEdit {
  return { start: 0, end: 0, text: `SET STATEMENT insert_id=${key} FOR ` };
}
