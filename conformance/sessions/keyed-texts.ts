import type { Chance } from '../fuzz/chance';
import type { Text } from './session-texts';

/** Of tables whose keys the site gives, where they are replicated, and the server where they are not. */

const word = (c: Chance): string => c.of(["'a'", "'b'", "'ß'", 'NULL', `'${c.below(30)}'`]);
const number = (c: Chance): string => c.of(['NULL', `${c.below(9)}`, `${c.below(300)}`]);
const noKey = (c: Chance): string => c.of(['NULL', 'NULL', '0', 'DEFAULT']);
/** Small, as they were before the site gave any. */
const key = (c: Chance): string => (c.oneIn(2) ? noKey(c) : String(1 + c.below(40)));
const ignore = (c: Chance): string => c.of(['', '', '', ' IGNORE']);

export const keyedReads: readonly Text[] = [
  () => 'SELECT id, w FROM keyed ORDER BY id',
  () => 'SELECT COUNT(*), MAX(id) FROM keyed',
  () => 'SELECT id, n FROM counted ORDER BY n, id',
  () => 'SELECT w FROM keyed WHERE id = LAST_INSERT_ID()',
  () => 'SELECT k.w, c.n FROM keyed k LEFT JOIN counted c USING (id) ORDER BY k.id',
  () => 'SELECT id, w FROM shown ORDER BY id',
  () => 'SELECT * FROM key_log ORDER BY at',
  () => 'SELECT id, n FROM kept ORDER BY id',
  () => 'SELECT w FROM keyed WHERE id IS NULL',
];

export const keyedWrites: readonly Text[] = [
  (c) => `INSERT INTO keyed (w) VALUES (${word(c)})`,
  (c) => `INSERT INTO keyed (w) VALUES (${word(c)}), (${word(c)})`,
  (c) => `INSERT INTO keyed VALUES (${noKey(c)}, ${word(c)})`,
  (c) => `INSERT INTO keyed (w, id) VALUES (${word(c)}, ${key(c)}), (${word(c)}, ${key(c)}), (${word(c)}, ${noKey(c)})`,
  (c) => `INSERT INTO keyed SET w = ${word(c)}`,
  (c) => `INSERT INTO keyed VALUE (${key(c)}, ${word(c)})`,
  () => 'INSERT INTO keyed () VALUES ()',
  (c) => `INSERT INTO keyed (w) VALUES (${word(c)}) RETURNING id, w`,
  (c) => `INSERT INTO keyed (w) SELECT w FROM words WHERE id < ${c.below(6)} ORDER BY id`,
  (c) => `INSERT INTO keyed (w) SELECT ${word(c)} FROM DUAL WHERE ${c.below(2)}`,
  () => 'INSERT INTO keyed (w) VALUES (LAST_INSERT_ID())',
  (c) => `INSERT INTO shown (w) VALUES (${word(c)})`,
  (c) => `REPLACE INTO keyed VALUES (${key(c)}, ${word(c)})`,
  (c) => `INSERT INTO counted (n) VALUES (${number(c)})`,
  (c) => `INSERT${ignore(c)} INTO counted (n) VALUES (${number(c)}), (${number(c)})`,
  (c) => `INSERT${ignore(c)} INTO counted VALUES (${noKey(c)}, ${number(c)})`,
  (c) => `INSERT INTO counted (n) VALUES (${number(c)}) ON DUPLICATE KEY UPDATE n = n + 400`,
  (c) => `INSERT INTO counted (n) VALUES (${c.below(9)}) ON DUPLICATE KEY UPDATE id = LAST_INSERT_ID(id)`,
  (c) => `REPLACE INTO counted (n) VALUES (${c.below(9)})`,
  (c) => `INSERT${ignore(c)} INTO counted (n) SELECT n FROM words WHERE id < ${c.below(6)} ORDER BY id`,
  (c) => `INSERT INTO kept (n) VALUES (${number(c)}), (${number(c)})`,
  (c) => `INSERT HIGH_PRIORITY INTO kept VALUES (${number(c)}, ${noKey(c)})`,
  (c) => `INSERT INTO kept (id, n) VALUES (${key(c)}, ${number(c)})`,
  (c) => `SET STATEMENT sql_mode = 'NO_AUTO_VALUE_ON_ZERO' FOR INSERT INTO keyed VALUES (${key(c)}, ${word(c)})`,
  (c) => `INSERT INTO keyed (w) VALUES (${c.of(["'x', 1", 'nothing', "REPEAT('ndefu', 9)", 'id', 'w'])})`,
  (c) => `INSERT INTO keyed (w) SELECT w FROM keyed ORDER BY id LIMIT ${1 + c.below(3)}`,
  (c) =>
    `INSERT INTO keyed (w) VALUES (${word(c)}); INSERT INTO counted (n) VALUES (${number(c)}); SELECT LAST_INSERT_ID()`,
  () => 'UPDATE keyed SET w = CONCAT(w, 1) WHERE id = LAST_INSERT_ID()',
  (c) => `UPDATE keyed SET w = ${word(c)} ORDER BY id DESC LIMIT 1`,
  (c) => `UPDATE keyed SET id = ${1 + c.below(40)} WHERE id = ${1 + c.below(40)}`,
  (c) => `DELETE FROM keyed ORDER BY id DESC LIMIT ${1 + c.below(2)}`,
  (c) => `DELETE FROM counted WHERE n = ${c.below(9)}`,
  () => 'SET @k = LAST_INSERT_ID()',
  () => 'SELECT @k, LAST_INSERT_ID()',
  (c) => `SELECT LAST_INSERT_ID(${c.below(40)})`,
  () => 'INSERT INTO key_log (id) VALUES (LAST_INSERT_ID())',
];

/** With `?` in place of values; numbers of parameters. */
export const keyedStatements: readonly (readonly [string, number])[] = [
  ['INSERT INTO keyed (w) VALUES (?)', 1],
  ['INSERT INTO keyed (w) VALUES (?), (?)', 2],
  ['INSERT INTO keyed (id, w) VALUES (?, ?)', 2],
  ['INSERT INTO keyed (w) VALUES (?) RETURNING id', 1],
  ['INSERT IGNORE INTO counted (n) VALUES (?)', 1],
  ['INSERT INTO counted (n) VALUES (?) ON DUPLICATE KEY UPDATE id = LAST_INSERT_ID(id)', 1],
  ['REPLACE INTO counted (n) VALUES (?)', 1],
  ['INSERT INTO keyed (w) SELECT w FROM words WHERE id < ? ORDER BY id', 1],
  ['INSERT INTO kept VALUES (?, DEFAULT)', 1],
  ['SELECT LAST_INSERT_ID()', 0],
  ['SELECT w FROM keyed WHERE id = LAST_INSERT_ID()', 0],
];
