import * as fc from 'fast-check';
import { clockwiseDistance, RING_SIZE, ringIdOf } from '../ring-id';
import { firstDistinct, isBetween, successorOf, symmetricPoints, walkFrom } from './ring-order';

const id = fc.bigInt({ min: 0n, max: RING_SIZE - 1n });

test('a ring id is the first 64 bits of the SHA-1', () => {
  expect(ringIdOf('abc')).toBe(0xa9993e364706816an);
});

test.each([
  [5n, 2n, 8n, true, 'inside'],
  [2n, 2n, 8n, false, 'the lower end is open'],
  [8n, 2n, 8n, true, 'the upper end is closed'],
  [1n, 8n, 2n, true, 'round the top'],
  [5n, 8n, 2n, false, 'outside, round the top'],
  [5n, 7n, 7n, true, 'one node is responsible for all'],
])('%d in (%d, %d] is %s: %s', (place, from, to, expected) => {
  expect(isBetween(place, from, to)).toBe(expected);
});

test('distances there and back make one round', () => {
  fc.assert(
    fc.property(id, id, (a, b) => {
      expect(clockwiseDistance(a, b) + clockwiseDistance(b, a)).toBe(a === b ? 0n : RING_SIZE);
    }),
  );
});

test('the successor is the only one of all in whose arc the next place lies', () => {
  fc.assert(
    fc.property(id, fc.uniqueArray(id, { minLength: 2, maxLength: 9 }), (from, ids) => {
      const placed = ids.map((ringId) => ({ ringId }));
      const next = successorOf(from, placed);
      for (const other of placed) {
        if (other === next || other.ringId === from) continue;
        expect(isBetween(other.ringId, from, next?.ringId ?? 0n)).toBe(false);
      }
    }),
  );
});

test('symmetric points lead to distinct ones, the successor of the first point leading', () => {
  fc.assert(
    fc.property(id, fc.uniqueArray(id, { minLength: 3, maxLength: 9 }), (from, ids) => {
      const placed = ids.map((ringId) => ({ ringId }));
      const met = firstDistinct(symmetricPoints(from, 3), placed);
      expect(new Set(met).size).toBe(3);
      expect(met[0]).toBe(walkFrom(from, placed)[0]);
    }),
  );
});
