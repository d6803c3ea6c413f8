import * as fc from 'fast-check';
import { OneRowEdit } from './key-edits';

test('written into a packet it is its text, whatever the number of digits', () => {
  const key = fc.oneof(fc.bigInt({ min: 1n, max: 2n ** 53n - 1n }), fc.bigInt({ min: 1n, max: 2n ** 32n }));
  fc.assert(
    fc.property(key, fc.nat({ max: 9 }), (value, at) => {
      const edit = new OneRowEdit(value);
      const into = Buffer.alloc(80, '.');
      expect(edit.text).toBe(`SET STATEMENT insert_id=${value} FOR `);
      expect(edit.length).toBe(edit.text.length);
      expect(edit.write(into, at)).toBe(at + edit.length);
      expect(into.toString()).toBe(edit.text.padStart(at + edit.length, '.').padEnd(80, '.'));
    }),
  );
});

test.each([9n, 10n, 99_999_999n, 100_000_000n, 100_000_001n, 2n ** 44n, 2n ** 53n - 1n])('%s', (key) => {
  const edit = new OneRowEdit(key);
  const into = Buffer.alloc(edit.length);
  edit.write(into, 0);
  expect(into.toString()).toBe(edit.text);
});
