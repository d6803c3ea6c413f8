import { CaptureLag, reaches } from './capture-lag';

test.each([
  ['0-1-5', '0-1-5', true, 'the same'],
  ['0-1-5', '0-2-4', true, 'another server of the domain, earlier'],
  ['0-1-5', '0-1-6', false, 'behind'],
  ['0-1-5,1-1-9', '1-7-9', true, 'one of two domains'],
  ['0-1-5', '0-1-5,1-1-1', false, 'a domain it knows nothing of'],
  ['', '', true, 'nothing was written yet'],
  ['', '0-1-1', false, 'nothing was read yet'],
])('%s reaches %s: %s (%s)', (at, target, expected) => {
  expect(reaches(at, target)).toBe(expected);
});

test('the lag is the age of the oldest position that was not reached', () => {
  const lag = new CaptureLag();
  expect(lag.observe('0-1-1', '0-1-1', 1_000)).toBe(0);
  expect(lag.observe('0-1-2', '0-1-1', 2_000)).toBe(0);
  expect(lag.observe('0-1-3', '0-1-1', 4_000)).toBe(2);
  expect(lag.observe('0-1-3', '0-1-2', 5_000)).toBe(1);
  expect(lag.observe('0-1-3', '0-1-3', 6_000)).toBe(0);
  expect(lag.observe(null, '0-1-3', 7_000)).toBeNull();
});
