import type { ColumnDef, TableDef } from '../change-set';
import { visibilityProbe } from './visibility-probe';

const column = (name: string, more: Partial<ColumnDef> = {}): ColumnDef => ({
  name,
  type: 8,
  meta: 0,
  nullable: false,
  unsigned: false,
  collation: null,
  members: null,
  ...more,
});
const id = Uint8Array.of(0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff);
const name = Uint8Array.of(1, 0x61);
const table = (columns: ColumnDef[], primaryKey: number[]): TableDef => ({
  schema: 's',
  table: 'a`b',
  columns,
  primaryKey,
});

test.each([
  [
    'the last row that was written, by its whole key',
    table([column('id'), column('n', { type: 15, meta: 40, collation: 45 })], [1, 0]),
    [
      [Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0), name],
      [id, name],
    ],
    "SELECT 1 FROM `s`.`a``b` WHERE `n` = _utf8mb4 x'61' AND `id` = -2 LOCK IN SHARE MODE",
  ],
  ['all rows without a key', table([column('id')], []), [[id]], 'SELECT COUNT(*) FROM `s`.`a``b` LOCK IN SHARE MODE'],
  [
    'and with a key that has no literal',
    table([column('g', { type: 255, meta: 4 })], [0]),
    [[Uint8Array.of(0, 0, 0, 0)]],
    'SELECT COUNT(*) FROM `s`.`a``b` LOCK IN SHARE MODE',
  ],
])('asks for %s', (_what, def, images, sql) => {
  const inserted = images.map((after) => ({ before: null, after }));
  const deleted = images.map((before) => ({ before, after: null }));
  expect(visibilityProbe({ rows: [{ table: def, change: 'insert', rows: inserted }] })).toBe(sql);
  expect(visibilityProbe({ rows: [{ table: def, change: 'delete', rows: deleted }] })).toBe(sql);
});

test('a keyed row anywhere in the transaction is better than all rows of the last table', () => {
  const keyed = { table: table([column('id')], [0]), change: 'insert' as const, rows: [{ before: null, after: [id] }] };
  const keyless = { ...keyed, table: table([column('id')], []) };
  expect(visibilityProbe({ rows: [keyed, keyless] })).toContain('WHERE `id` = -2');
  expect(visibilityProbe({ rows: [] })).toBeNull();
});
