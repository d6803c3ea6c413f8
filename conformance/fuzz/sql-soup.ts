import type { Chance } from './chance';

/** Texts of one character a byte (latin1), as the proxy reads them: SQL, nearly SQL, and what nobody would call so. */

/** Statements that reach every part of the proxy that looks at SQL. */
const sentences = [
  'SELECT v FROM app.post WHERE id = 1',
  'SELECT * FROM post p JOIN user u USING (id) WHERE p.id IN (1, 2) FOR UPDATE',
  'SELECT a INTO @x FROM post; SELECT @x',
  'SELECT FOUND_ROWS(), ROW_COUNT(), LAST_INSERT_ID()',
  'SHOW WARNINGS',
  "INSERT INTO app.post (v) VALUES ('a'), (NULL), (DEFAULT)",
  "INSERT INTO post VALUES (NULL, 'a'), (0, 'b'), (17, 'c')",
  'INSERT INTO post (id, v) VALUES (?, ?)',
  "INSERT IGNORE INTO post SET v = 'x', id = 5 ON DUPLICATE KEY UPDATE v = VALUES(v)",
  'INSERT INTO post (v) SELECT v FROM user WHERE id < 10',
  "REPLACE INTO `app`.`post` (`v`) VALUES ('q') RETURNING id",
  "LOAD DATA LOCAL INFILE 'x' INTO TABLE post FIELDS TERMINATED BY ',' (v)",
  "UPDATE post SET v = 'z' WHERE id = 3",
  'UPDATE post p, user u SET p.v = u.name WHERE p.id = u.id',
  'DELETE FROM post WHERE id = 4 LIMIT 1',
  'DELETE p FROM post p JOIN user u USING (id)',
  'BEGIN',
  'START TRANSACTION READ ONLY',
  'COMMIT AND CHAIN',
  'ROLLBACK TO SAVEPOINT a',
  'USE app',
  'CREATE TEMPORARY TABLE post (a INT) SELECT 1',
  'DROP TEMPORARY TABLE IF EXISTS app.post, x',
  'ALTER TABLE post ADD c INT, RENAME TO b',
  "CREATE PROCEDURE p() BEGIN INSERT INTO post (v) VALUES ('x'); SELECT 1; END",
  'CALL p(1)',
  "PREPARE s FROM 'INSERT INTO post (v) VALUES (?)'; EXECUTE s USING @a; DEALLOCATE PREPARE s",
  'SET NAMES utf8mb4 COLLATE utf8mb4_bin, @a = 1',
  "SET STATEMENT max_statement_time = 5 FOR INSERT INTO post (v) VALUES ('s')",
  'WITH r AS (SELECT 1) SELECT * FROM r',
  'ANALYZE FORMAT=JSON UPDATE post SET v = f(1)',
  'LOCK TABLES post WRITE; UNLOCK TABLES',
  'GRANT SELECT ON app.* TO a@b',
  "XA START 'a'; XA END 'a'; XA PREPARE 'a'",
  'KILL QUERY 5',
  'TRUNCATE post',
  'EXPLAIN SELECT * FROM post',
  'SET @duara_cache = 0',
];

/** Statements about settings that the proxy answers itself or changes on the way. */
const settings = [
  "SET sql_mode = CONCAT(@@sql_mode, ',ANSI_QUOTES')",
  "SET SESSION sql_mode = 'NO_BACKSLASH_ESCAPES'",
  'SET auto_increment_increment = 7, @@session.auto_increment_offset = 3',
  'SET sql_log_bin = 0',
  'SET insert_id = 9; INSERT INTO post (v) VALUES (1)',
  "SET GLOBAL sql_mode = ''",
  'SET STATEMENT insert_id = 5, binlog_format = STATEMENT FOR SELECT 1',
];

