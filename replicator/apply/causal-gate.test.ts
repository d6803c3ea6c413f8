import * as fc from 'fast-check';
import type { ChangeSet, Hlc, Incarnation, VersionVector } from '../change-set';
import { contains, covers, EMPTY_VECTOR, withChangeSet } from '../version-vector';
import { CausalGate } from './causal-gate';

function changeSet(origin: number, seq: bigint, dependencies: Record<number, bigint> = {}): ChangeSet {
  const entries = Object.entries(dependencies).map(([id, last]): [Incarnation, bigint] => [
    Number(id) as Incarnation,
    last,
  ]);
  return {
    ...{ origin: origin as Incarnation, site: 's', seq, previousHash: new Uint8Array(16), hlc: 0n as Hlc },
    ...{ dependencies: new Map(entries), gtid: '', tables: [], rows: [] },
  };
}
const names = (sets: readonly ChangeSet[]): string => sets.map((set) => `${set.origin}:${set.seq}`).join(' ');
const vector = (origin: number, seq: bigint): VersionVector => new Map([[origin as Incarnation, seq]]);

test('the seqs of an origin come in order, gaps wait', () => {
  const gate = new CausalGate();
  for (const seq of [4n, 2n, 1n]) gate.offer(changeSet(1, seq));
  expect(names(gate.ready(EMPTY_VECTOR))).toBe('1:1 1:2');
  gate.offer(changeSet(1, 3n));
  expect(names(gate.ready(vector(1, 2n)))).toBe('1:3 1:4');
  expect(gate.size).toBe(0);
});

test('a reply waits for the post it answers (G5), wherever that comes from', () => {
  const gate = new CausalGate();
  gate.offer(changeSet(2, 1n, { 1: 1n, 3: 2n }));
  gate.offer(changeSet(1, 1n));
  expect(names(gate.ready(EMPTY_VECTOR))).toBe('1:1');
  expect(names(gate.ready(new Map([...vector(1, 1n), ...vector(3, 1n)])))).toBe('');
  expect(names(gate.ready(new Map([...vector(1, 1n), ...vector(3, 2n)])))).toBe('2:1');
});

test('repeats and what is applied already are dropped', () => {
  const gate = new CausalGate();
  for (const seq of [1n, 1n, 2n]) gate.offer(changeSet(1, seq));
  expect(gate.size).toBe(2);
  expect(names(gate.ready(vector(1, 1n)))).toBe('1:2');
  expect(gate.size).toBe(0);
});

test('a limit leaves the rest waiting', () => {
  const gate = new CausalGate();
  for (const seq of [1n, 2n, 3n]) gate.offer(changeSet(1, seq));
  expect(names(gate.ready(EMPTY_VECTOR, 2))).toBe('1:1 1:2');
  expect(names(gate.ready(vector(1, 2n), 2))).toBe('1:3');
});

test('any history offered in any order comes out complete, each after its causes', () => {
  const script = fc.array(fc.record({ origin: fc.integer({ min: 1, max: 4 }), sees: fc.nat({ max: 15 }) }), {
    maxLength: 30,
  });
  fc.assert(
    fc.property(script, fc.infiniteStream(fc.nat()), (steps, random) => {
      const history = steps.reduce<ChangeSet[]>((done, { origin, sees }) => {
        const seen: Record<number, bigint> = {};
        for (const id of [1, 2, 3, 4]) {
          const count = BigInt(done.filter((set) => set.origin === id).length);
          if (id !== origin && (sees >> (id - 1)) & 1) seen[id] = count;
        }
        return [...done, changeSet(origin, BigInt(done.filter((set) => set.origin === origin).length) + 1n, seen)];
      }, []);
      const left = [...history];
      const gate = new CausalGate();
      let applied = EMPTY_VECTOR;
      let count = 0;
      while (left.length > 0) {
        gate.offer(left.splice(random.next().value! % left.length, 1)[0]!);
        for (const set of gate.ready(applied)) {
          expect(contains(applied, set)).toBe(false);
          expect(covers(applied, set.dependencies)).toBe(true);
          expect(contains(applied, { origin: set.origin, seq: set.seq - 1n })).toBe(true);
          applied = withChangeSet(applied, set);
          count++;
        }
      }
      expect([count, gate.size]).toEqual([history.length, 0]);
    }),
  );
});
