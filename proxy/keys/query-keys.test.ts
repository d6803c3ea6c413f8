import { isMixed } from './query-keys';

it.each([
  [null, 64, false],
  [`2 ${2n ** 60n}`, 64, true],
  [`0 ${2n ** 60n}`, 64, false],
  ['2 -7', 64, false],
  ['2 7', 64, false],
  ['2 7', 32, true],
  ['2 1152921504606846976.00', 64, true],
])('%s of a column of %s bits: %s', (answer, bits, mixed) => expect(isMixed(answer, bits)).toBe(mixed));
