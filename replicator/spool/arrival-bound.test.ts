import { ArrivalBound } from './arrival-bound';

const day = 24 * 60 * 60 * 1000;
const now = 20_000 * day;

test('what is up to a day ahead is stored, the rest is not', () => {
  const bound = new ArrivalBound();
  expect(bound.admit(1, [now, now + day, now - 400 * day], now)).toBe(3);
  expect(bound.admit(1, [now, now + 2 * day, now], now)).toBe(1);
  expect(bound.admit(1, [now + 70 * 365 * day], now)).toBe(0);
});

test('one wrong clock does not help itself on, step by step', () => {
  const bound = new ArrivalBound();
  for (let days = 2; days < 20; days++) expect(bound.admit(1, [now + days * day], now)).toBe(0);
});

test('a site whose own clock stood still believes two others that agree, but not the one far beyond them', () => {
  const bound = new ArrivalBound();
  expect(bound.admit(1, [now], now - 3 * day)).toBe(0);
  expect(bound.admit(2, [now - 1_000], now - 3 * day)).toBe(1);
  expect(bound.admit(1, [now], now - 3 * day)).toBe(1);
  expect(bound.admit(3, [now + 300 * day], now - 3 * day)).toBe(0);
});
