import type { Chance } from '../fuzz/chance';

/** Single statements that sessions say, each from the same few tables, so that they concern each other. */

export type Text = (chance: Chance) => string;

const id = (chance: Chance): number => 1 + chance.below(7);
const value = (chance: Chance): string =>
  chance.of(['NULL', '0', '7', '-1', `${chance.below(300)}`, `${chance.below(9)}`]);
const word = (chance: Chance): string =>
  chance.of(["'nane'", "'ß'", "''", 'NULL', "'tatu é'", "'kumi na mbili, na zaidi'"]);

/** SELECTs that a cache likes; the same ones come again and again in one sequence. */
export const plainReads: readonly Text[] = [
  () => 'SELECT id, n FROM words ORDER BY id',
  () => 'SELECT * FROM words',
  (c) => `SELECT n FROM words WHERE id = ${id(c)}`,
  (c) => `SELECT w, n FROM words WHERE id = ${id(c)}`,
  (c) => `SELECT n FROM app.words WHERE id IN (${id(c)}, ${id(c)}) ORDER BY 1`,
  (c) => `SELECT w FROM words WHERE w LIKE '${c.of(['t', 'm', '%é', 'M'])}%' ORDER BY id`,
  () => 'SELECT n / 3 AS x, n FROM words ORDER BY id',
  () => 'SELECT GROUP_CONCAT(w ORDER BY id) AS all_words FROM words',
  () => "SELECT DATE_FORMAT(day, '%W %M %e') AS d, UNIX_TIMESTAMP(day) AS u, price FROM other ORDER BY id",
  () => 'SELECT COUNT(*), SUM(n), AVG(n), MAX(w) FROM words',
];

/** All SELECTs. */
export const reads: readonly Text[] = [
  ...plainReads,
  () => 'SELECT SQL_CALC_FOUND_ROWS id FROM words ORDER BY id LIMIT 2',
  () => 'SELECT SQL_NO_CACHE id FROM words WHERE n > 1 ORDER BY id',
  () => 'SELECT id FROM words ORDER BY id LIMIT 1 OFFSET 1',
  () => 'SELECT n FROM words WHERE id = 99',
  () => 'SELECT o.n, w.w FROM other o JOIN words w USING (id) ORDER BY o.id',
  () => 'SELECT o.id, (SELECT MAX(n) FROM words w WHERE w.id <= o.id) AS m FROM other o ORDER BY 1',
  () => 'SELECT id FROM words WHERE n IN (SELECT n FROM plain) ORDER BY id',
  () => 'SELECT id, n FROM evens ORDER BY id',
  () => 'SELECT n, c FROM sums ORDER BY n',
  () => 'SELECT id, b, c FROM made ORDER BY id',
  () => 'SELECT id, n FROM versioned ORDER BY id',
  () => 'SELECT id, n FROM versioned FOR SYSTEM_TIME ALL ORDER BY id, n',
  () => "SELECT id FROM versioned FOR SYSTEM_TIME AS OF TIMESTAMP '2001-01-01 00:00:00'",
  () => 'SELECT id, n FROM plain ORDER BY id',
  () => 'SELECT * FROM log ORDER BY 1, 2',
  () => 'SELECT id, p FROM child ORDER BY id',
  () => 'SELECT id, n FROM traced ORDER BY id',
  () => 'SELECT n FROM counted ORDER BY id',
  () => 'SELECT n FROM counted WHERE id IS NULL',
  () => 'WITH c AS (SELECT id, n FROM words WHERE n > 1) SELECT * FROM c ORDER BY id',
  () =>
    'WITH RECURSIVE c AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM c WHERE i < 4) SELECT c.i, w.n FROM c LEFT JOIN words w ON w.id = c.i ORDER BY 1',
  () =>
    'SELECT id, ROW_NUMBER() OVER (ORDER BY id DESC, n) AS r, LAG(n) OVER (ORDER BY id, n) AS l FROM words ORDER BY id, n',
  () => 'SELECT id FROM words UNION SELECT id FROM other ORDER BY 1',
  () => '(SELECT id FROM words ORDER BY id LIMIT 1) UNION ALL (SELECT n FROM other ORDER BY n DESC LIMIT 1)',
  () => 'TABLE words',
  () => 'VALUES (1, 2), (3, 4)',
  () => 'SELECT id, w + 0 AS x FROM words ORDER BY id',
  () => 'SELECT CAST(w AS INT) AS x, 1 / (n - 1) AS y FROM words ORDER BY id',
  () => 'SELECT n FROM words WHERE w = 1 ORDER BY id',
  () => 'SELECT "id" FROM words WHERE id = 1',
  () => "SELECT 'a' || n AS x FROM words ORDER BY id",
  () => 'SELECT twice(n) AS t FROM words ORDER BY id',
  () => 'SELECT how_many() AS h FROM other WHERE id = 1',
  () => 'SELECT n, YEAR(NOW()) < 2000 AS past FROM other WHERE id = 1',
  () => 'SELECT w, @remembered FROM words WHERE id = 1',
  () => 'SELECT @@sql_mode, @@time_zone, @@sql_select_limit, n FROM words WHERE id = 1',
  () => 'SELECT DATABASE(), w FROM words WHERE id = 1',
  () => 'SELECT CHARSET(w), COLLATION(w), HEX(w), LENGTH(w) FROM words WHERE id = 3',
  () => "SELECT 'tatu é' = w AS same, COLLATION('x') AS c FROM words WHERE id = 3",
  () => 'SELECT n FROM words WHERE id = 1 FOR UPDATE',
  () => 'SELECT n FROM words WHERE id = 2 LOCK IN SHARE MODE',
  () => 'SELECT n FROM second.words ORDER BY id',
  () => 'SELECT 1',
  () => 'SELECT NULL AS x FROM DUAL WHERE FALSE',
  () => '/* a comment */ SELECT /*! id, */ n FROM words WHERE id = 1 -- more',
  () => 'SELECT n FROM words WHERE id = 1;',
  () => ' \n SELECT n FROM words WHERE id = 2',
  () => 'SELECT * FROM words PROCEDURE ANALYSE()',
  () => 'SELECT MAX(n) AS m FROM words HAVING m > 1',
  () => 'SELECT CRC32(GROUP_CONCAT(id, n)) AS c FROM words GROUP BY n > 2 ORDER BY 1',
];

