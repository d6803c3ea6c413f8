import fc from 'fast-check';
import {
  bulkRange,
  composeKey,
  decomposeKey,
  isOwn,
  isPlausible,
  isTimeSliced,
  KEY_EPOCH_MS,
  keyOwner,
  keySeconds,
  narrowRange,
  TIME_SLICED_END,
} from './key-ranges';

const at2026 = Date.UTC(2026, 0, 1);
const slicedKey = fc.record({
  t: fc.integer({ min: 2 ** 22, max: 2 ** 31 - 1 }),
  scope: fc.integer({ min: 1, max: 4095 }),
  n: fc.integer({ min: 0, max: 1023 }),
});

test('a time-sliced key says again what it was made of, and stays below 2^53', () => {
  fc.assert(
    fc.property(slicedKey, (parts) => {
      const key = composeKey(parts);
      expect(decomposeKey(key)).toEqual(parts);
      expect(isTimeSliced(key)).toBe(true);
      expect(key < TIME_SLICED_END).toBe(true);
      expect(isOwn(parts.scope, key)).toBe(true);
    }),
  );
});

test('keys of a later second are above those of an earlier one, whatever their scopes', () => {
  fc.assert(
    fc.property(slicedKey, slicedKey, (a, b) => {
      if (a.t < b.t) expect(composeKey(a) < composeKey(b)).toBe(true);
    }),
  );
});

test.each([
  [(1n << 32n) - 1n, null, 'a row from before Duara'],
  [1n << 32n, 1, 'the first bulk key of scope 1'],
  [(2n << 32n) - 1n, 1, 'the last bulk key of scope 1'],
  [(1n << 44n) - 1n, 4095, 'the last bulk key of all'],
  [1n << 44n, null, 'scope 0 does not exist'],
  [(1n << 44n) | (7n << 10n), 7, 'the first time-sliced key of scope 7'],
  [1n << 53n, null, 'more than JavaScript can hold'],
  [-5n, null, 'negative'],
])('the owner of %s is %s: %s', (key, owner, _reason) => {
  expect(keyOwner(64, key)).toBe(owner);
});

test('bulk ranges of neighbouring scopes meet and do not overlap; none reaches the time-sliced keys', () => {
  expect(bulkRange(1).from).toBe(1n << 32n);
  for (const scope of [1, 2, 4094]) expect(bulkRange(scope).end).toBe(bulkRange(scope + 1).from);
  expect(bulkRange(4095).end).toBe(1n << 44n);
});

test('a key of a broken clock is not plausible', () => {
  const now = keySeconds(at2026);
  expect(isPlausible(composeKey({ t: now, scope: 3, n: 0 }), at2026)).toBe(true);
  expect(isPlausible(composeKey({ t: now + 86_400, scope: 3, n: 0 }), at2026)).toBe(true);
  expect(isPlausible(composeKey({ t: now + 86_401, scope: 3, n: 0 }), at2026)).toBe(false);
  expect(isPlausible(5n, at2026)).toBe(false);
  expect(keySeconds(KEY_EPOCH_MS - 1)).toBe(0);
});

test.each([
  [8, false, 128n],
  [8, true, 256n],
  [24, false, 1n << 23n],
  [32, true, 1n << 32n],
])('a column of %i bits (unsigned %s) holds keys below %s', (bits, unsigned, end) => {
  expect(narrowRange(bits, unsigned)).toEqual({ from: 1n, end });
});
