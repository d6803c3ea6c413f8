import { parseText } from '../sql/classifier';
import { defaultSqlMode } from '../sql/sql-mode';
import { setAssignments } from '../sql/set-assignments';
import { SessionFingerprint } from './session-fingerprint';

function after(...texts: string[]): SessionFingerprint {
  const fingerprint = new SessionFingerprint(0);
  for (const text of texts) {
    note(fingerprint, text);
    // As it is looked at between any two commands.
    expect(fingerprint.value).not.toBe('');
  }
  return fingerprint;
}

function note(fingerprint: SessionFingerprint, text: string, succeeded = true): boolean {
  const parsed = parseText(text, defaultSqlMode);
  return parsed.statements.map((statement) => fingerprint.note(text, statement, succeeded, 0)).includes(true);
}

const moodle = ['SET NAMES utf8mb4', "SET SESSION sql_mode = 'STRICT_ALL_TABLES'"];

test.each([
  [['SELECT 1', 'INSERT INTO t VALUES (1)', 'BEGIN', 'COMMIT', 'USE x', 'SHOW TABLES', 'SET @a = 5'], []],
  [[...moodle, ...moodle], moodle],
  [
    [
      ...moodle,
      'SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED',
      'SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED',
    ],
    // Outside transactions it makes no difference.
    moodle,
  ],
  [["SET time_zone = '+01:00', sql_mode = ''"], ["SET sql_mode = ''; SET time_zone = '+01:00'"]],
  [['SET character_set_results = latin1', 'SET NAMES utf8mb4'], ['SET NAMES utf8mb4']],
  [['SET NAMES utf8mb4', 'SET character_set_results = latin1', 'SET NAMES utf8mb4'], ['SET NAMES utf8mb4']],
  [
    ['SET collation_connection = utf8mb4_bin', 'SET character_set_connection = latin1'],
    ['SET character_set_connection = latin1'],
  ],
  [
    ['SET character_set_connection = latin1', 'SET collation_connection = utf8mb4_bin'],
    ['SET collation_connection = utf8mb4_bin'],
  ],
])('%j leaves the same session as %j', (one, other) => {
  expect(after(...one).understood).toBe(true);
  expect(after(...one).value).toBe(after(...other).value);
});

test.each([
  [['SET NAMES utf8mb4'], []],
  [['SET NAMES utf8mb4'], ['SET NAMES latin1']],
  [['SET NAMES utf8mb4'], ['SET NAMES utf8mb4 COLLATE utf8mb4_bin']],
  [['SET NAMES utf8mb4'], ['SET CHARACTER SET utf8mb4']],
  [['SET NAMES utf8mb4', 'SET character_set_results = latin1'], ['SET NAMES utf8mb4']],
  [["SET time_zone = '+01:00'"], ["SET time_zone = '+02:00'"]],
  [['SET sql_select_limit = 5'], ['SET sql_select_limit = 6']],
  // Each sets the other one too.
  [
    ['SET collation_connection = utf8mb4_bin', 'SET character_set_connection = latin1'],
    ['SET character_set_connection = latin1', 'SET collation_connection = utf8mb4_bin'],
  ],
])('%j and %j differ', (one, other) => {
  expect(after(...one).value).not.toBe(after(...other).value);
});

test.each([
  'SET sql_mode = @old',
  "SET sql_mode = CONCAT(@@sql_mode, ',ANSI')",
  'SET sql_select_limit = (SELECT MAX(id) FROM t)',
  'SET ROLE admin',
  'CALL p()',
  'EXECUTE s',
  'SELECT own_function(1)',
  'DO something_else()',
  'FLUSH TABLES WITH READ LOCK',
])('after %s the session is not understood, until it is reset', (text) => {
  const fingerprint = after(text);
  expect(fingerprint.understood).toBe(false);
  fingerprint.reset(0);
  expect(fingerprint.understood).toBe(true);
  expect(fingerprint.value).toBe(after().value);
});

test('temporary tables and locks are its own tables', () => {
  expect(after('CREATE TEMPORARY TABLE t (id INT)').hasOwnTables).toBe(true);
  expect(after('LOCK TABLES t READ').hasOwnTables).toBe(true);
  expect(after('LOCK TABLES t READ', 'UNLOCK TABLES').hasOwnTables).toBe(false);
  expect(after('CREATE TABLE t (id INT)').hasOwnTables).toBe(false);
});

test('a SET that failed changed nothing, unless it was a list', () => {
  const fingerprint = after();
  note(fingerprint, 'SET sql_select_limit = oops', false);
  expect([fingerprint.understood, fingerprint.value]).toEqual([true, after().value]);
  note(fingerprint, 'SET sql_select_limit = 5, time_zone = oops', false);
  expect(fingerprint.understood).toBe(false);
});

test('SET GLOBAL is told, and sessions that begin after it differ from those before', () => {
  const fingerprint = after();
  expect(note(fingerprint, "SET GLOBAL sql_mode = ''")).toBe(true);
  expect(note(fingerprint, "SET SESSION sql_mode = ''")).toBe(false);
  expect(new SessionFingerprint(1).value).not.toBe(new SessionFingerprint(0).value);
});

test('a DEFAULT is what is global when it is set', () => {
  const [one, two] = [after(), after()];
  const [statement] = parseText('SET sql_select_limit = DEFAULT', defaultSqlMode).statements;
  if (statement === undefined) throw new Error('no statement');
  one.note('SET sql_select_limit = DEFAULT', statement, true, 0);
  two.note('SET sql_select_limit = DEFAULT', statement, true, 1);
  expect(one.value).not.toBe(two.value);
  two.note('SET sql_select_limit = DEFAULT', statement, true, 0);
  expect(one.value).toBe(two.value);
});

test('a session that sets ever new variables is given up', () => {
  expect(after(...Array.from({ length: 65 }, (_, index) => `SET x${index} = 1`)).understood).toBe(false);
});

test('the scope of a SET holds for the names behind it that bring none', () => {
  const scopes = (text: string) =>
    parseText(text, defaultSqlMode).statements.flatMap((statement) =>
      (setAssignments(statement) ?? []).map(({ scope, name }) => `${scope} ${name}`),
    );
  expect(scopes("SET GLOBAL max_connections = 9, sql_mode = 'ANSI_QUOTES', @a = 1, time_zone = 'SYSTEM'")).toEqual([
    'global max_connections',
    'global sql_mode',
    'user a',
    'global time_zone',
  ]);
  expect(scopes('SET GLOBAL a = 1, SESSION b = 2, c = 3, @@global.d = 4, e = 5')).toEqual([
    'global a',
    'session b',
    'session c',
    'global d',
    'session e',
  ]);
  expect(scopes('SET GLOBAL a = 1, @@b = 2, NAMES utf8mb4')).toEqual(['global a', 'session b', 'session names']);
});

test('SET CHARACTER SET takes a collation of the default schema, which another schema does not bring along', () => {
  const fingerprint = after('SET CHARACTER SET latin1');
  expect(fingerprint.understood).toBe(true);
  fingerprint.entersSchema(0);
  expect(fingerprint.understood).toBe(false);
  const names = after('SET NAMES latin1');
  names.entersSchema(0);
  expect(names.understood).toBe(true);
});
