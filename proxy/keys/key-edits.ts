import type { FullName } from '../ports';
import type { TextEdit } from '../sql/text-edit';
import { signedOffset, type StatementSigns } from './key-trigger';

/** User variable that carries the first key of a prepared INSERT: a literal would be frozen when it is prepared. */
export const keyVariable = '@duara_nid';

/**
 * User variable that says when an execution took the key of `keyVariable`; NULL: none has. The SET that brings the next one may
 * fail by itself, by KILL QUERY or an hourly limit, and the execution behind it would take the key once more.
 */
const takenVariable = '@duara_taken';
/** The same for the whole of a statement, also where the server prepares it anew in between. */
const moment = 'MICROSECOND(NOW(6))';

/** Sets `keyVariable` for one execution. */
export function keyAssignment(key: bigint): string {
  return `${keyVariable}=${key},${takenVariable}=NULL`;
}

/**
 * Assignments for SET STATEMENT. The increment is pinned with the key: under another one the rows after the first would
 * jump to its series, into another site's range. The server evaluates them one after another; by a key that was taken before
 * the statement fails (1690).
 */
function assignments(key: bigint | typeof keyVariable, offset: number): string {
  if (key !== keyVariable) return `insert_id=${key},auto_increment_increment=1,auto_increment_offset=${offset}`;
  const taken = "9223372036854775807+LENGTH('Duara: the key of this INSERT did not come')";
  return (
    `insert_id=IF(${takenVariable}<>${moment},${taken},${keyVariable}),` +
    `auto_increment_increment=1+0*(${takenVariable}:=${moment}),auto_increment_offset=${offset}`
  );
}

export interface KeyPlace {
  /** Byte offset of the statement's first token. */
  readonly start: number;
  /** Byte offset of the first assignment of its own SET STATEMENT list; null without one. */
  readonly listStart: number | null;
}

/** Of a statement whose table's trigger gives the keys. */
export interface SignedPlace extends KeyPlace, StatementSigns {
  readonly table: FullName;
}

/**
 * The edit that makes the statement take `key` (a number, or `keyVariable`) for its first generated row. 0n: no key; what
 * its table's trigger sets is forgotten behind it.
 */
export function keyEdit(place: KeyPlace | SignedPlace, key: bigint | typeof keyVariable): TextEdit {
  const offset = 'table' in place ? signedOffset(place.table, place) : 1;
  const list = assignments(key, offset);
  // An outer SET STATEMENT around the client's own would be lost: both go into one list.
  if (place.listStart !== null) return { start: place.listStart, end: place.listStart, text: `${list},` };
  return { start: place.start, end: place.start, text: `SET STATEMENT ${list} FOR ` };
}

/** What `keyEdit` has ever written: nobody else writes these three so. */
const keyWritten = /\binsert_id=[^;]+?,auto_increment_increment=1[^;,]*,auto_increment_offset=\d/;

/** Whether an edit of `keyEdit` stands in the text. */
export function isKeyed(text: string): boolean {
  return keyWritten.test(text);
}

const head = Buffer.from('SET STATEMENT insert_id=');
const tail = Buffer.from(' FOR ');
const EIGHT_DIGITS = 100_000_000;

/**
 * As `keyEdit`, for a text that is an INSERT of one row into a table that nothing else is written with: the increment only
 * decides how the server counts on behind the first row (MariaDB 10.11), and each assignment costs it time. Nearly every
 * INSERT gets one: it can be written without a text being made.
 */
export class OneRowEdit implements TextEdit {
  readonly start = 0;
  readonly end = 0;
  private readonly digits: number;

  /** `key`: below 2^53, as all keys are. */
  constructor(private readonly key: bigint) {
    this.digits = digitsOf(Number(key));
  }

  get text(): string {
    return `SET STATEMENT insert_id=${this.key} FOR `;
  }

  get length(): number {
    return head.length + this.digits + tail.length;
  }

  /** Offset behind it. */
  write(into: Buffer, at: number): number {
    const digitsAt = at + head.length;
    const end = digitsAt + this.digits;
    for (let i = 0; i < head.length; i++) into[at + i] = head[i] as number;
    for (let i = 0; i < tail.length; i++) into[end + i] = tail[i] as number;
    const key = Number(this.key);
    const upper = Math.floor(key / EIGHT_DIGITS);
    // Each half fits an integer of the processor's.
    const split = Math.max(digitsAt, end - 8);
    writeDigits(into, split, end, key - upper * EIGHT_DIGITS);
    writeDigits(into, digitsAt, split, upper);
    return end + tail.length;
  }
}

function digitsOf(key: number): number {
  let digits = 1;
  for (let limit = 10; limit <= key; limit *= 10) digits += 1;
  return digits;
}

function writeDigits(into: Buffer, from: number, to: number, value: number): void {
  let rest = value | 0;
  for (let at = to - 1; at >= from; at--) {
    const tenth = (rest / 10) | 0;
    into[at] = 48 + rest - tenth * 10;
    rest = tenth;
  }
}
