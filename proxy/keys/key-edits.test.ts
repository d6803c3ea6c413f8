import * as fc from 'fast-check';
import { isKeyed, keyEdit, keyVariable, OneRowEdit } from './key-edits';
import { withEdits } from '../sql/text-edit';

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

const insert = 'SET STATEMENT max_statement_time=1 FOR INSERT INTO t (v) VALUES (1)';
const behind = insert.indexOf('INSERT');
test.each([
  ['a key', { start: behind, listStart: null }, 912464862518272n],
  ['in the list of its own SET STATEMENT', { start: 0, listStart: insert.indexOf('max') }, 5n],
  ['none, since a trigger gives it', { start: behind, listStart: null, table: { schema: 'a', table: 't' } }, 0n],
  ['one in a variable', { start: behind, listStart: null }, keyVariable],
] as const)('what holds an edit is known: %s', (_what, place, key) => {
  const edited = withEdits(insert, [keyEdit(place, key)]);
  expect(isKeyed(`BEGIN DO 1; ${edited}; END`)).toBe(true);
});

test.each([
  'SET insert_id = 5; INSERT INTO t (v) VALUES (1)',
  'SET STATEMENT insert_id=5 FOR INSERT INTO t (v) VALUES (1)',
  'SET STATEMENT insert_id=5 FOR INSERT INTO t (v) VALUES (1); SET @x=1,auto_increment_increment=1,auto_increment_offset=1',
  'SET STATEMENT auto_increment_increment=1,auto_increment_offset=1 FOR INSERT INTO t (last_insert_id) VALUES (1)',
])('what people write is not taken for one: %s', (text) => expect(isKeyed(text)).toBe(false));
