import type { ColumnDef } from '../change-set';
import type { RowWrite } from './apply-plan';
import { binlogStatements } from './binlog-statement';
import { databaseFailure, isDatabaseError } from './database-error';
import { keyToRaise } from './generated-key';
import { localColumn } from './local-column';
import type { LocalTable } from './local-table';
import { displaced } from './placeholder';

const failed = (errno: number | undefined, code: string): Error => Object.assign(new Error(code), { errno, code });

describe('what a failed statement means', () => {
  test.each([
    ['a row that is not there', 1032, 'ER_KEY_NOT_FOUND', 'row'],
    ['a duplicate', 1062, 'ER_DUP_ENTRY', 'row'],
    ['a CHECK', 4025, 'ER_CONSTRAINT_FAILED', 'row'],
    ['a deadlock', 1213, 'ER_LOCK_DEADLOCK', 'busy'],
    ['a lock held long', 1205, 'ER_LOCK_WAIT_TIMEOUT', 'busy'],
    ['a full disk', 1021, 'ER_DISK_FULL', 'busy'],
    ['no privilege', 1227, 'ER_SPECIFIC_ACCESS_DENIED_ERROR', 'privilege'],
    ['a closed socket', undefined, 'PROTOCOL_CONNECTION_LOST', 'lost'],
    ['a broken pipe', -32, 'EPIPE', 'lost'],
    ['KILL CONNECTION', 1927, 'ER_CONNECTION_KILLED', 'lost'],
  ])('%s', (_reason, errno, code, kind) => {
    expect(isDatabaseError(failed(errno, code))).toBe(true);
    expect(databaseFailure(failed(errno, code)).kind).toBe(kind);
  });

  test('a bug of ours is none of these', () => expect(isDatabaseError(new TypeError('x'))).toBe(false));
});

const int: ColumnDef = {
  name: 'id',
  type: 3,
  meta: 0,
  nullable: false,
  unsigned: false,
  collation: null,
  members: null,
};
const table: LocalTable = {
  schema: 'app',
  table: 't',
  columns: [int, { ...int, name: 'u', nullable: true }, { ...int, name: 'code', type: 15, meta: 6 }],
  primaryKey: ['id'],
  uniqueColumns: ['u', 'code'],
  autoIncrement: 'id',
  cascadesTo: [],
};
const row = (change: RowWrite['change'], after: RowWrite['after']): RowWrite => ({
  change,
  table,
  columns: table.columns,
  before: change === 'insert' ? null : [Uint8Array.of(1, 0, 0, 0), undefined, undefined],
  after,
  foreignKeyChecks: true,
});

describe('generated keys', () => {
  test.each([
    ['an insert', row('insert', [Uint8Array.of(0x39, 0x30, 0, 0), null, null]), 12345n],
    ['a negative key counts for nothing', row('insert', [Uint8Array.of(255, 255, 255, 255), null, null]), null],
    ['an update generates none', row('update', [Uint8Array.of(1, 0, 0, 0), null, null]), null],
  ])('%s', (_reason, write, key) => expect(keyToRaise(write)).toBe(key));
});

describe('unique values put out of the way', () => {
  test('NULL where it may be, a text of the column’s length otherwise, other columns untouched', () => {
    const away = displaced(row('update', [undefined, Uint8Array.of(5, 0, 0, 0), Buffer.from('\u0003abc')]), 7);
    expect(away?.after?.[0]).toBeUndefined();
    expect(away?.after?.[1]).toBeNull();
    expect(Buffer.from(away?.after?.[2] ?? []).toString('latin1')).toBe('\u0006~duara'.slice(0, 7));
  });

  test('nothing to put away', () => {
    expect(displaced(row('insert', [Uint8Array.of(1, 0, 0, 0), null, null]), 0)).toBeNull();
    expect(displaced(row('update', [Uint8Array.of(1, 0, 0, 0), undefined, undefined]), 0)).toBeNull();
  });
});

describe('columns as the server would map them', () => {
  const schema = { name: 'c', nullable: true, octetLength: 0, precision: 0, scale: 0, fraction: 0 };
  test.each([
    ['varchar', { dataType: 'varchar', columnType: 'varchar(20)', octetLength: 80 }, 15, 80],
    ['decimal', { dataType: 'decimal', columnType: 'decimal(10,2)', precision: 10, scale: 2 }, 246, 10 | (2 << 8)],
    ['datetime with a fraction', { dataType: 'datetime', columnType: 'datetime(3)', fraction: 3 }, 18, 3],
    ['bit', { dataType: 'bit', columnType: 'bit(11)', precision: 11 }, 16, (1 << 8) | 3],
    ['a set of nine', { dataType: 'set', columnType: "set('a','b','c','d','e','f','g','h','i')" }, 248, 2],
  ])('%s', (_reason, column, type, meta) =>
    expect(localColumn({ ...schema, ...column })).toMatchObject({ type, meta }),
  );
});

describe('BINLOG statements', () => {
  const events = Buffer.from('some events');
  test('one statement', () =>
    expect(binlogStatements(events, 1000)).toEqual([`BINLOG '${events.toString('base64')}'`]));
  test('two fragments for what a packet does not hold', () => {
    const statements = binlogStatements(events, 4);
    const parts = statements.slice(0, 2).map((sql) => /'(.*)'/.exec(sql)?.[1]);
    expect(parts.join('')).toBe(events.toString('base64'));
    expect(statements[2]).toBe('BINLOG @duara_a, @duara_b');
  });
});