const pieces = [
  ...[
    'SELECT',
    'INSERT',
    'INTO',
    'VALUES',
    '(',
    ')',
    ',',
    ';',
    '=',
    '.',
    '*',
    'FROM',
    'post',
    'app',
    'user',
    'SET',
    'ON',
  ],
  ...['DUPLICATE', 'KEY', 'UPDATE', 'RETURNING', 'WHERE', 'NULL', 'DEFAULT', 'STATEMENT', 'FOR', 'PREPARE', 'EXECUTE'],
  ...['BEGIN', 'END', 'UNION', 'PARTITION', 'AS', 'IGNORE', 'DELAYED', 'REPLACE', 'WITH', 'RECURSIVE', 'LOAD', 'DATA'],
  ...["'a'", "''", "'it''s'", "'\\''", "'\\\\'", '"d"', '"\\""', '`b`', '`b``c`', "'open", '"open', '`open', "'\\"],
  ...[
    "_utf8mb4'x'",
    "N'x'",
    "n'",
    "x'00ff'",
    "X'0",
    "b'01'",
    '0xff',
    '0x',
    '0b1',
    '1e5',
    '1e',
    '.5',
    '1.',
    '2fa',
    '-1',
  ],
  ...['--', '-- c\n', '--\t', '#c\n', '#', '/* c */', '/*', '*/', '/*! 1 */', '/*!50000 SELECT */', '/*!99999 x */'],
  ...['/*M!100100 x */', '/*!', '/*! /* in */ */', '/*+ SET_VAR(a=1) */', '/**/', '/*/', '?', '??', ':=', '@', '@@'],
  ...['@a', '@`q`', "@'q'", '@@global.sql_log_off', '@@session', '@@', '<=>', '->>', '||', '&&', '!', '~', '{', '}'],
  ...[
    '\0',
    '\t',
    '\n',
    '\r\n',
    '\x0b',
    '\xa0',
    '\xc2\xa0',
    '\xe3\x80\x80',
    '\x81\x5c',
    "\x81\x27'",
    '\xef\xbb\xbf',
    '\x1a',
  ],
  ...[
    '$$',
    'a$b',
    '\xe4\xbd\xa0',
    '\\N',
    '\\',
    '9223372036854775808',
    '-99999999999999999999',
    '1.2.3',
    'a.b.c.d',
    '..',
  ],
];

export interface SoupOptions {
  /** False: nothing that makes the proxy change or answer a statement by itself. */
  readonly settings: boolean;
}

/** The proxy asks the server for a text that stands in a variable, and so sends what the client did not. */
const asks = /PREPARE/i;

/** A text of any of the kinds. */
export function sqlSoup(chance: Chance, options: SoupOptions): string {
  const text = soup(chance, options);
  return !options.settings && asks.test(text) ? 'SELECT 1' : text;
}

function soup(chance: Chance, options: SoupOptions): string {
  const from = options.settings && chance.oneIn(8) ? settings : sentences;
  switch (chance.below(8)) {
    case 0:
    case 1:
      return chance.of(from);
    case 2:
      return Array.from({ length: 1 + chance.below(4) }, () => chance.of(from)).join(chance.of([';', '; ', ';;', ' ']));
    case 3:
    case 4:
      return stirred(chance.of(from), chance);
    case 5:
      return Array.from({ length: chance.length(25) }, () => chance.of(pieces)).join(chance.of([' ', '', '\n']));
    case 6:
      return damaged(chance.of(from), chance);
    default:
      return chance.bytes(chance.length(40)).toString('latin1');
  }
}

/** Words taken out, put in, doubled and swapped. */
function stirred(text: string, chance: Chance): string {
  const words = text.split(/(?<=[\s(),;.=])|(?=[(),;.=])/);
  for (let count = 1 + chance.below(4); count > 0; count--) {
    const at = chance.below(words.length + 1);
    switch (chance.below(4)) {
      case 0:
        words.splice(at, 1);
        break;
      case 1:
        words.splice(at, 0, chance.of(pieces), chance.of(['', ' ']));
        break;
      case 2:
        words.splice(at, 0, ...words.slice(at, at + chance.below(5)));
        break;
      default:
        words.splice(at, 1, chance.of(pieces));
    }
  }
  return words.join('');
}

function damaged(text: string, chance: Chance): string {
  const bytes = Buffer.from(text, 'latin1');
  for (let count = 1 + chance.below(3); count > 0; count--) bytes[chance.below(bytes.length)] = chance.below(256);
  return bytes.toString('latin1', 0, chance.oneIn(3) ? chance.below(bytes.length + 1) : bytes.length);
}
