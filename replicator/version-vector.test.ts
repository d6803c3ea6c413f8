import type { Incarnation, VersionVector } from './change-set';
import { contains, covers, EMPTY_VECTOR, formatVector, merge, seqOf, withChangeSet } from './version-vector';

const vector = (entries: Record<number, bigint>): VersionVector =>
  new Map(Object.entries(entries).map(([origin, seq]) => [Number(origin) as Incarnation, seq]));

test.each([
  ['equal', { 1: 2n }, { 1: 2n }, true],
  ['less', { 1: 1n }, { 1: 2n }, false],
  ['absent means 0', {}, { 1: 0n }, true],
  ['absent is less than 1', { 2: 9n }, { 1: 1n }, false],
  ['everything covers nothing', { 1: 1n }, {}, true],
])('covers: %s', (_reason, larger, smaller, expected) => {
  expect(covers(vector(larger), vector(smaller))).toBe(expected);
});

test('merge is the least vector above both', () => {
  const merged = merge(vector({ 1: 5n, 2: 1n }), vector({ 2: 3n, 7: 1n }));
  expect(merged).toEqual(vector({ 1: 5n, 2: 3n, 7: 1n }));
});

test('a change set is in the vector once added, with all before it', () => {
  const id = { origin: 3 as Incarnation, seq: 4n };
  const grown = withChangeSet(EMPTY_VECTOR, id);
  expect([contains(EMPTY_VECTOR, id), contains(grown, id), seqOf(grown, id.origin)]).toEqual([false, true, 4n]);
  expect(withChangeSet(grown, { ...id, seq: 2n })).toBe(grown);
});

test('format is for people', () => {
  expect(formatVector(vector({ 10: 2n, 2: 1n, 3: 0n }))).toBe('2:1 10:2');
  expect(formatVector(EMPTY_VECTOR)).toBe('-');
});
