import type { BinlogEvent, EventHeader } from '../binlog/events';
import type { TableDef } from '../change-set';
import { transactionDigest } from './capture-state';
import { statementKind } from './statement-kind';
import { type LoggedTransaction, TransactionAssembler } from './transaction-assembler';

const header = (timestampSec = 100, typeCode = 0): EventHeader => ({
  timestampSec,
  typeCode,
  serverId: 1,
  eventSize: 0,
  nextPosition: 0,
  flags: 0,
});
const def = (name: string): TableDef['columns'][number] => ({
  name,
  type: 8,
  meta: 0,
  nullable: false,
  unsigned: true,
  collation: null,
  members: null,
});
const applied: TableDef = {
  schema: 'duara',
  table: 'applied',
  columns: [def('origin'), def('incarnation'), def('seq'), def('hlc')],
  primaryKey: [1],
};
const plain: TableDef = { schema: 'a', table: 't', columns: [def('id')], primaryKey: [0] };

const gtid = (id: string, standalone = false): BinlogEvent => ({
  kind: 'gtid',
  gtid: id,
  standalone,
  ddl: standalone,
  header: header(),
});
const map = (tableId: bigint, table: TableDef): BinlogEvent => ({ kind: 'tableMap', tableId, table, header: header() });
const rows = (tableId: bigint, ...after: Uint8Array[]): BinlogEvent => ({
  kind: 'rows',
  change: 'insert',
  tableId,
  rows: [{ before: null, after }],
  endOfStatement: true,
  header: header(),
});
const query = (sql: string): BinlogEvent => ({ kind: 'query', schema: 'a', sql, header: header(200) });
const xid: BinlogEvent = { kind: 'xid', header: header(300) };

function feed(...events: BinlogEvent[]): LoggedTransaction[] {
  const assembler = new TransactionAssembler();
  return events.map((event) => assembler.feed(event)).filter((transaction) => transaction !== null);
}

test('row events up to the XID are one transaction, with the time of its commit', () => {
  const [only, ...more] = feed(
    gtid('0-1-5'),
    map(9n, plain),
    rows(9n, Buffer.from([1])),
    rows(9n, Buffer.from([2])),
    xid,
  );
  expect(more).toEqual([]);
  expect(only).toMatchObject({ gtid: '0-1-5', timestampSec: 300, applied: [], statements: [] });
  expect(only?.rows.map((event) => event.table)).toEqual([plain, plain]);
});

test('a row event on duara.applied makes the transaction ours and tells what became applied', () => {
  const mark = [
    Buffer.from([1]),
    Buffer.from([0x34, 0x02]),
    Buffer.from([9, 1, 0, 0, 0, 0, 0, 0]),
    Buffer.from([0, 0, 0, 0, 0, 0, 0, 1]),
  ];
  const [ours] = feed(
    gtid('0-1-6'),
    map(9n, plain),
    map(10n, applied),
    rows(9n, Buffer.from([1])),
    rows(10n, ...mark),
    xid,
  );
  expect(ours?.applied).toEqual([{ incarnation: 0x234, seq: 265n, hlc: 1n << 56n }]);
});

test('tables without transactions end with COMMIT as text; a statement that stands alone ends itself', () => {
  expect(feed(gtid('0-1-5'), map(9n, plain), rows(9n, Buffer.from([1])), query('COMMIT'))).toMatchObject([
    { timestampSec: 200 },
  ]);
  expect(feed(gtid('0-1-6', true), query('ALTER TABLE t ADD c INT'), gtid('0-1-7'), xid)).toMatchObject([
    { gtid: '0-1-6', statements: [{ schema: 'a', kind: 'schema' }] },
    { gtid: '0-1-7', statements: [] },
  ]);
});

test('MySQL writes BEGIN as text, and DDL without it', () => {
  const uuid = '3e11fa47-71ca-11e1-9e33-c80aa9429562';
  expect(feed(gtid(`${uuid}:1`), query('BEGIN'), xid, gtid(`${uuid}:2`), query('DROP TABLE t'))).toMatchObject([
    { gtid: `${uuid}:1`, statements: [] },
    { gtid: `${uuid}:2`, statements: [{ kind: 'schema' }] },
  ]);
});

test('CREATE TABLE … SELECT is its statement and its rows', () => {
  const [made] = feed(gtid('0-1-5'), query('CREATE TABLE t (id int)'), map(9n, plain), rows(9n, Buffer.from([1])), xid);
  expect(made).toMatchObject({ statements: [{ kind: 'schema' }], rows: [{ table: plain }] });
});

