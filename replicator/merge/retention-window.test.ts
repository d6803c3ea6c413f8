import type { Incarnation } from '../change-set';
import { encodeChangeSet } from '../codec/encode';
import { RetentionWindow } from './retention-window';
import { keyOf, ModelSite, PLAIN_RULES, row } from './testing/model-site';
import { BASE, between } from './testing/scenario';

const columnsOf = (site: ModelSite, id: string): Record<string, string> | null => {
  const result = site.window.merged(keyOf(id))?.result;
  if (result?.kind !== 'present') return null;
  return Object.fromEntries(
    [...result.columns].map(([name, { value }]) => [name, value === null ? '-' : String(value)]),
  );
};

test('what nothing meets is decided without folding, as its own effect', () => {
  const { sites } = between(2);
  const [a, b] = sites;
  const inserted = b!.receive(a!.insert('3', { v: 'b' })!);
  expect(inserted).toMatchObject({ folded: false, targets: [{ result: { kind: 'present', complete: true } }] });
  const updated = b!.receive(a!.update('3', { v: 'c' })!);
  expect(updated).toMatchObject({ folded: false, targets: [{ result: { kind: 'present', complete: false } }] });
  const removed = b!.receive(a!.remove('3')!);
  expect(removed).toMatchObject({ folded: false, targets: [{ result: { kind: 'absent' } }] });
});

test('other rows’ concurrent changes do not make it fold; an equal unique value does', () => {
  const { sites } = between(2);
  const [a, b] = sites;
  b!.update('2', { v: 'b' });
  expect(b!.receive(a!.update('1', { v: 'b' })!).folded).toBe(false);
  b!.update('2', { name: 'n' });
  expect(b!.receive(a!.update('1', { name: 'N' })!).folded).toBe(true);
});

test('a change is met through rows in between: its row is not there for the sake of a third one', () => {
  const { sites } = between(3);
  const [a, b, c] = sites;
  const first = a!.insert('3', { name: 'n' })!;
  const parked = b!.insert('4', { name: 'n' }, 9)!;
  const follows = b!.update('4', { v: 'b' })!;
  for (const changeSet of [first, parked]) c!.receive(changeSet);
  expect(c!.receive(follows)).toMatchObject({ folded: true, targets: [] });
});

test('undo leaves no trace, of the last or of a named change set', () => {
  const { sites } = between(2);
  const [a, b] = sites;
  const [one, two] = [a!.update('1', { v: 'b' })!, a!.update('1', { v: 'c' })!];
  b!.update('1', { v: 'd' });
  const before = [b!.window.size(), columnsOf(b!, '1')];
  const decided = b!.window.decide(one);
  b!.window.decide(two);
  b!.window.undo(two);
  b!.window.undo();
  expect([b!.window.size(), columnsOf(b!, '1')]).toEqual(before);
  expect(b!.window.contains(one.origin, one.seq)).toBe(false);
  expect(b!.window.decide(one)).toEqual(decided);
  expect(() => b!.window.undo(two)).toThrow('not in the window');
});

test('one that was committed here is taken like a received one, without saying what is there already', () => {
  const { sites } = between(2);
  const [a, b] = sites;
  const alone = b!.window.takeLocal(a!.update('1', { v: 'b' })!);
  expect(alone).toEqual({ folded: false, targets: [], conflictsAdded: [], conflictsRemoved: [] });
  expect(columnsOf(b!, '1')).toMatchObject({ v: 'b' });
  b!.update('2', { v: 'c' });
  const met = a!.update('2', { v: 'd' })!;
  const taken = b!.window.takeLocal(met);
  b!.window.undo(met);
  expect(taken.folded).toBe(true);
  expect(taken).toEqual(b!.window.decide(met));
});

test('one whose record is kept folds like another, and can be taken back', () => {
  const { sites } = between(2);
  const [a, b] = sites;
  const alone = a!.update('1', { v: 'b' })!;
  const record = encodeChangeSet(alone);
  expect(b!.window.takeLocal(alone, record)).toMatchObject({ folded: false });
  record.fill(0);
  expect(columnsOf(b!, '1')).toMatchObject({ v: 'b' });
  b!.window.undo();
  expect(b!.window.contains(alone.origin, alone.seq)).toBe(false);
  expect(columnsOf(b!, '1')).toBeNull();
});

test('a change set is taken once', () => {
  const { sites } = between(2);
  const changeSet = sites[0]!.update('1', { v: 'b' })!;
  sites[1]!.receive(changeSet);
  expect(sites[1]!.window.contains(1 as Incarnation, 1n)).toBe(true);
  expect(() => sites[1]!.window.decide(changeSet)).toThrow('already');
});

test('merged gives the whole row where an insert of the window stands in it, else the columns touched', () => {
  const { sites } = between(1);
  const [a] = sites;
  expect(a!.window.merged(keyOf('1'))).toBeNull();
  a!.update('1', { v: 'b' });
  expect(columnsOf(a!, '1')).toEqual({ id: '1', v: 'b' });
  a!.insert('3', { v: 'b' });
  a!.update('3', { w: 'c' });
  expect(columnsOf(a!, '3')).toEqual({ id: '3', v: 'b', w: 'c', name: '-', p: '-', q: '-' });
});

test.each([
  ['the same row', '1', { v: 'c' }, true],
  ['another row', '2', { v: 'c' }, false],
  ['another row that wants its unique value', '2', { name: 'N' }, true],
  ['another row that takes the value it gives up', '2', { name: 'x' }, true],
])('touches: %s', (_reason, id, values, expected) => {
  const a = new ModelSite({ origin: 1, base: BASE });
  const b = new ModelSite({ origin: 2, base: new Map([...BASE, ['1', row('1', { name: 'other' })]]) });
  const decided = a.update('1', { v: 'b', name: 'n' })!;
  expect(a.window.touches(decided, b.update(id, values)!)).toBe(expected);
});

test('what is decided comes at 50,000 a second where nothing meets', () => {
  const a = new ModelSite({ origin: 1, base: BASE });
  const changeSets = Array.from({ length: 10_000 }, (_, i) => a.update('1', { v: String(i), w: String(-i) })!);
  const window = new RetentionWindow(PLAIN_RULES);
  const start = process.cpuUsage();
  for (const changeSet of changeSets) window.decide(changeSet);
  const { user, system } = process.cpuUsage(start);
  // Of the processor's time, which others on this machine do not take: a twentieth of the aim still tells a walk over the
  // history from none.
  expect(changeSets.length / ((user + system) / 1_000_000)).toBeGreaterThan(2_500);
});
