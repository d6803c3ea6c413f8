import { integerIn } from './row-keys';

const texts: [text: string, integer: bigint | null, why: string][] = [
  ['17', 17n, 'digits'],
  [' \t-7 ', -7n, 'blanks and a sign'],
  ['', 0n, 'nothing'],
  ['5.4', 5n, 'down'],
  ['5.5', 6n, 'up'],
  ['-5.5', -6n, 'away from zero'],
  ['.5', 1n, 'no digit before the point'],
  ['0.49', 0n, 'none'],
  ['5.', 5n, 'none behind it'],
  ['1e3', 1000n, 'a power'],
  ['1.2345e2', 123n, 'and a fraction'],
  ['12e-1', 1n, 'a negative one'],
  ['99e-2', 1n, 'that leaves no digit'],
  ['99e-3', 0n, 'nor any but zeros'],
  ['1152921504606846976', 2n ** 60n, 'exact'],
  ['9'.repeat(60), BigInt('9'.repeat(40)), 'more than any column holds'],
  ['5x', null, 'no number'],
  ['.', null, 'nor this'],
  ['e5', null, 'nor this one'],
];
it.each(texts)('%j is %s (%s)', (text, integer) => {
  expect(integerIn(text)).toBe(integer);
});