/** What changes rows. */
export const writes: readonly Text[] = [
  (c) => `UPDATE words SET n = ${value(c)} WHERE id = ${id(c)}`,
  (c) => `UPDATE words SET w = ${word(c)}, n = n + 1 WHERE id = ${id(c)}`,
  (c) => `UPDATE words SET id = ${id(c)} WHERE id = ${id(c)}`,
  (c) => `UPDATE other SET n = ${value(c)}, day = NULL WHERE id = ${id(c)}`,
  (c) => `INSERT INTO words VALUES (${id(c)}, ${word(c)}, ${value(c)})`,
  (c) => `INSERT IGNORE INTO words (id, n) VALUES (${id(c)}, ${value(c)}), (${id(c)}, 5)`,
  (c) => `INSERT INTO words (id, n) VALUES (${id(c)}, 1) ON DUPLICATE KEY UPDATE n = ${value(c)}`,
  (c) => `INSERT INTO words VALUES (${id(c)}, 'rudi', 8) RETURNING id, w`,
  (c) => `REPLACE INTO words VALUES (${id(c)}, ${word(c)}, ${value(c)})`,
  (c) => `INSERT INTO words (id, n) SELECT id + ${c.below(5)}, n FROM other`,
  (c) => `DELETE FROM words WHERE id = ${id(c)}`,
  (c) => `DELETE FROM words WHERE n > ${c.below(9)} ORDER BY id LIMIT 1`,
  (c) => `DELETE FROM other WHERE id = ${id(c)} RETURNING n`,
  (c) => `UPDATE words w JOIN other o USING (id) SET w.n = o.n, o.n = ${value(c)} WHERE id = ${id(c)}`,
  (c) => `DELETE w FROM words w JOIN other o USING (id) WHERE o.id = ${id(c)}`,
  (c) => `UPDATE evens SET n = ${value(c)} WHERE id = ${id(c)}`,
  (c) => `UPDATE plain SET n = ${value(c)} WHERE id = ${id(c)}`,
  (c) => `INSERT INTO plain VALUES (${id(c)}, 1), (${id(c)}, 2)`,
  (c) => `INSERT INTO made (id, a) VALUES (${id(c)}, ${value(c)})`,
  (c) => `UPDATE made SET a = ${value(c)}`,
  (c) => `UPDATE versioned SET n = n + 1 WHERE id = ${id(c)}`,
  (c) => `DELETE FROM versioned WHERE id = ${id(c)}`,
  (c) => `UPDATE traced SET n = ${value(c)} WHERE id = ${id(c)}`,
  (c) => `INSERT INTO traced VALUES (${id(c)}, ${value(c)})`,
  (c) => `UPDATE parent SET id = ${id(c)} WHERE id = ${id(c)}`,
  (c) => `DELETE FROM parent WHERE id = ${id(c)}`,
  (c) => `INSERT INTO child VALUES (${id(c)}, ${id(c)})`,
  (c) => `UPDATE second.words SET n = ${value(c)} WHERE id = ${id(c)}`,
  (c) => `INSERT INTO counted VALUES (${id(c)}, ${c.below(300)})`,
  (c) => `SET STATEMENT sql_mode = '' FOR INSERT INTO words VALUES (${id(c)}, 'limekatwa kabisa, maana ni refu', 'x')`,
  () => 'UPDATE words SET n = n',
  (c) => `UPDATE words SET n = ${c.of(["'x'", '1 / 0', '99999999999'])} WHERE id = ${id(c)}`,
  (c) => `UPDATE words SET n = remembers(${c.below(9)}) WHERE id = ${id(c)}`,
  (c) => `SELECT set_n(${c.below(9)})`,
  () => 'SELECT v FROM written',
];

