import * as fc from 'fast-check';
import type { ColumnDef } from '../../change-set';
import { columns, values } from '../table-arbitraries.test';
import { columnLength } from '../column-length';
import { ColumnType } from '../column-type';
import { columnToJson, shortestFloat } from './column-to-json';
import { columnToSqlLiteral } from './column-to-sql';
import { decimalText, decimalToUnscaled, unscaledToDecimal } from './decimal';
import { bigIntToColumn, columnToBigInt } from './integers';

const column = (type: number, meta = 0, rest: Partial<ColumnDef> = {}): ColumnDef => ({
  name: 'c',
  type,
  meta,
  nullable: true,
  unsigned: false,
  collation: null,
  members: null,
  ...rest,
});

test('every integer of every width comes back as it was; others do not fit', () => {
  const bits: Record<number, number> = { 1: 8, 2: 16, 9: 24, 3: 32, 8: 64 };
  const cases = fc.record({
    type: fc.constantFrom(1, 2, 9, 3, 8),
    unsigned: fc.boolean(),
    value: fc
      .bigInt({ min: -(2n ** 64n), max: 2n ** 65n })
      .chain((wide) => fc.nat({ max: 65 }).map((shift) => wide >> BigInt(shift))),
  });
  fc.assert(
    fc.property(cases, ({ type, unsigned, value }) => {
      const width = BigInt(bits[type] ?? 0);
      const [lowest, above] = unsigned ? [0n, 2n ** width] : [-(2n ** (width - 1n)), 2n ** (width - 1n)];
      const bytes = bigIntToColumn(column(type, 0, { unsigned }), value);
      if (value < lowest || value >= above) expect(bytes).toBe(null);
      else expect(columnToBigInt(column(type, 0, { unsigned }), bytes)).toBe(value);
    }),
  );
});

test('every decimal comes back as it was; one with too many digits does not fit', () => {
  const cases = fc
    .record({
      precision: fc.integer({ min: 1, max: 65 }),
      scale: fc.nat({ max: 30 }),
      digits: fc.integer({ min: 1, max: 66 }),
    })
    .chain(({ precision, scale, digits }) =>
      fc.record({
        precision: fc.constant(precision),
        scale: fc.constant(Math.min(scale, precision)),
        value: fc.bigInt({ min: -(10n ** BigInt(digits)) + 1n, max: 10n ** BigInt(digits) - 1n }),
      }),
    );
  fc.assert(
    fc.property(cases, ({ precision, scale, value }) => {
      const meta = precision | (scale << 8);
      const bytes = unscaledToDecimal(meta, value);
      if (value >= 10n ** BigInt(precision) || value <= -(10n ** BigInt(precision))) {
        expect(bytes).toBe(null);
        return;
      }
      expect(decimalToUnscaled(meta, bytes ?? Buffer.alloc(0))).toBe(value);
      const text = decimalText(meta, bytes ?? Buffer.alloc(0));
      expect(BigInt(text.replace('.', ''))).toBe(value);
      expect(text.split('.')[1]?.length ?? 0).toBe(scale);
    }),
  );
});

test('the shortest number that is a FLOAT', () => {
  fc.assert(
    fc.property(fc.float({ noNaN: true, noDefaultInfinity: true }), (value) => {
      const shortest = shortestFloat(value);
      expect(Math.fround(shortest)).toBe(value);
      expect(String(shortest).length).toBeLessThanOrEqual(String(value).length);
    }),
  );
  expect(shortestFloat(Math.fround(0.1))).toBe(0.1);
});

test('any bytes of the right length give a value or a typed error, and one cut short a typed error', () => {
  const cases = columns.chain((def) => fc.record({ def: fc.constant(def), value: values(def) }));
  fc.assert(
    fc.property(cases, ({ def, value }) => {
      for (const act of [columnToJson, columnToSqlLiteral]) {
        try {
          act(def, value);
        } catch (error) {
          expect((error as { code?: string }).code).toMatch(/^DUARA_/);
        }
        for (let end = 0; end < (value?.length ?? 0); end++) {
          expect(() => act(def, (value ?? Buffer.alloc(0)).subarray(0, end))).toThrow(
            expect.objectContaining({ code: expect.stringMatching(/^DUARA_/) as unknown }),
          );
        }
      }
    }),
    { numRuns: 300 },
  );
});

