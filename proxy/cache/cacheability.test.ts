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
  hasOwnTables: false,
  understood: true,
};

function decide(sql: string, changed: Partial<SessionFacts> = {}) {
  return cacheability(parseText(sql, defaultSqlMode), { ...session, ...changed }, catalog);
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
  ['SELECT COALESCE(name, LOWER(CONCAT(name, 1))) FROM user;', ['school.user']],
])('%s is cached', (sql, expected) => {
  const decision = decide(sql);
  expect(decision).toMatchObject({ cacheable: true });
  expect(decision.cacheable && decision.tables.map(({ schema, table }) => `${schema}.${table}`)).toEqual(expected);
});

test.each([
  ['SELECT 1', 'no table'],
  ["SELECT GET_LOCK('a', 5)", 'function GET_LOCK'],
  ['SELECT NOW(), id FROM user', 'function NOW'],
  ['SELECT CURRENT_TIMESTAMP, id FROM user', 'CURRENT_TIMESTAMP'],
  ['SELECT id FROM user ORDER BY RAND()', 'function RAND'],
  ['SELECT UNIX_TIMESTAMP() - id FROM user', 'function UNIX_TIMESTAMP'],
  ['SELECT LAST_INSERT_ID() FROM user', 'function LAST_INSERT_ID'],
  ['SELECT USER(), id FROM user', 'function USER'],
  ['SELECT own_function(id) FROM user', 'not a plain select'],
  ['SELECT school.lower(id) FROM user', 'not a plain select'],
  ['SELECT `lower`(id) FROM user', 'not a plain select'],
  ['SELECT @x, id FROM user', 'variable'],
  ['SELECT @@sql_mode, id FROM user', 'variable'],
  ['SELECT id FROM user FOR UPDATE', 'FOR'],
  ['SELECT id FROM user LOCK IN SHARE MODE', 'LOCK'],
  ['SELECT id FROM user INTO @a', 'not a plain select'],
  ["SELECT id FROM user INTO OUTFILE '/tmp/x'", 'not a plain select'],
  ['SELECT SQL_CALC_FOUND_ROWS id FROM user', 'SQL_CALC_FOUND_ROWS'],
  ['SELECT SQL_NO_CACHE id FROM user', 'SQL_NO_CACHE'],
  ['SELECT id FROM user PROCEDURE ANALYSE()', 'not a plain select'],
  ['SELECT id FROM user FOR SYSTEM_TIME AS OF NOW()', 'FOR'],
  ['WITH x AS (SELECT id FROM user) SELECT * FROM x', 'not a plain select'],
  ['SELECT id FROM user; SELECT id FROM user', 'not one statement'],
  ['SELECT id FROM shown', 'view'],
  ['SELECT id FROM audited', 'triggers or cascades'],
  ['SELECT id FROM parent', 'triggers or cascades'],
  ['SELECT id FROM gone', 'no table gone'],
  ['SELECT id FROM late', 'table not loaded'],
  ['SELECT * FROM information_schema.tables', 'schema information_schema'],
  ['SELECT * FROM mysql.user', 'schema mysql'],
  ['SELECT id FROM user WHERE id = ?', 'parameter'],
  ['SET STATEMENT max_statement_time=1 FOR SELECT id FROM user', 'SET STATEMENT'],
  ['SELECT CAST(name AS DATE) FROM user', 'conversion to a date'],
  ['SELECT CONVERT(name, datetime(6)) FROM user', 'function DATETIME'],
  ['INSERT INTO user VALUES (1)', 'not a plain select'],
  ['SHOW TABLES', 'not a plain select'],
  ["SELECT 'open", 'not one statement'],
  ['', 'not one statement'],
])('%s bypasses: %s', (sql, reason) => {
  expect(decide(sql)).toMatchObject({ cacheable: false, reason });
});

test.each([
  [{ inTransaction: true }, 'in a transaction'],
  [{ autocommit: false }, 'autocommit off'],
  [{ hasOwnTables: true }, 'temporary or locked tables'],
  [{ understood: false }, 'session not understood'],
  [{ schema: null }, 'no default schema'],
])('a session with %j bypasses', (changed, reason) => {
  expect(decide('SELECT id FROM user', changed)).toEqual({ cacheable: false, reason });
});

test('a table that is not loaded yet is named, so that it can be', () => {
  expect(decide('SELECT id FROM late')).toMatchObject({ load: { schema: 'school', table: 'late' } });
});