/** Of tables whose keys the server counts itself: where nothing is replicated. */
export const countedWrites: readonly Text[] = [
  (c) => `INSERT INTO counted (n) VALUES (${c.below(300)})`,
  (c) => `INSERT INTO counted (n) VALUES (${c.below(300)}), (${c.below(300)})`,
  (c) => `INSERT IGNORE INTO counted VALUES (NULL, ${c.below(300)})`,
  (c) => `INSERT INTO counted (n) VALUES (${c.below(9)}) ON DUPLICATE KEY UPDATE id = LAST_INSERT_ID(id)`,
  (c) => `REPLACE INTO counted (n) VALUES (${c.below(9)})`,
  (c) => `SET insert_id = ${500 + c.below(50)}`,
];

/** What looks back at the command before. */
export const lookingBack: readonly Text[] = [
  () => 'SHOW WARNINGS',
  () => 'SHOW ERRORS',
  () => 'SHOW COUNT(*) WARNINGS',
  () => 'SHOW COUNT(*) ERRORS',
  () => 'SHOW WARNINGS LIMIT 1',
  () => 'SELECT FOUND_ROWS()',
  () => 'SELECT ROW_COUNT()',
  () => 'SELECT FOUND_ROWS() AS f, n FROM words WHERE id = 1',
  () => 'SELECT ROW_COUNT(), @@warning_count, @@error_count',
  // Together with FOUND_ROWS() it is explained, see there: said seldom, since the rest of a sequence is not heard then.
  (c) => (c.oneIn(8) ? 'SELECT ROW_COUNT(), FOUND_ROWS()' : 'SELECT ROW_COUNT()'),
  () => 'SELECT @@warning_count',
  () => 'SELECT @@error_count',
  () => 'SELECT LAST_INSERT_ID()',
  () => 'SELECT @@identity, @@last_insert_id, @@insert_id',
  () => 'SELECT @@in_transaction, @@autocommit',
  () => 'GET DIAGNOSTICS @c = NUMBER, @r = ROW_COUNT',
  () => 'GET DIAGNOSTICS CONDITION 1 @s = RETURNED_SQLSTATE, @m = MESSAGE_TEXT',
  () => 'SELECT @c, @r, @s, @m',
  () => 'SET @w = @@warning_count',
  () => 'SELECT @w',
  () => 'DO FOUND_ROWS()',
  () => 'SELECT FOUND_ROWS() + 1',
  () => 'INSERT INTO log SELECT ROW_COUNT(), 0',
];

/** What fails, whatever stands in the tables. */
export const failing: readonly Text[] = [
  () => 'SELEKT 1',
  () => 'SELECT nothing FROM words',
  () => 'SELECT * FROM hakuna',
  () => "SELECT 'open",
  () => '',
  () => ';',
  () => '-- nothing',
  () => 'INSERT INTO words (id, nothing) VALUES (1, 1)',
  () => 'INSERT INTO words VALUES (1)',
  () => 'SELECT no_function(1)',
  () => 'CALL no_procedure()',
  () => 'SELECT (SELECT id FROM words)',
  () => 'SELECT ST_GeomFromText(1, 2, 3, 4)',
  () => 'SET no_variable = 1',
  () => 'SET GLOBAL sql_mode = DEFAULT',
  () => "SET time_zone = 'nowhere'",
  () => 'EXECUTE no_statement',
  () => 'UPDATE words SET id = id + 1 ORDER BY id',
  () => 'INSERT INTO child VALUES (99, 99)',
  () => 'KILL 4000000000',
  () => "SELECT JSON_EXTRACT('{', '$') FROM words",
  () => 'DROP TABLE hakuna',
  () => 'USE hakuna',
  () => 'SELECT id FROM second.hakuna',
  () => "SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'pole'",
  () => "SIGNAL SQLSTATE '01000' SET MESSAGE_TEXT = 'angalia', MYSQL_ERRNO = 1234",
];
