import * as fc from 'fast-check';
import type { ColumnDef } from '../change-set';
import { add, bytesOf, compareExact, exactOf, subtract } from './numbers';

const def = (type: number, more: Partial<ColumnDef> = {}): ColumnDef => ({
  ...{ name: 'c', type, meta: 0, nullable: true, unsigned: false, collation: null, members: null },
  ...more,
});
const decimal = (precision: number, scale: number): ColumnDef => def(246, { meta: (precision << 8) | scale });
const hex = (bytes: Uint8Array | null): string | null => (bytes === null ? null : Buffer.from(bytes).toString('hex'));

test.each([
  ['TINY -1', def(1), 'ff', -1n, 0],
  ['TINY 255 unsigned', def(1, { unsigned: true }), 'ff', 255n, 0],
  ['LONG 1, little endian', def(3), '01000000', 1n, 0],
  ['INT24 -2', def(9), 'feffff', -2n, 0],
  ['LONGLONG 2^64-1 unsigned', def(8, { unsigned: true }), 'ffffffffffffffff', 2n ** 64n - 1n, 0],
  ['DECIMAL(14,4) 1234567890.1234, the example of decimal.c', decimal(14, 4), '810dfb38d204d2', 12345678901234n, 4],
  ['DECIMAL(14,4) -1234567890.1234', decimal(14, 4), '7ef204c72dfb2d', -12345678901234n, 4],
  ['DECIMAL(10,5) 7.50000', decimal(10, 5), '80000700c350', 750000n, 5],
])('%s', (_name, column, bytes, unscaled, scale) => {
  expect(exactOf(column, Buffer.from(bytes, 'hex'))).toEqual({ unscaled, scale });
  expect(hex(bytesOf(column, { unscaled, scale }))).toBe(bytes);
});

test('any decimal comes back', () => {
  const columns = fc
    .integer({ min: 1, max: 65 })
    .chain((precision) => fc.tuple(fc.constant(precision), fc.integer({ min: 0, max: Math.min(30, precision) })));
  fc.assert(
    fc.property(
      columns,
      fc.bigInt({ min: 0n, max: 10n ** 65n }),
      fc.boolean(),
      ([precision, scale], digits, negative) => {
        const unscaled = (digits % 10n ** BigInt(precision)) * (negative ? -1n : 1n);
        expect(exactOf(decimal(precision, scale), bytesOf(decimal(precision, scale), { unscaled, scale }))).toEqual({
          unscaled,
          scale,
        });
      },
    ),
  );
});

test.each([
  ['above the most', def(1), 200n, '7f'],
  ['below the least', def(1), -200n, '80'],
  ['below zero, unsigned', def(1, { unsigned: true }), -1n, '00'],
])('a sum %s stops there', (_reason, column, unscaled, bytes) => {
  expect(hex(bytesOf(column, { unscaled, scale: 0 }))).toBe(bytes);
});

test.each([
  ['NULL', def(3), null],
  ['text', def(254), Buffer.from('12')],
  ['a width that is not the column type’s', def(3), Buffer.from([1])],
  ['a decimal cut short', decimal(14, 4), Buffer.from([0x81])],
])('%s is no number', (_reason, column, bytes) => {
  expect(exactOf(column, bytes)).toBeNull();
});

test('arithmetic is exact across scales', () => {
  const [a, b] = [
    { unscaled: 15n, scale: 1 },
    { unscaled: 1n, scale: 3 },
  ];
  expect(add(a, b)).toEqual({ unscaled: 1501n, scale: 3 });
  expect(subtract(a, b)).toEqual({ unscaled: 1499n, scale: 3 });
  expect([compareExact(a, b), compareExact(b, a), compareExact(a, { unscaled: 150n, scale: 2 })]).toEqual([1, -1, 0]);
});
