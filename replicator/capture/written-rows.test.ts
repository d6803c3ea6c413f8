import type { ColumnDef } from '../change-set';
import { WRITTEN_ROWS_MAX, writtenRows } from './written-rows';

const column = (type: number, unsigned = false): ColumnDef => ({
  name: 'id',
  type,
  meta: 0,
  nullable: false,
  unsigned,
  collation: null,
  members: null,
});
const bigint = (value: bigint): Uint8Array => {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64LE(value);
  return bytes;
};
const inserted = (...image: (Uint8Array | null)[]) => ({ before: null, after: image });

test.each([
  ['BIGINT', [column(8)], [inserted(bigint(5n))], [['5']]],
  ['negative', [column(8)], [inserted(bigint(-5n))], [['-5']]],
  ['TINYINT UNSIGNED', [column(1, true)], [inserted(Uint8Array.of(200))], [['200']]],
  ['MEDIUMINT', [column(9)], [inserted(Uint8Array.of(0xff, 0xff, 0xff))], [['-1']]],
  ['INT UNSIGNED', [column(3, true)], [inserted(Uint8Array.of(0, 0, 0, 0x80))], [['2147483648']]],
  ['a key that changes', [column(8)], [{ before: [bigint(5n)], after: [bigint(6n)] }], [['5'], ['6']]],
  ['text', [column(15)], [inserted(Uint8Array.of(1, 65))], null],
  ['NULL', [column(8)], [inserted(null)], null],
])('keys of rows, %s', (_what, columns, rows, expected) => {
  expect(writtenRows(columns, [0], rows)).toEqual(expected);
});

test('a key of two columns, in key order', () => {
  const columns = [column(8), column(2)];
  expect(writtenRows(columns, [1, 0], [inserted(bigint(7n), Uint8Array.of(1, 2))])).toEqual([['513', '7']]);
});

test('without a key, or with too many rows, they are unknown', () => {
  expect(writtenRows([column(8)], [], [inserted(bigint(5n))])).toBeNull();
  const rows = Array.from({ length: WRITTEN_ROWS_MAX + 1 }, (_, id) => inserted(bigint(BigInt(id))));
  expect(writtenRows([column(8)], [0], rows)).toBeNull();
  expect(writtenRows([column(8)], [0], rows.slice(1))).toHaveLength(WRITTEN_ROWS_MAX);
});
