import fc from 'fast-check';
import { laneAfter, nextRun } from './key-lane';
import { composeKey, decomposeKey } from './key-ranges';

const now = 190_000_000;
const demand = { scope: 7, count: 1, nowSeconds: now, floor: 0n };

test.each([
  ['a fresh second', laneAfter(now - 5), {}, { t: now, n: 0 }],
  ['the same second', { t: now, n: 3 }, {}, { t: now, n: 3 }],
  ['a run that still fits', { t: now, n: 744 }, { count: 24 }, { t: now, n: 744 }],
  ['a run that does not fit', { t: now, n: 744 }, { count: 25 }, { t: now + 1, n: 0 }],
  ['a used-up second', laneAfter(now), {}, { t: now + 1, n: 0 }],
  ['a clock that ran back', { t: now, n: 3 }, { nowSeconds: now - 3600 }, { t: now, n: 3 }],
  ['a key of another site seen in this second', { t: now, n: 3 }, { floor: key(now, 9, 5) }, { t: now + 1, n: 0 }],
  ['a lower scope seen in this second', { t: now, n: 3 }, { floor: key(now, 2, 5) }, { t: now, n: 3 }],
  ['a site whose clock is ahead', { t: now, n: 3 }, { floor: key(now + 600, 2, 5) }, { t: now + 601, n: 0 }],
])('%s', (_name, lane, changed, expected) => {
  expect(decomposeKey(nextRun(lane, { ...demand, ...changed })!.first)).toEqual({ ...expected, scope: 7 });
});

test('the seconds end in 2088', () => {
  expect(nextRun(laneAfter(2 ** 31 - 2), { ...demand, count: 768 })).not.toBeNull();
  expect(nextRun(laneAfter(2 ** 31 - 1), demand)).toBeNull();
});

test('runs rise, do not overlap, stay in one second and above the floor, whatever the clock does', () => {
  const step = fc.record({
    count: fc.integer({ min: 1, max: 768 }),
    nowSeconds: fc.integer({ min: now - 3, max: now + 3 }),
    floor: fc.record({ t: fc.integer({ min: now - 3, max: now + 4 }), scope: fc.integer({ min: 1, max: 12 }) }),
  });
  fc.assert(
    fc.property(fc.array(step), (steps) => {
      let lane = laneAfter(0);
      let last = 0n;
      for (const { floor, ...rest } of steps) {
        const run = nextRun(lane, { ...demand, ...rest, floor: key(floor.t, floor.scope, 1023) })!;
        const end = run.first + BigInt(rest.count) - 1n;
        expect(run.first > last && run.first > key(floor.t, floor.scope, 1023)).toBe(true);
        expect(decomposeKey(end)).toMatchObject({ t: run.t, scope: 7 });
        last = end;
        lane = run.lane;
      }
    }),
  );
});

function key(t: number, scope: number, n: number): bigint {
  return composeKey({ t, scope, n });
}
