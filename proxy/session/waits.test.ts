import { Waits } from './waits';

describe('Waits', () => {
  it('lets a command go on at once when it waits for one thing after another', () => {
    const waits = new Waits();
    const pauses = Array.from({ length: 30 }, (_, table) => waits.begin(`app.t${table}`, 1_000 + table).pauseMs);
    expect(pauses).toEqual(pauses.map(() => 0));
  });

  it('pauses more and more when the same thing is never there', () => {
    const waits = new Waits();
    const pauses = Array.from({ length: 8 }, () => waits.begin('app.t', 1_000).pauseMs);
    expect(pauses.slice(0, 4)).toEqual([0, 0, 0, 0]);
    expect(pauses.slice(4)).toEqual([320, 500, 500, 500]);
  });

  it('counts the time of each thing by itself, and anew for the next command', () => {
    const waits = new Waits();
    waits.begin('app.a', 1_000);
    expect(waits.begin('app.b', 9_000).sinceMs).toBe(9_000);
    expect(waits.begin('app.a', 9_500).sinceMs).toBe(1_000);
    waits.end();
    expect(waits.begin('app.a', 9_900)).toEqual({ sinceMs: 9_900, pauseMs: 0 });
  });
});
