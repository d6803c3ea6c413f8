import { changedSet, noEntries, noMembers, withEntry, withoutEntry } from './sparse';

test('sessions without entries share one map, which stays empty', () => {
  const some = withEntry<string, number>(noEntries, 'a', 1);
  expect([...some]).toEqual([['a', 1]]);
  const more = withEntry(some, 'b', 2);
  expect(more).toBe(some);
  expect([...withoutEntry(more, 'a')]).toEqual([['b', 2]]);
  expect(withoutEntry(more, 'b')).toBe(noEntries);
  expect(withoutEntry(noEntries as ReadonlyMap<string, number>, 'c')).toBe(noEntries);
  expect(noEntries.size).toBe(0);
});

test('an entry is taken away that holds undefined or null', () => {
  const map = withEntry<string, null>(withEntry<string, null>(noEntries, 'a', null), 'b', null);
  expect([...withoutEntry(map, 'a').keys()]).toEqual(['b']);
});

test('a changed set is a copy, since a plan may be made and thrown away', () => {
  const one = changedSet<string>(noMembers, { gone: [], made: ['t'] });
  expect([...one]).toEqual(['t']);
  const two = changedSet(one, { gone: [], made: ['u'] });
  expect([...one]).toEqual(['t']);
  expect(changedSet(two, { gone: ['t', 'u'], made: [] })).toBe(noMembers);
  // Dropped and made anew in one statement.
  expect([...changedSet(two, { gone: ['t'], made: ['t'] })].sort()).toEqual(['t', 'u']);
  expect(changedSet(two, { gone: [], made: [] })).toBe(two);
  expect(noMembers.size).toBe(0);
});
