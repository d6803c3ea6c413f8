import { query } from '../wire/exchanges/exchange';
import { commands, loads } from './command-scenes';
import { keyedReads, keyedWrites } from './keyed-texts';
import { preparedBinary } from './prepared-scenes';
import { definitions, settings } from './session-settings';
import { failing, lookingBack, type Text } from './session-texts';
import type { Deed, SaidStep, Words } from './session-words';

type Scene = (words: Words) => Deed[];

const some = ({ chance }: Words, texts: readonly Text[]): string => chance.of(texts)(chance);

/** Any statement that does not change how a session goes on. */
function statement(words: Words): string {
  const { chance } = words;
  if (chance.oneIn(2)) return words.read();
  if (chance.oneIn(6)) return some(words, failing);
  return chance.oneIn(3) ? some(words, lookingBack) : words.write();
}

function several(words: Words, most: number, one: (words: Words) => string): string[] {
  return Array.from({ length: 1 + words.chance.below(most) }, () => one(words));
}

/** A read twice, so that the second one may be a hit, and perhaps a question about it. */
function repeated(words: Words): Deed[] {
  const { chance } = words;
  const read = words.read();
  const deeds = chance.of([[read], [read, read], [read, read, read]]);
  return chance.oneIn(2) ? deeds : [...deeds, ...several(words, 2, (w) => some(w, lookingBack))];
}

function transaction(words: Words): Deed[] {
  const { chance } = words;
  const begin = chance.of([
    'BEGIN',
    'START TRANSACTION',
    'START TRANSACTION READ ONLY',
    'START TRANSACTION WITH CONSISTENT SNAPSHOT',
    'START TRANSACTION READ WRITE',
    'SET autocommit = 0',
    'BEGIN WORK',
    'BEGIN NOT ATOMIC SELECT 1; SELECT 2; END',
  ]);
  const before = chance.oneIn(3)
    ? [
        chance.of([
          'SET TRANSACTION ISOLATION LEVEL READ COMMITTED',
          'SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED',
        ]),
      ]
    : [];
  const point = chance.oneIn(3)
    ? ['SAVEPOINT a', words.write(), chance.of(['ROLLBACK TO a', 'RELEASE SAVEPOINT a', 'ROLLBACK TO SAVEPOINT b'])]
    : [];
  const end = chance.of([
    'COMMIT',
    'ROLLBACK',
    'COMMIT AND CHAIN',
    'ROLLBACK AND CHAIN',
    'COMMIT RELEASE',
    'SET autocommit = 1',
    'BEGIN',
  ]);
  const read = words.read();
  const middle = [read, ...several(words, 3, statement), read];
  return [...before, begin, ...middle, ...point, ...several(words, 2, statement), end, words.read()];
}

function distributed(words: Words): Deed[] {
  const { chance } = words;
  const ends = chance.of([
    ["XA END 'x'", "XA PREPARE 'x'", "XA COMMIT 'x'"],
    ["XA END 'x'", "XA PREPARE 'x'", "XA ROLLBACK 'x'"],
    ["XA END 'x'", "XA COMMIT 'x' ONE PHASE"],
    ["XA END 'x'", "XA ROLLBACK 'x'"],
    ['COMMIT', "XA END 'x'", "XA ROLLBACK 'x'"],
  ]);
  return ["XA START 'x'", ...several(words, 3, statement), ...ends, words.read()];
}

