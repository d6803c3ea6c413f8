import type { Catalog, TableInfo } from '../ports';
import { parseText } from '../sql/classifier';
import { defaultSqlMode } from '../sql/sql-mode';
import { cacheability, type SessionFacts } from './cacheability';

function base(schema: string, table: string, changed: Partial<TableInfo> = {}): TableInfo {
  return {
    schema,
    table,
    kind: 'base',
    replicated: true,
    columns: ['id', 'name'],
    autoIncrement: null,
    primaryKey: ['id'],
    hasTriggers: false,
    hasBeforeInsertTrigger: false,
    hasCascades: false,
    ...changed,
  };
}

const tables = [
  base('school', 'user'),
  base('school', 'post'),
  base('other', 'user'),
  base('school', 'shown', { kind: 'view' }),
  base('school', 'audited', { hasTriggers: true }),
  base('school', 'parent', { hasCascades: true }),
  base('school', 'seen', {
    kind: 'view',
    reads: [
      { schema: 'school', table: 'post' },
      { schema: 'other', table: 'user' },
    ],
  }),
  base('school', 'constant', { kind: 'view', reads: [] }),
  base('school', 'merged', { foreignRows: true }),
  base('school', 'lesson', { timesOfDay: true }),
  base('mysql', 'user'),
];
const catalog: Catalog = {
  find: (schema, table) => {
    if (table === 'late') return undefined;
    return tables.find((info) => info.schema === schema && info.table === table) ?? null;
  },
  load: () => Promise.resolve(),
  forget: () => undefined,
};
const session: SessionFacts = {
  schema: 'school',
  autocommit: true,
  inTransaction: false,
  readsCommitted: false,
  readsUncommitted: false,
  optedOut: false,
  hasOwnTables: false,
  understood: true,
};

function decide(sql: string, changed: Partial<SessionFacts> = {}) {
  return cacheability({ text: sql, parsed: parseText(sql, defaultSqlMode) }, { ...session, ...changed }, catalog);
}

test.each([
  ['SELECT * FROM user WHERE id = 5', ['school.user']],
  ["select name from `user` where name = 'NOW()' /* RAND() */", ['school.user']],
  ['SELECT COUNT(*), MAX(id) FROM user u JOIN post p ON (p.id = u.id)', ['school.user', 'school.post']],
  ['SELECT * FROM user, other.user x WHERE x.id IN (1, 2, 3) LIMIT 5', ['school.user', 'other.user']],
  ['SELECT a.id FROM (SELECT id FROM post WHERE id > 3) a', ['school.post']],
  ['SELECT id FROM user WHERE EXISTS (SELECT 1 FROM post)', ['school.user', 'school.post']],
  ['SELECT id FROM user UNION ALL (SELECT id FROM post)', ['school.user', 'school.post']],
  ['SELECT u.table, u.lock FROM user u', ['school.user']],
  ['SELECT id FROM audited JOIN parent', ['school.audited', 'school.parent']],
  ['SELECT id FROM seen JOIN user', ['school.user', 'school.post', 'other.user']],
  ['SELECT COALESCE(name, LOWER(CONCAT(name, 1))) FROM user;', ['school.user']],
])('%s is cached', (sql, expected) => {
  const decision = decide(sql);
  expect(decision).toMatchObject({ cacheable: true });
  expect(decision.cacheable === true && decision.tables.map(({ schema, table }) => `${schema}.${table}`)).toEqual(
    expected,
  );
});

test.each([
  ['SELECT 1', 'no_table'],
  ["SELECT GET_LOCK('a', 5)", 'function'],
  ['SELECT NOW(), id FROM user', 'function'],
  ['SELECT CURRENT_TIMESTAMP, id FROM user', 'keyword'],
  ['SELECT id FROM user ORDER BY RAND()', 'function'],
  ['SELECT UNIX_TIMESTAMP() - id FROM user', 'function'],
  ['SELECT LAST_INSERT_ID() FROM user', 'function'],
  ['SELECT USER(), id FROM user', 'function'],
  ['SELECT own_function(id) FROM user', 'not_plain'],
  ['SELECT school.lower(id) FROM user', 'not_plain'],
  ['SELECT `lower`(id) FROM user', 'not_plain'],
  ['SELECT @x, id FROM user', 'variable'],
  ['SELECT @@sql_mode, id FROM user', 'variable'],
  ['SELECT id FROM user FOR UPDATE', 'keyword'],
  ['SELECT id FROM user LOCK IN SHARE MODE', 'keyword'],
  ['SELECT id FROM user INTO @a', 'not_plain'],
  ["SELECT id FROM user INTO OUTFILE '/tmp/x'", 'not_plain'],
  ['SELECT SQL_CALC_FOUND_ROWS id FROM user', 'keyword'],
  ['SELECT SQL_NO_CACHE id FROM user', 'keyword'],
  ['SELECT id FROM user PROCEDURE ANALYSE()', 'not_plain'],
  ['SELECT id FROM user FOR SYSTEM_TIME AS OF NOW()', 'keyword'],
  ['WITH x AS (SELECT id FROM user) SELECT * FROM x', 'not_plain'],
  ['SELECT id FROM user; SELECT id FROM user', 'several_statements'],
  ['SELECT id FROM shown', 'view'],
  ['SELECT id FROM constant', 'no_table'],
  ['SELECT id FROM merged', 'table_kind'],
  ['SELECT DATE(starts) FROM lesson', 'table_kind'],
  ['SELECT id FROM gone', 'table_unknown'],
  ['SELECT * FROM information_schema.tables', 'system_schema'],
  ['SELECT * FROM mysql.user', 'system_schema'],
  ['SELECT id FROM user WHERE id = ?', 'prepared'],
  ['SET STATEMENT max_statement_time=1 FOR SELECT id FROM user', 'not_plain'],
  ['SELECT CAST(name AS DATE) FROM user', 'function'],
  ['SELECT CONVERT(name, datetime(6)) FROM user', 'function'],
  ['SELECT DATE(CAST(name AS TIME)) FROM user', 'function'],
  ["SELECT DATE(TIME '10:00:00') FROM user", 'function'],
  ['SELECT DATE(SEC_TO_TIME(id)) FROM user', 'function'],
  ['INSERT INTO user VALUES (1)', 'not_plain'],
  ['SHOW TABLES', 'not_plain'],
  ["SELECT 'open", 'several_statements'],
  ['', 'several_statements'],
])('%s bypasses: %s', (sql, reason) => {
  expect(decide(sql)).toMatchObject({ cacheable: false, reason });
});

test.each([
  [{ inTransaction: true }, 'isolation'],
  [{ readsUncommitted: true }, 'isolation'],
  [{ autocommit: false }, 'autocommit_off'],
  [{ hasOwnTables: true }, 'own_tables'],
  [{ understood: false }, 'session_unknown'],
  [{ optedOut: true }, 'opted_out'],
  [{ schema: null }, 'table_unknown'],
])('a session with %j bypasses', (changed, reason) => {
  expect(decide('SELECT id FROM user', changed)).toEqual({ cacheable: false, reason });
});

test('a transaction in which each statement reads what is committed does not bypass', () => {
  expect(decide('SELECT id FROM user', { inTransaction: true, readsCommitted: true }).cacheable).toBe(true);
});

test('a table that is not loaded yet is named, so that it can be', () => {
  const late = { schema: 'school', table: 'late' };
  expect(decide('SELECT id FROM late')).toEqual({ cacheable: 'load', load: late, reads: [late] });
});
