import { advance, formatPosition, parseGtid, parsePosition, reaches } from './gtid-position';

const uuid = '3e11fa47-71ca-11e1-9e33-c80aa9429562';

test.each([
  ['', 'the beginning of the log'],
  ['0-1-5', 'one domain'],
  ['0-1-5,7-2-18446744073709551615', 'several, and sequences beyond 2^53'],
  [`${uuid}:1-17`, 'MySQL: an interval'],
])('%s is read and written alike (%s)', (text) => {
  expect(formatPosition(parsePosition(text))).toBe(text);
});

test.each(['5', '0-1', 'x:1', `${uuid}:a`])('%s is refused', (text) => {
  expect(() => parseGtid(text)).toThrow(expect.objectContaining({ code: 'DUARA_GTID_FORMAT' }));
});

test('a position is reached per domain, or beyond, whichever server committed', () => {
  const at = advance(parsePosition('0-1-5,1-1-9'), [{ gtid: parseGtid('0-1-6') }, { gtid: parseGtid('0-2-7') }]);
  expect(formatPosition(at)).toBe('0-2-7,1-1-9');
  expect(reaches(at, parsePosition('0-1-7'))).toBe(true);
  expect(reaches(at, parsePosition('0-1-6,1-1-9'))).toBe(true);
  expect(reaches(at, parsePosition('0-1-8'))).toBe(false);
  expect(reaches(at, parsePosition('0-1-1,2-1-1'))).toBe(false);
  expect(reaches(at, parsePosition(''))).toBe(true);
  expect(reaches(parsePosition(`${uuid}:1-17`), parsePosition(`${uuid}:17`))).toBe(true);
});