test('a half-read transaction is forgotten on reset, and its rest is not taken for another', () => {
  const assembler = new TransactionAssembler();
  for (const event of [gtid('0-1-5'), map(9n, plain), rows(9n, Buffer.from([1]))]) assembler.feed(event);
  assembler.reset();
  expect(assembler.feed(xid)).toBeNull();
  expect(() => assembler.feed(rows(9n, Buffer.from([1])))).toThrow(
    expect.objectContaining({ code: 'DUARA_LOG_MALFORMED' }),
  );
});

const one = (value: number): BinlogEvent => rows(9n, Buffer.from([value]));
const values = (transaction: LoggedTransaction | undefined): (number | undefined)[] | undefined =>
  transaction?.rows.flatMap((event) => event.rows.map(({ after }) => after?.[0]?.[0]));

test('what was rolled back is not there: all of a transaction, or what came since a savepoint', () => {
  const [whole] = feed(gtid('0-1-5'), map(9n, plain), one(1), query('ROLLBACK'));
  expect(values(whole)).toEqual([]);
  const [part] = feed(
    ...[gtid('0-1-6'), map(9n, plain), one(1), query('SAVEPOINT `A`'), one(2), query('SAVEPOINT b'), one(3)],
    ...[query('ROLLBACK TO `a`'), one(4), query('ROLLBACK TO SAVEPOINT a'), one(5), xid],
  );
  expect(values(part)).toEqual([1, 5]);
  expect(part?.statements).toEqual([]);
});

test('a savepoint that the log does not name is left to be told of', () => {
  const [part] = feed(gtid('0-1-6'), map(9n, plain), one(1), query('ROLLBACK TO `z`'), xid);
  expect(part).toMatchObject({ statements: [{ kind: 'rollbackTo' }] });
  expect(values(part)).toEqual([1]);
});

test('rows of an XA transaction come with its XA COMMIT, and never after XA ROLLBACK', () => {
  const prepare = (id: string, xa: string, value: number): BinlogEvent[] => [
    ...[gtid(id), map(9n, plain), one(value), query(`XA END ${xa}`)],
    { kind: 'other', header: header(0, 38) },
  ];
  const [first, second, committed, rolledBack] = feed(
    ...[...prepare('0-1-5', "X'31',X'',1", 1), ...prepare('0-1-6', "X'32',X'',1", 2)],
    ...[gtid('0-1-7', true), query("XA COMMIT X'31',X'',1"), gtid('0-1-8', true), query("XA ROLLBACK X'32',X'',1")],
  );
  expect([first, second, committed, rolledBack].map(values)).toEqual([[], [], [1], []]);
  expect(rolledBack?.statements).toEqual([]);
  const [unknown] = feed(gtid('0-1-7', true), query("XA COMMIT X'31',X'',1"));
  expect(unknown).toMatchObject({ rows: [], statements: [{ kind: 'xa' }] });
  expect(unknown && committed && transactionDigest(unknown) === transactionDigest(committed)).toBe(true);
});

test('an incident stops capture: the server itself does not vouch for its log', () => {
  expect(() => feed({ kind: 'incident', message: 'LOST_EVENTS', header: header() })).toThrow(
    expect.objectContaining({ code: 'DUARA_LOG_INCIDENT' }),
  );
});

test.each([
  ['BEGIN', 'begin'],
  ['COMMIT', 'commit'],
  ['ROLLBACK', 'rollback'],
  ['ROLLBACK TO `sp`', 'rollbackTo'],
  ['SAVEPOINT `sp`', 'savepoint'],
  ['create table t (id int)', 'schema'],
  ['/* a tool */ ALTER TABLE t ADD c INT', 'schema'],
  ['-- note\nDROP TABLE `t` /* generated by server */', 'schema'],
  ['# note\nRENAME TABLE a TO b', 'schema'],
  ['SET STATEMENT max_statement_time=5 FOR ALTER TABLE t ADD c INT', 'schema'],
  ['CREATE OR REPLACE VIEW v AS SELECT 1', 'schema'],
  ['TRUNCATE t', 'truncate'],
  ['DROP /*!40005 TEMPORARY */ TABLE IF EXISTS `x`', 'other'],
  ['CREATE TEMPORARY TABLE x (id int)', 'other'],
  ['CREATE USER a', 'account'],
  ['GRANT ALL ON *.* TO a', 'account'],
  ['FLUSH TABLES', 'other'],
  ["XA COMMIT X'31'", 'xa'],
  ['INSERT INTO t VALUES (1)', 'data'],
  ['/* c */ update t set a=1', 'data'],
])('%s is %s', (sql, kind) => {
  expect(statementKind(sql)).toBe(kind);
});