function temporary(words: Words): Deed[] {
  const { chance } = words;
  const table = chance.of(['words', 'other', 'mine']);
  const make = chance.of([
    `CREATE TEMPORARY TABLE ${table} (id INT PRIMARY KEY, w VARCHAR(5), n INT)`,
    `CREATE TEMPORARY TABLE ${table} SELECT * FROM words WHERE id < 3`,
    `CREATE TEMPORARY TABLE ${table} LIKE plain`,
    'CALL hides()',
    `CREATE OR REPLACE TEMPORARY TABLE ${table} (id INT, n INT, g INT AS (n * 3), w CHAR(4) DEFAULT 'x')`,
    'CREATE TEMPORARY TABLE evens (id INT, w VARCHAR(5), n INT)',
    'CREATE TEMPORARY TABLE second.words AS SELECT 9 AS id, 9 AS n',
    'CREATE TEMPORARY SEQUENCE numbers START 700',
    'CREATE TEMPORARY TABLE keyed (id INT AUTO_INCREMENT PRIMARY KEY, w VARCHAR(9))',
    'CREATE TEMPORARY TABLE counted LIKE keyed',
    `BEGIN NOT ATOMIC CREATE TEMPORARY TABLE ${table} (id INT, n INT); END`,
    `EXECUTE IMMEDIATE 'CREATE TEMPORARY TABLE ${table} (id INT, n INT)'`,
  ]);
  const drop = chance.of([
    `DROP TEMPORARY TABLE IF EXISTS ${table}`,
    `DROP TABLE IF EXISTS ${table}`,
    'CALL unhides()',
    `ALTER TABLE ${table} RENAME TO mine2`,
    `RENAME TABLE ${table} TO mine3`,
    'DROP TEMPORARY TABLE IF EXISTS evens, numbers, second.words',
    'DROP TEMPORARY TABLE IF EXISTS keyed, counted',
    'DROP TEMPORARY SEQUENCE IF EXISTS numbers',
    `TRUNCATE ${table}`,
  ]);
  const between = [`INSERT INTO ${table} (id, n) VALUES (1, 5), (2, 6)`, `SELECT * FROM ${table}`, words.read()];
  return [make, ...between, ...several(words, 3, statement), drop, words.read(), words.read()];
}

function locks(words: Words): Deed[] {
  const { chance } = words;
  if (chance.oneIn(2)) {
    return [
      "SELECT GET_LOCK('kufuli', 0)",
      words.read(),
      "SELECT IS_FREE_LOCK('kufuli') AS f, n FROM words WHERE id = 1",
      chance.of(["DO RELEASE_LOCK('kufuli')", 'SELECT RELEASE_ALL_LOCKS()', words.read()]),
    ];
  }
  const lock = chance.of([
    'LOCK TABLES words WRITE',
    'LOCK TABLES words READ, other WRITE',
    'LOCK TABLES words READ LOCAL',
    'LOCK TABLES keyed WRITE, key_log WRITE, words READ',
    'LOCK TABLES counted WRITE, words READ',
    'FLUSH TABLES words',
  ]);
  return [lock, ...several(words, 4, statement), chance.of(['UNLOCK TABLES', 'UNLOCK TABLES', 'BEGIN']), words.read()];
}

/** By statements: PREPARE, EXECUTE. */
function preparedTexts(words: Words): Deed[] {
  const { chance } = words;
  const text = chance.oneIn(2) ? words.read() : chance.oneIn(3) ? some(words, settings) : words.write();
  const quoted = `'${text.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`;
  if (chance.oneIn(3)) return [`EXECUTE IMMEDIATE ${quoted}`, words.read()];
  if (chance.oneIn(3)) {
    return [
      "PREPARE s FROM 'SELECT n FROM words WHERE id = ?'",
      'SET @i = 2',
      'EXECUTE s USING @i',
      words.write(),
      'EXECUTE s USING @i',
    ];
  }
  return [
    `PREPARE s FROM ${quoted}`,
    'EXECUTE s',
    statement(words),
    'EXECUTE s',
    chance.of(['DEALLOCATE PREPARE s', 'DROP PREPARE s', 'SELECT 1']),
  ];
}

function multi(words: Words): Deed[] {
  const parts = [...several(words, 3, statement), ...(words.chance.oneIn(4) ? [some(words, settings)] : [])];
  return [[...parts, words.read()].join('; '), ...(words.chance.oneIn(2) ? [some(words, lookingBack)] : [])];
}

