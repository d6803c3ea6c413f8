import type { ColumnDef, RowKey } from '../change-set';
import type { MergedColumn, MergedRow, RowTarget } from '../merge/operation';
import { type RowWrite, planRow } from './apply-plan';
import type { LocalTable } from './local-table';
import { groupWrites } from './row-groups';

const column = (name: string, type = 3): ColumnDef => ({
  name,
  type,
  meta: 0,
  nullable: true,
  unsigned: false,
  collation: null,
  members: null,
});
const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);
const merged = (def: ColumnDef, value: Uint8Array | null): MergedColumn => ({ def, value });

const origin = { schema: 'app', table: 't', columns: [column('id', 8), column('a'), column('b')], primaryKey: [0] };
const here: LocalTable = {
  schema: 'app',
  table: 't',
  // Another order than at the origin, and a column of its own.
  columns: [column('b'), column('own', 252), column('id', 8), column('a')],
  primaryKey: ['id'],
  uniqueColumns: [],
  autoIncrement: null,
  cascadesTo: [],
};
const present = (complete: boolean, ...columns: MergedColumn[]): MergedRow => ({
  kind: 'present',
  complete,
  columns: new Map(columns.map((c) => [c.def.name, c])),
});
const target = (result: MergedRow): RowTarget => ({
  key: 'r' as RowKey,
  table: origin,
  primaryKey: [merged(column('id', 8), bytes(7))],
  result,
});
const id = merged(column('id', 8), bytes(7));
const a = merged(column('a'), bytes(1));
const b = merged(column('b'), null);
const absent: MergedRow = { kind: 'absent' };

const writeOf = (result: MergedRow, exists: boolean): RowWrite => {
  const plan = planRow(target(result), here, exists);
  if (plan.kind !== 'write') throw new Error(`planned ${plan.kind}`);
  return plan.write;
};

describe('a row and its target', () => {
  test.each([
    [
      'a whole row that is not here',
      present(true, id, a, b),
      false,
      'insert',
      null,
      [null, undefined, bytes(7), bytes(1)],
    ],
    [
      'some columns of a row that is here',
      present(false, a),
      true,
      'update',
      [undefined, undefined, bytes(7), undefined],
      [undefined, undefined, undefined, bytes(1)],
    ],
    [
      'a whole row that is here: updated, since the row has columns of its own',
      present(true, id, a, b),
      true,
      'update',
      [undefined, undefined, bytes(7), undefined],
      [null, undefined, bytes(7), bytes(1)],
    ],
    ['a row to be gone that is here', absent, true, 'delete', [undefined, undefined, bytes(7), undefined], null],
  ] as const)('%s', (_reason, result, exists, change, before, after) => {
    const write = writeOf(result, exists);
    expect(write.change).toBe(change);
    expect(write.before).toEqual(before);
    expect(write.after).toEqual(after);
    // The table map lists this database's columns in its order.
    expect(write.columns.map((c) => c.name)).toEqual(['b', 'own', 'id', 'a']);
  });

  test('foreign keys are checked for deletes and updates, whose cascades the server repeats, and not for inserts', () => {
    expect(writeOf(absent, true).foreignKeyChecks).toBe(true);
    expect(writeOf(present(false, a), true).foreignKeyChecks).toBe(true);
    expect(writeOf(present(true, id, a, b), false).foreignKeyChecks).toBe(false);
  });

  test.each([
    ['a row to be gone that is not here', planRow(target(absent), here, false), { kind: 'nothing' }],
    ['some columns of a row that is not here', planRow(target(present(false, a)), here, false), { kind: 'incomplete' }],
    [
      'a table that is not here',
      planRow(target(present(true, id)), null, false),
      { kind: 'waiting', reason: 'no table' },
    ],
    [
      'another primary key here',
      planRow(target(absent), { ...here, primaryKey: ['a'] }, true),
      { kind: 'waiting', reason: 'other primary key' },
    ],
    [
      'nothing but a column that is not here',
      planRow(target(present(false, merged(column('c'), bytes(3)))), here, true),
      { kind: 'waiting', reason: 'no column' },
    ],
  ])('%s', (_reason, plan, expected) => expect(plan).toEqual(expected));

  test('a column that is not here waits while the others are written', () => {
    const plan = planRow(target(present(false, a, merged(column('c'), bytes(3)))), here, true);
    expect(plan).toMatchObject({ kind: 'write', waiting: 'no column' });
  });
});

describe('groups', () => {
  const insert = writeOf(present(true, id, a, b), false);
  const insertWithoutB = writeOf(present(true, id, a), false);
  const update = writeOf(present(false, a), true);

  test.each([
    ['rows alike are one event', [insert, insert, insert], [3]],
    ['order is kept: an update between two inserts', [insert, update, insert], [1, 1, 1]],
    ['columns carried differ', [insert, insertWithoutB], [1, 1]],
    ['nothing at all', [], []],
  ])('%s', (_reason, writes, sizes) => {
    expect(groupWrites(writes, 1000).map((group) => group.length)).toEqual(sizes);
  });

  test('a group ends at its size, and one row may exceed it', () => {
    expect(groupWrites([insert, insert, insert], 40).map((group) => group.length)).toEqual([2, 1]);
    expect(groupWrites([insert, insert], 1).map((group) => group.length)).toEqual([1, 1]);
  });
});
