import { safekeepOf, safekeptSeq } from './safekeeping';

test.each([
  [null, 1, 1, 'two sites: there is but one other'],
  [null, 2, 1, 'three sites'],
  [null, 3, 2, 'four sites: one other may be lost too'],
  [3, 4, 3, 'as configured'],
])('configured %s, %d others: %d (%s)', (configured, others, expected, _why) => {
  expect(safekeepOf(configured, others)).toBe(expected);
});

test.each([
  [[5n, 9n], 1, 10n, 9n, 'the best other'],
  [[5n, 9n], 2, 10n, 5n, 'both others'],
  [[5n], 2, 10n, 0n, 'too few others'],
  [[12n], 1, 10n, 10n, 'never above what is held here'],
])('%j at %d, held %s: %s (%s)', (marks, safekeep, held, expected) => {
  expect(safekeptSeq(marks, safekeep, held)).toBe(expected);
});