const calls = [
  'CALL results()',
  'CALL signals()',
  'CALL warns()',
  'CALL handles()',
  'CALL writes(5)',
  'CALL sets(@v)',
  'SELECT @v',
  'BEGIN NOT ATOMIC DECLARE v INT DEFAULT 3; SELECT v; UPDATE words SET n = v WHERE id = 1; END',
  'SELECT NEXTVAL(numbers), LASTVAL(numbers)',
  'SELECT NEXT VALUE FOR numbers AS v FROM words WHERE id = 1',
  'SELECT PREVIOUS VALUE FOR numbers',
  'HANDLER words OPEN; HANDLER words READ FIRST; HANDLER words CLOSE',
  'DO twice(4), 1 / 0',
  'EXECUTE IMMEDIATE "SELECT 1; SELECT 2"',
  'BEGIN NOT ATOMIC FOR i IN 1..3 DO UPDATE words SET n = i WHERE id = i; END FOR; SELECT n FROM words ORDER BY id; END',
  'SELECT SETVAL(numbers, 50), NEXTVAL(numbers)',
  'CALL changes()',
  'CALL opens()',
  'CALL sets(@v); SELECT @v; SHOW WARNINGS',
  'CALL results(); CALL warns(); SHOW COUNT(*) ERRORS',
  'KILL QUERY CONNECTION_ID()',
  'SELECT n FROM words WHERE id = 1 FOR UPDATE NOWAIT',
  'SELECT n FROM words ORDER BY id LIMIT 2 FOR UPDATE SKIP LOCKED',
  'SET STATEMENT max_statement_time = 90, sql_mode = "ANSI" FOR SELECT n FROM words WHERE id = 1',
  'SET STATEMENT sql_select_limit = 1 FOR CALL results()',
  'WITH a AS (SELECT NEXTVAL(numbers) AS v) SELECT v FROM a',
];

const shows = [
  'SHOW TABLES',
  'SHOW COLUMNS FROM words',
  'SHOW CREATE TABLE words',
  'SHOW CREATE VIEW evens',
  "SHOW VARIABLES LIKE 'sql_mode'",
  "SHOW SESSION VARIABLES LIKE 'character_set_c%'",
  'SHOW INDEX FROM plain',
  'DESCRIBE other',
  'SHOW CREATE PROCEDURE results',
  'SHOW TABLES LIKE "w%"',
  'CHECK TABLE plain',
  'CHECKSUM TABLE words',
  "SELECT table_name FROM information_schema.tables WHERE table_schema = 'app' ORDER BY 1",
];

function reconnects({ chance }: Words): Deed[] {
  return [{ how: chance.oneIn(4) ? 'gone' : 'quit' }];
}

const one =
  (texts: readonly Text[]): Scene =>
  (words) => [some(words, texts)];

/** What a sequence may be made of; each takes some of these only, so that one does not hide what another brings to light. */
export const scenes = {
  read: repeated,
  write: (words) => [words.write(), ...(words.chance.oneIn(3) ? [some(words, lookingBack)] : [])],
  back: one(lookingBack),
  failing: (words) => [some(words, failing), ...(words.chance.oneIn(2) ? [some(words, lookingBack)] : [])],
  settings: one(settings),
  transaction,
  distributed,
  temporary,
  locks,
  preparedTexts,
  preparedBinary,
  multi,
  calls: ({ chance }) => [chance.of(calls)],
  shows: ({ chance }) => [chance.of(shows)],
  commands,
  loads,
  reconnects,
  definitions: one(definitions),
  keyed: (words) => [
    ...several(words, 2, (w) => some(w, keyedWrites)),
    some(words, lookingBack),
    some(words, keyedReads),
  ],
} as const satisfies Readonly<Record<string, Scene>>;

export type SceneName = keyof typeof scenes;
export const sceneNames = Object.keys(scenes) as readonly SceneName[];

/** A text is a COM_QUERY. */
export function stepOf(deed: string | SaidStep): SaidStep {
  return typeof deed === 'string' ? query(deed) : deed;
}
