import { parseText } from '../sql/classifier';
import { defaultSqlMode } from '../sql/sql-mode';
import { addsIndex, indexedTable } from './table-definitions';

test.each([
  ['CREATE INDEX i ON t (a)', true],
  ['CREATE UNIQUE INDEX i ON t (a)', true],
  ['CREATE OR REPLACE FULLTEXT INDEX i ON t (a)', true],
  ['/* c */ create index i on t (a)', true],
  ['DROP INDEX `PRIMARY` ON t', false],
  ['CREATE TABLE `index` (id INT)', false],
  ['CREATE TABLE t (a INT, INDEX (a))', false],
  ['CREATE UNIQUE TABLE t', false],
  ['ALTER TABLE t ADD INDEX (a)', false],
])('%s adds an index and nothing else: %s', (sql, expected) => {
  const [statement] = parseText(sql, defaultSqlMode).statements;
  if (statement === undefined) throw new Error('no statement');
  expect(addsIndex(statement)).toBe(expected);
});

test.each([
  ['CREATE INDEX i ON t (a)', { schema: null, table: 't' }],
  ['CREATE UNIQUE INDEX IF NOT EXISTS `on` USING BTREE ON `s`.`t` (a)', { schema: 's', table: 't' }],
  ['CREATE TABLE t (a INT)', null],
  ['ALTER TABLE t ADD INDEX (a)', null],
])('the table that %s indexes', (sql, expected) => {
  const [statement] = parseText(sql, defaultSqlMode).statements;
  if (statement === undefined) throw new Error('no statement');
  expect(indexedTable(statement)).toEqual(expected);
});
