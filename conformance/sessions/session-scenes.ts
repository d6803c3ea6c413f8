import type { Chance } from '../fuzz/chance';
import {
  closeStatement,
  execute,
  fetchRows,
  initDb,
  parameter,
  ping,
  prepare,
  query,
  raw,
  resetConnection,
  resetStatement,
  type Step,
} from '../wire/exchanges/exchange';
import { scramble } from '../wire/exchanges/masks';
import { definitions, settings } from './session-settings';
import { tables } from './session-tables';
import { failing, lookingBack, type Text } from './session-texts';

/** The session ends, and another one begins in its place. `how`: with COM_QUIT, or without a word. */
export interface Reconnect {
  readonly how: 'quit' | 'gone';
}

/** What one session does next: a text, a command, or its end. */
export type Deed = string | Step | Reconnect;

/** What a sequence is made of. */
export interface Words {
  readonly chance: Chance;
  /** A SELECT of those that this sequence repeats. */
  read(): string;
  /** A statement that changes rows. */
  write(): string;
}

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
  ]);
  const drop = chance.of([
    `DROP TEMPORARY TABLE IF EXISTS ${table}`,
    `DROP TABLE IF EXISTS ${table}`,
    'CALL unhides()',
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

/** By commands. */
function preparedBinary(words: Words): Deed[] {
  const { chance } = words;
  const rest = chance.of([[closeStatement()], [resetStatement(), execute()], []]);
  const values = [parameter.int(1 + chance.below(6))];
  switch (chance.below(4)) {
    case 0:
      return [prepare(words.read()), execute(), statement(words), execute(), ...rest];
    case 1:
      return [
        prepare('SELECT id, w, n FROM words WHERE id >= ? ORDER BY id'),
        execute(values, { cursor: true }),
        fetchRows(1),
        statement(words),
        fetchRows(2),
        fetchRows(9),
        ...rest,
      ];
    case 2:
      return [
        prepare('UPDATE words SET n = n + 1 WHERE id = ?'),
        execute(values),
        words.read(),
        execute(values, { typesKnown: true }),
        words.read(),
        ...rest,
      ];
    default:
      return [prepare(words.write()), execute(), words.read(), ...rest];
  }
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

/** An empty answer, which only an account without password may give. */
const changeUser = (schema: string, charset: number): Step =>
  raw(
    0x11,
    'authentication',
    Buffer.from(`wazi\0\0${schema}\0${String.fromCharCode(charset)}\0mysql_native_password\0`, 'latin1'),
    { mask: scramble },
  );

function commands({ chance }: Words): Deed[] {
  switch (chance.below(8)) {
    case 0:
    case 1:
      return [ping()];
    case 2:
      return [initDb(chance.of(['app', 'app', 'second', 'hakuna', 'information_schema']))];
    case 3:
      return [raw(0x04, 'columns', `${chance.of(tables)}\0${chance.of(['', 'n', '%'])}`)];
    case 4:
      return [raw(0x1b, 'packet', Buffer.from([chance.below(2), 0]))];
    case 5:
      return [changeUser(chance.of(['app', 'second', '']), chance.of([45, 8]))];
    default:
      return [resetConnection()];
  }
}

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
  reconnects,
  definitions: one(definitions),
} as const satisfies Readonly<Record<string, Scene>>;

/** A text is a COM_QUERY. */
export function stepOf(deed: string | Step): Step {
  return typeof deed === 'string' ? query(deed) : deed;
}
