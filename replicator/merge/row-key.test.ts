import * as fc from 'fast-check';
import { keyBytes, keyFromBytes, rowKey, uniqueKey } from './row-key';

const parts = fc.record({
  schema: fc.constantFrom('a', 'ab', '', 'é'),
  table: fc.constantFrom('a', 'b', 'ba', ''),
  index: fc.constantFrom('a', 'b', ''),
  values: fc.array(fc.uint8Array({ maxLength: 3, max: 3 }), { maxLength: 3 }),
});

test('keys are equal exactly if their parts are', () => {
  const plain = (p: { values: Uint8Array[] }): string => JSON.stringify({ ...p, values: p.values.map((v) => [...v]) });
  fc.assert(
    fc.property(parts, parts, (a, b) => {
      expect(uniqueKey(a) === uniqueKey(b)).toBe(plain(a) === plain(b));
      expect(rowKey(a) === rowKey(b)).toBe(
        plain({ ...a, index: '' } as typeof a) === plain({ ...b, index: '' } as typeof b),
      );
      expect(rowKey(a) as string).not.toBe(uniqueKey(b));
    }),
    { numRuns: 3_000 },
  );
});

test.each([
  ['a value split elsewhere', [[1, 2], [3]], [[1], [2, 3]]],
  ['an empty value is a value', [[]], []],
  ['a length is not taken for a value', [[1, 1]], [[1], [1]]],
])('%s', (_reason, a, b) => {
  const key = (values: number[][]): string =>
    rowKey({ schema: 's', table: 't', values: values.map((v) => Uint8Array.from(v)) });
  expect(key(a)).not.toBe(key(b));
});

test('a long value is in the key by its hash: equal for equal values only, and short enough for a record', () => {
  const key = (values: Uint8Array[]): string => uniqueKey({ schema: 's', table: 't', index: 'u', values });
  const long = Buffer.alloc(70_000, 1);
  const other = Buffer.from(long).fill(2, 69_999);
  expect(key([long])).toBe(key([Buffer.from(long)]));
  expect(new Set([[long], [other], [long, other], [other, long], [long.subarray(1)]].map(key)).size).toBe(5);
  expect(key(Array.from({ length: 32 }, () => long)).length).toBeLessThan(64 * 1024);
  const many = Array.from({ length: 32 }, () => Buffer.alloc(1_024));
  expect(key(many).length).toBeLessThan(64 * 1024);
  expect(key(many)).not.toBe(key(many.map(() => Buffer.alloc(1_025))));
});

test('a key survives its way as bytes', () => {
  const key = rowKey({ schema: 's', table: 'é', values: [Uint8Array.of(0, 127, 128, 255)] });
  expect(keyFromBytes(keyBytes(key))).toBe(key);
});
