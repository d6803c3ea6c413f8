import * as fc from 'fast-check';
import type { ColumnBytes, ColumnDef, TableDef } from '../change-set';
import { columnLength, decimalBytes, lengthPrefixBytes } from './column-length';
import { ColumnType } from './column-type';

/** Tables, and rows of them, for the property tests of this folder: every column type, values of any bytes. */

type Shape = Omit<ColumnDef, 'name' | 'nullable'>;

const shape = (type: number, meta: number, rest: Partial<Shape> = {}): Shape => ({
  type,
  meta,
  unsigned: false,
  collation: null,
  members: null,
  ...rest,
});

const collations = fc.constantFrom(8, 33, 45, 63, 255);
const fractionDigits = fc.integer({ min: 0, max: 6 });
const members = fc.uniqueArray(fc.string({ unit: 'grapheme', maxLength: 4 }), { minLength: 1, maxLength: 8 });

const numbers = fc
  .tuple(fc.constantFrom(1, 2, 3, 8, 9), fc.boolean())
  .map(([type, unsigned]) => shape(type, 0, { unsigned }));
const plain = fc.constantFrom(7, 10, 11, 12, 13).map((type) => shape(type, 0));
const reals = fc.constantFrom(shape(ColumnType.float, 4), shape(ColumnType.double, 8));
const fractions = fc.tuple(fc.constantFrom(17, 18, 19), fractionDigits).map(([type, meta]) => shape(type, meta));
const decimals = fc
  .tuple(fc.integer({ min: 1, max: 65 }), fc.integer({ min: 0, max: 30 }), fc.boolean())
  .map(([precision, scale, unsigned]) =>
    shape(ColumnType.newDecimal, precision | (Math.min(scale, precision) << 8), { unsigned }),
  );
const bits = fc.integer({ min: 1, max: 64 }).map((width) => shape(ColumnType.bit, (width % 8) | ((width >> 3) << 8)));
const strings = fc
  .tuple(fc.constantFrom(15, 141, 253, 254), fc.integer({ min: 1, max: 1020 }), collations)
  .map(([type, meta, collation]) => shape(type, meta, { collation }));
const blobs = fc
  .tuple(fc.constantFrom(252, 140), fc.integer({ min: 1, max: 4 }), collations)
  .map(([type, meta, collation]) => shape(type, meta, { collation }));
const geometry = fc.constant(shape(ColumnType.geometry, 4, { collation: 63 }));
const enums = fc
  .tuple(members, fc.constantFrom(1, 2))
  .map(([list, meta]) => shape(247, meta, { collation: 45, members: list }));
const sets = fc
  .tuple(members, fc.constantFrom(1, 8))
  .map(([list, meta]) => shape(248, meta, { collation: 45, members: list }));

const shapes = fc.oneof(numbers, plain, reals, fractions, decimals, bits, strings, blobs, geometry, enums, sets);

export const columns: fc.Arbitrary<ColumnDef> = fc
  .tuple(shapes, fc.string({ maxLength: 8 }), fc.boolean())
  .map(([rest, name, nullable]) => ({ ...rest, name, nullable }));

export const tables: fc.Arbitrary<TableDef> = fc
  .record({
    schema: fc.string({ maxLength: 10 }),
    table: fc.string({ maxLength: 10 }),
    columns: fc.array(columns, { minLength: 1, maxLength: 20 }),
    key: fc.nat(),
  })
  .map(({ key, ...table }) => ({ ...table, primaryKey: key % 3 === 0 ? [] : [key % table.columns.length] }));

function fixedBytes({ type, meta }: ColumnDef): number {
  const lengths: Record<number, number> = {
    1: 1,
    2: 2,
    3: 4,
    4: 4,
    5: 8,
    7: 4,
    8: 8,
    9: 3,
    10: 3,
    11: 3,
    12: 8,
    13: 1,
  };
  const withFraction: Record<number, number> = { 17: 4, 18: 5, 19: 3 };
  if (type === ColumnType.newDecimal) return decimalBytes(meta);
  if (type === ColumnType.bit) return Math.ceil(((meta >> 8) * 8 + (meta & 0xff)) / 8);
  if (type === ColumnType.enum || type === ColumnType.set) return meta;
  const base = withFraction[type];
  return base === undefined ? (lengths[type] ?? 0) : base + Math.ceil(meta / 2);
}

/** Any bytes of the right length, prefix included. */
export function values(column: ColumnDef): fc.Arbitrary<ColumnBytes> {
  const prefix = lengthPrefixBytes(column);
  const some =
    prefix === 0
      ? fc
          .uint8Array({ minLength: fixedBytes(column), maxLength: fixedBytes(column) })
          .map((bytes) => Buffer.from(bytes))
      : fc.uint8Array({ maxLength: 40 }).map((content) => {
          const bytes = Buffer.alloc(prefix + content.length);
          bytes.writeUIntLE(content.length, 0, prefix);
          bytes.set(content, prefix);
          return bytes;
        });
  return fc.oneof({ weight: 5, arbitrary: some }, { weight: 1, arbitrary: fc.constant(null) });
}

/** Rows that carry just the columns at `present`. */
export function images(table: TableDef, present: readonly number[]): fc.Arbitrary<(ColumnBytes | undefined)[]> {
  return fc.tuple(
    ...table.columns.map((column, index) => (present.includes(index) ? values(column) : fc.constant(undefined))),
  );
}

test('a value made here is as long as its column says', () => {
  const withValue = columns.chain((column) => fc.tuple(fc.constant(column), values(column)));
  fc.assert(
    fc.property(withValue, ([column, value]) => {
      if (value !== null) expect(columnLength(column, Buffer.from(value), 0)).toBe(value.length);
    }),
  );
});