test.each([
  ['old TIME', column(ColumnType.time), 'f0d8ff', '-01:00:00'],
  ['old DATETIME', column(ColumnType.datetime), 20240229123456n.toString(16).padStart(16, '0'), '2024-02-29 12:34:56'],
  ['old TIMESTAMP', column(ColumnType.timestamp), '00f15365', '2023-11-14 22:13:20'],
  ['year 0', column(ColumnType.year), '00', '0000'],
  ['error value of an ENUM', column(ColumnType.enum, 1, { members: ['a'] }), '00', ''],
  ['an int beyond 2^53 as text', column(ColumnType.longlong), '0100000000002000', '9007199254740993'],
  ['BINARY gets its zeros back', column(ColumnType.string, 4, { collation: 63 }), '0161', { base64: 'YQAAAA==' }],
  ['latin1 is cp1252', column(ColumnType.varchar, 9, { collation: 8 }), '0280e4', '€ä'],
  ['text of an unknown character set', column(ColumnType.varchar, 9, { collation: 35 }), '020061', { base64: 'AGE=' }],
  ['bytes that are not valid UTF-8', column(ColumnType.varchar, 9, { collation: 45 }), '01ff', { base64: '/w==' }],
])('%s', (_reason, def, hex, expected) => {
  const bytes = Buffer.from(hex, 'hex');
  expect(columnToJson(def, hex.length === 16 && def.type === ColumnType.datetime ? bytes.reverse() : bytes)).toEqual(
    expected,
  );
});

/** Bytes after MySQL's description of its format: type, count, size, entries, keys, values. */
test.each([
  ['04 01', 'true'],
  ['04 00', 'null'],
  ['05 ffff', '-1'],
  ['06 ffff', '65535'],
  ['07 ffffff7f', '2147483647'],
  ['0a ffffffffffffffff', '18446744073709551615'],
  ['0b 000000000000f83f', '1.5'],
  ['0b 000000000000f03f', '1.0'],
  ['0c 03 61c3a4', '"aä"'],
  ['02 0000 0400', '[]'],
  ['00 0000 0400', '{}'],
  // {"a": 1, "b": [null, "x"]}
  [
    '00 0200 2000 1200 0100 1300 0100 05 0100 02 1400 61 62 0200 0c00 04 0000 0c 0a00 01 78',
    '{"a": 1, "b": [null, "x"]}',
  ],
  ['0f f6 04 0402 8c22', '12.34'],
])('MySQL JSON %s', (hex, expected) => {
  const content = Buffer.from(hex.replaceAll(' ', ''), 'hex');
  const bytes = Buffer.concat([Buffer.alloc(4), content]);
  bytes.writeUInt32LE(content.length, 0);
  const def = column(ColumnType.json, 4);
  expect(columnLength(def, bytes, 0)).toBe(bytes.length);
  expect(columnToJson(def, bytes)).toBe(expected);
});

test('MySQL JSON that points outside of itself, or into itself for ever, is a typed error', () => {
  const json = (hex: string) => {
    const content = Buffer.from(hex, 'hex');
    return columnToJson(column(ColumnType.json, 1), Buffer.concat([Buffer.of(content.length), content]));
  };
  expect(() => json('02010000000c0900')).toThrow(expect.objectContaining({ code: 'DUARA_PAYLOAD_TOO_SHORT' }));
  expect(() => json('020100ffff020000')).toThrow(expect.objectContaining({ code: 'DUARA_BINLOG_FORMAT' }));
  expect(() => json('63')).toThrow(expect.objectContaining({ code: 'DUARA_BINLOG_FORMAT' }));
});
