import { ClockWatch } from './clock-watch';

const start = Date.UTC(2026, 10, 22, 12);
const [minute, hour, day] = [60_000, 3_600_000, 86_400_000];

test.each([
  [30_000, 0, [], 'time goes by'],
  [400 * day, 0, [], 'a thread that was kept waiting for long'],
  [30_000, 4 * minute, [], 'a correction'],
  [30_000, 10 * minute, ['DUARA_CLOCK_JUMPED: forward by 10 minutes'], 'set'],
  [30_000, -2 * hour, ['DUARA_CLOCK_JUMPED: back by 2 hours'], 'set back'],
  [30_000, 400 * day, ['DUARA_CLOCK_JUMPED: forward by 400 days'], 'a far future'],
  [
    30_000,
    -20_000 * day,
    ['DUARA_CLOCK_JUMPED: back by 20000 days', 'DUARA_CLOCK_BEHIND: says 1972-02-19'],
    'no battery',
  ],
])('%d ms later, moved by %d ms: %j (%s)', (passedMs, movedMs, expected) => {
  const watch = new ClockWatch({ wallMs: start, runningMs: 7, hybridMs: start });
  const wallMs = start + passedMs + movedMs;
  const alarms = watch.look({ wallMs, runningMs: 7 + passedMs, hybridMs: Math.max(wallMs, start) });
  const said = alarms.map(({ code, message }) => {
    const part = /(?:forward|back) by \d+ \w+|says \S+\b/.exec(message);
    return `${code}: ${part?.[0] ?? message}`;
  });
  expect(said).toEqual(expected);
});

test('a jump is told once, a clock that stays behind again and again', () => {
  const watch = new ClockWatch({ wallMs: start, runningMs: 0, hybridMs: start });
  const codes = [1, 2].map((at) =>
    watch
      .look({ wallMs: start - 2 * day, runningMs: at, hybridMs: start })
      .map(({ code }) => code)
      .join(' '),
  );
  expect(codes).toEqual(['DUARA_CLOCK_JUMPED DUARA_CLOCK_BEHIND', 'DUARA_CLOCK_BEHIND']);
});
