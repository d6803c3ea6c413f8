import { quoteName } from '../sql/names';
import { createHash } from 'node:crypto';
import { ISSUED_KEYS } from './key-ranges';

/**
 * The trigger that gives a table its keys when its rows do not come from statements of clients alone: other triggers,
 * routines and events insert into it, or a BEFORE INSERT trigger of its own inserts elsewhere. It draws from a sequence, so
 * it needs no process of ours, and rows applied from other sites (BINLOG) do not fire it. MariaDB only.
 *
 * Keys of a BIGINT column: place `p` of the sequence is the key of second `p >> 8` with n from 768 on, which the proxy
 * never issues. The site moves sequences ahead (KeyTriggers): what a sequence gave it never gives again, whatever the clock.
 * A narrow column has two sequences, each over one leased block; the one that is used up gets the next block.
 */

/** Places of one second that belong to triggers. */
const TRIGGER_PLACES = 256n;

/** So many keys at least follow one another in one statement, if no other takes keys meanwhile. */
const STATEMENT_PLACES = 48n;

/** Of the list of keys that were given as values: some hundreds. */
const GIVEN_CHARS_MAX = 8192;

export interface TriggerTable {
  readonly schema: string;
  readonly table: string;
  readonly column: string;
  readonly bits: number;
}

export interface KeyTrigger {
  readonly name: string;
  /** In schema `duara`. */
  readonly sequences: readonly string[];
  readonly body: string;
}

/** What the proxy says to the trigger of the table that a statement inserts into. */
export interface StatementSigns {
  /** It calls stored functions: inserts may run between its rows. */
  readonly nested?: boolean;
  /** The server's count cannot be trusted any more behind a row that brings a key, however small. */
  readonly anyKeyJumps?: boolean;
}

const NESTED = 1;
const ANY_KEY_JUMPS = 2;
/** Marks of tables in the 16 bits of auto_increment_offset, which is not 0, above the two signs. */
const MARKS = 16_383;

const PREFIX = 'duara_keys_';
/** Which table's trigger was the last to set insert_id, in this session. */
const setLast = '@duara_w';

export function isKeyTrigger(name: string): boolean {
  return name.startsWith(PREFIX);
}

/**
 * The auto_increment_offset of a statement that inserts into the table: 1, and what holds of it. The server does not look at it
 * when the key is given. It says which table it speaks of: what triggers and functions insert on the way goes elsewhere.
 */
export function signedOffset(table: Pick<TriggerTable, 'schema' | 'table'>, signs: StatementSigns): number {
  const { nested = false, anyKeyJumps = false } = signs;
  if (!nested && !anyKeyJumps) return 1;
  return 1 + signOf(idOf(table), (nested ? NESTED : 0) | (anyKeyJumps ? ANY_KEY_JUMPS : 0));
}

function signOf(id: string, signs: number): number {
  return ((parseInt(id.slice(0, 8), 16) % MARKS) << 2) | signs;
}

/** The place that a sequence has to reach so that keys lie in second `t` or after it. */
export function placeOfSecond(t: number): bigint {
  return BigInt(t) * TRIGGER_PLACES;
}

function idOf({ schema, table }: Pick<TriggerTable, 'schema' | 'table'>): string {
  return createHash('sha256')
    .update(JSON.stringify([schema, table]))
    .digest('hex')
    .slice(0, 16);
}

/**
 * User variables in which the trigger leaves what it gave last: `last`, the last key that it let the server make; `given`, the
 * first of these in the same statement and all that it gave as values, by commas.
 */
export function givenVariables(table: Pick<TriggerTable, 'schema' | 'table'>): {
  readonly last: string;
  readonly given: string;
} {
  const id = idOf(table);
  return { last: `@duara_f_${id}`, given: `@duara_g_${id}` };
}

/** Same table, same text: a trigger that differs is replaced. `nested`: see `giveKey`. */
export function keyTrigger(table: TriggerTable, scope: number, nested: boolean): KeyTrigger {
  const id = idOf(table);
  const column = `NEW.${quoteName(table.column)}`;
  const sequences = table.bits === 64 ? [`keys_${id}`] : [`keys_${id}_a`, `keys_${id}_b`];
  const from = sequences.map((name) => `NEXTVAL(\`duara\`.\`${name}\`)`);
  const declare =
    table.bits === 64
      ? 'DECLARE k BIGINT UNSIGNED;'
      : 'DECLARE k BIGINT UNSIGNED; DECLARE CONTINUE HANDLER FOR 4084 SET k = NULL;';
  const draw = table.bits === 64 ? drawPlace(from[0] ?? '', scope, sameStatement(id, nested)) : drawLeased(from, table);
  const body = [
    'BEGIN',
    `  ${declare}`,
    `  IF ${column} IS NULL OR ${column} = 0 THEN`,
    ...draw.map((line) => `    ${line}`),
    ...giveKey(column, id, nested).map((line) => `    ${line}`),
    // A client's key above ours makes the server count on from there: the rest of the statement gets its keys one by one.
    `  ELSEIF @duara_s_${id} = NOW(6) AND (${column} > @duara_l_${id} OR ${signed(id, ANY_KEY_JUMPS)}) THEN SET @duara_x_${id} = NOW(6);`,
    '  END IF;',
    'END',
  ].join('\n');
  return { name: PREFIX + id, sequences, body };
}

