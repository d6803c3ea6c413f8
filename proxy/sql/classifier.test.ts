import { parseText, type Statement } from './classifier';
import { defaultSqlMode } from './sql-mode';

const parse = (sql: string): Statement => {
  const { statements } = parseText(sql, defaultSqlMode);
  if (statements.length !== 1 || statements[0] === undefined) throw new Error(`${statements.length} statements`);
  return statements[0];
};
const names = (tables: Statement['tables']['reads']): string =>
  tables === null ? '?' : tables.map(({ schema, table }) => (schema === null ? table : `${schema}.${table}`)).join(' ');

const cases: [sql: string, kind: string, effect: string, reads: string, writes: string, why: string][] = [
  ['SELECT 1', 'select', 'read', '', '', 'no table'],
  [
    'select * from a, `b` x join c.d on x.i = d.i, e where f in (select g from h)',
    'select',
    'read',
    'a b c.d e h',
    '',
    'lists, joins, subqueries',
  ],
  ['(SELECT 1 FROM a) UNION (SELECT 2 FROM b) LIMIT 1', 'select', 'read', 'a b', '', 'union'],
  ['SELECT * FROM (a, b) LEFT JOIN (SELECT * FROM c) x USING (i)', 'select', 'read', 'a b c', '', 'groups'],
  ['SELECT EXTRACT(YEAR FROM d), TRIM(LEADING x FROM y) FROM a', 'select', 'read', 'a', '', 'FROM inside functions'],
  ['SELECT * FROM a USE INDEX (i, j), b FORCE INDEX FOR JOIN (k)', 'select', 'read', 'a b', '', 'index hints'],
  ['SELECT * FROM a PARTITION (p1, p2) AS x, b', 'select', 'read', 'a b', '', 'partitions'],
  ['WITH c AS (SELECT 1) SELECT * FROM c', 'select', 'read', '?', '', 'common tables are not followed'],
  ['SELECT my_function(1) FROM a', 'select', 'unknown', '?', '?', 'a stored function may write'],
  ['SELECT app.now() FROM a', 'select', 'unknown', '?', '?', 'a qualified one too'],
  ['SELECT NEXTVAL(s)', 'select', 'unknown', '?', '?', 'a sequence writes'],
  ['SELECT a INTO @x FROM t', 'select', 'session', 't', '', 'sets a variable'],
  ['SELECT a FROM t FOR UPDATE', 'select', 'read', 't', '', 'locks'],
  ['INSERT INTO a SELECT * FROM b', 'insert', 'write', 'b', 'a', 'reads another'],
  ['REPLACE a.b VALUES (1)', 'replace', 'write', '', 'a.b', 'no INTO'],
  ['UPDATE a SET x = (SELECT y FROM b)', 'update', 'write', 'b', 'a', 'subquery'],
  [
    'UPDATE LOW_PRIORITY a x, b JOIN c ON x.i = c.i SET x.v = 1',
    'update',
    'write',
    '',
    'a b c',
    'all joined count as written',
  ],
  ['DELETE FROM a WHERE x = 1', 'delete', 'write', 'a', 'a', 'one table'],
  ['DELETE x FROM a x JOIN b ON x.i = b.i', 'delete', 'write', 'a b', 'a b', 'several tables'],
  ['DELETE FROM x USING a x, b', 'delete', 'write', 'x a b', 'x a b', 'USING'],
  ["LOAD DATA LOCAL INFILE 'f' INTO TABLE a (v)", 'load', 'write', '', 'a', 'file'],
  ['CALL p()', 'call', 'unknown', '?', '?', 'anything'],
  ['HANDLER a OPEN', 'other', 'unknown', '?', '?', 'not understood'],
  ['TRUNCATE a', 'ddl', 'ddl', '?', '?', 'definitions'],
  ['BEGIN', 'begin', 'session', '', '', 'transaction'],
  ['START TRANSACTION READ ONLY', 'begin', 'session', '', '', 'transaction'],
  ['BEGIN NOT ATOMIC SELECT 1; END', 'other', 'unknown', '?', '?', 'a block'],
  ['ROLLBACK TO SAVEPOINT s', 'savepoint', 'session', '', '', 'keeps the transaction'],
  ['ROLLBACK WORK', 'rollback', 'session', '', '', 'ends it'],
  ['SET STATEMENT max_statement_time = 1 FOR DELETE FROM a', 'delete', 'write', 'a', 'a', 'behind a prefix'],
  ['SET @x = app_function()', 'set', 'unknown', '?', '?', 'may write'],
  ['SHOW TABLES', 'show', 'read', '?', '', 'metadata'],
  ['EXPLAIN INSERT INTO a VALUES (1)', 'show', 'read', '?', '', 'does not run'],
  [
    'CREATE TRIGGER t AFTER INSERT ON a FOR EACH ROW BEGIN SET @x=1; SET @y=2; END',
    'ddl',
    'ddl',
    '?',
    '?',
    'one statement',
  ],
];
it.each(cases)('%s', (sql, kind, effect, reads, writes) => {
  const statement = parse(sql);
  expect([statement.kind, statement.effect, names(statement.tables.reads), names(statement.tables.writes)]).toEqual([
    kind,
    effect,
    reads,
    writes,
  ]);
});

it('classifies each statement of a text', () => {
  const { statements } = parseText("SELECT ';'; INSERT INTO a VALUES (1) ; COMMIT;", defaultSqlMode);
  expect(statements.map(({ kind }) => kind)).toEqual(['select', 'insert', 'commit']);
});

it('trusts nothing in a text that it cannot read', () => {
  expect(parseText("INSERT INTO a VALUES ('", defaultSqlMode)).toMatchObject({ statements: [], broken: true });
});
