import type { Hlc } from './change-set';
import { formatHlc, HLC_JUMP_MAX_MS, HLC_ZERO, hlcCounter, hlcFrom, hlcMs, isWithinBound, nextHlc } from './hlc';

const day = HLC_JUMP_MAX_MS;
const now = Date.UTC(2026, 10, 21);

test.each<[string, { previous: Hlc; eventMs: number; seen: Hlc[]; wallMs?: number }, Hlc]>([
  [
    'time has moved: the event time, counter 0',
    { previous: hlcFrom(now, 7), eventMs: now + 1, seen: [] },
    hlcFrom(now + 1),
  ],
  ['same millisecond: the counter', { previous: hlcFrom(now, 7), eventMs: now, seen: [] }, hlcFrom(now, 8)],
  ['clock set back: runs on', { previous: hlcFrom(now, 7), eventMs: now - day, seen: [] }, hlcFrom(now, 8)],
  ['counter full: carries into the time', { previous: hlcFrom(now, 65_535), eventMs: now, seen: [] }, hlcFrom(now + 1)],
  [
    'above everything seen',
    { previous: hlcFrom(now), eventMs: now, seen: [hlcFrom(now + 50, 3), HLC_ZERO] },
    hlcFrom(now + 50, 4),
  ],
  ['a day ahead is believed', { previous: hlcFrom(now), eventMs: now + day, seen: [] }, hlcFrom(now + day)],
  [
    'year 2090 is not believed (counter-example 8)',
    { previous: hlcFrom(now), eventMs: now + day + 1, seen: [] },
    hlcFrom(now, 1),
  ],
  [
    'off for a month: the wall clock vouches',
    { previous: hlcFrom(now), eventMs: now + 30 * day, seen: [], wallMs: now + 30 * day },
    hlcFrom(now + 30 * day),
  ],
  [
    'off for a month: a seen reading vouches',
    { previous: hlcFrom(now), eventMs: now + 30 * day, seen: [hlcFrom(now + 30 * day)] },
    hlcFrom(now + 30 * day, 1),
  ],
  [
    'the first event is bounded by the wall clock',
    { previous: HLC_ZERO, eventMs: now + 2 * day, seen: [], wallMs: now },
    1n as Hlc,
  ],
  ['the first event without a wall clock', { previous: HLC_ZERO, eventMs: now, seen: [] }, hlcFrom(now)],
  ['a time before 1970', { previous: hlcFrom(now), eventMs: -5, seen: [] }, hlcFrom(now, 1)],
])('%s', (_reason, input, expected) => {
  expect(nextHlc(input)).toBe(expected);
});

test('parts come back', () => {
  expect([hlcMs(hlcFrom(now, 9)), hlcCounter(hlcFrom(now, 9))]).toEqual([now, 9]);
  expect(formatHlc(hlcFrom(now, 9))).toBe('2026-11-21T00:00:00.000Z+9');
  expect(() => hlcFrom(-1)).toThrow(RangeError);
  expect(() => hlcFrom(now, 65_536)).toThrow(RangeError);
});

test('a reading is stored and relayed up to a day above what is known', () => {
  expect(isWithinBound(hlcFrom(now + day, 3), now)).toBe(true);
  expect(isWithinBound(hlcFrom(now + day + 1), now)).toBe(false);
});
