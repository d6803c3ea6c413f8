import { HLC_JUMP_MAX_MS } from '../hlc';

/**
 * Which received change sets may be stored: none whose time is more than a day ahead of what is known here, or one board
 * with a wrong clock would carry everyone's clock away for ever (SEMANTICS.md, Words, HLC). Known is this site's wall
 * clock and its own hybrid clock; and, since that wall clock may be the wrong one, what two origins at least agree on.
 */
export class ArrivalBound {
  /** The latest time in milliseconds that each stream claimed. */
  private readonly claims = new Map<number, number>();

  /** How many of the first records may be stored. `timesMs`: of each record; `knownMs`: the later of this site's clocks. */
  admit(stream: number, timesMs: readonly number[], knownMs: number): number {
    this.claims.set(stream, Math.max(this.claims.get(stream) ?? 0, ...timesMs));
    const [, second = 0] = [...this.claims.values()].sort((a, b) => b - a);
    const bound = Math.max(knownMs, second) + HLC_JUMP_MAX_MS;
    const beyond = timesMs.findIndex((timeMs) => timeMs > bound);
    return beyond < 0 ? timesMs.length : beyond;
  }
}