/**
 * Keys of a statement that do not follow one another cost the client its LAST_INSERT_ID() where the first rows are left out
 * (`giveKey`): a statement does not begin in the last places of a second.
 */
function drawPlace(next: string, scope: number, same: string): string[] {
  return [
    `SET k = ${next};`,
    `IF NOT (${same}) IS TRUE THEN WHILE (k & 255) > ${TRIGGER_PLACES - STATEMENT_PLACES} DO SET k = ${next}; END WHILE; END IF;`,
    `SET k = (k >> 8 << 22) | ${(scope << 10) | ISSUED_KEYS} | (k & 255);`,
  ];
}

/** True for a row that is not the first of its statement; see `giveKey`. */
function sameStatement(id: string, nested: boolean): string {
  const mayBeWiped = signed(id, NESTED);
  return nested
    ? `@duara_s_${id} = NOW(6)`
    : `@duara_s_${id} = NOW(6) AND (@@insert_id = @duara_f_${id} AND ${setLast} = '${id}' OR ${mayBeWiped})`;
}

/** The statement that runs says so of this table. */
function signed(id: string, sign: number): string {
  const mask = 0xffff ^ (sign === NESTED ? ANY_KEY_JUMPS : NESTED);
  return `(@@auto_increment_offset - 1 & ${mask}) = ${signOf(id, sign)}`;
}

function drawLeased(next: readonly string[], { schema, table, bits }: TriggerTable): string[] {
  const message = `Duara: the keys leased for the ${bits}-bit column of ${schema}.${table} are used up`;
  const signal = `SIGNAL SQLSTATE 'HY000' SET MYSQL_ERRNO = 1467, MESSAGE_TEXT = ${text(message)};`;
  return [...next.map((from) => `IF k IS NULL THEN SET k = ${from}; END IF;`), `IF k IS NULL THEN ${signal} END IF;`];
}

/**
 * Gives the row its key as if the server had made it: `insert_id` makes LAST_INSERT_ID() and the OK packet right, and the
 * server counts on by itself, through keys the sequence gave to this statement, as long as those follow one another.
 * Where they do not, the row gets its key as a value of its own, and so do all behind it: a duplicate among them would set
 * the server's count back to where it stood before.
 *
 * Where the server would count on in other steps than one, it is not left to (the increment of a routine or an event is the
 * session's own).
 *
 * Whether a row belongs to the same statement as the one before: its NOW(6) is the same, and insert_id is still what was
 * set for it, by this trigger: another table's sequence may have come to the same key. An INSERT that runs between two rows
 * of this statement wipes insert_id: where that may happen (`nested`, or StatementSigns.nested), NOW(6) must do, and the first
 * row of a statement that is run for each row of another may not count as first.
 */
function giveKey(column: string, id: string, nested: boolean): string[] {
  const [first, last, since, jumped, given] = ['f', 'l', 's', 'x', 'g'].map((letter) => `@duara_${letter}_${id}`);
  const same = sameStatement(id, nested);
  return [
    `IF ${same} AND (${jumped} <=> NOW(6) OR NOT (k <=> ${last} + 1) OR @@auto_increment_increment <> 1) THEN`,
    // Told only where some were left out (see givenVariables): a list that grew for ever would cost more than it tells.
    `  SET ${column} = k, ${jumped} = NOW(6), ${given} = IF(LENGTH(${given}) < ${GIVEN_CHARS_MAX}, CONCAT(${given}, ',', k), ${given});`,
    `ELSE IF NOT (${same}) IS TRUE THEN SET ${given} = k; END IF; SET insert_id = k, ${first} = k, ${setLast} = '${id}'; END IF;`,
    `SET ${last} = k, ${since} = NOW(6);`,
  ];
}

/** At most 128 characters, without what a quote or a backslash would do. */
function text(value: string): string {
  return `'${value.replace(/['\\]/g, '').slice(0, 128)}'`;
}
