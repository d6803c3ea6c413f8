import { composeKey, decomposeKey, SECONDS_END, ISSUED_KEYS } from './key-ranges';

/** How far one table's time-sliced keys are used: in second `t` the places below `n`, and everything before `t`. */
export interface SliceLane {
  /** Seconds since 2020-01-01. */
  readonly t: number;
  /** 0 to 768; 768: the second is used up. */
  readonly n: number;
}

export interface SliceDemand {
  readonly scope: number;
  /** 1 to 768 keys, all of one second. */
  readonly count: number;
  /** The hybrid clock, in seconds since 2020-01-01. */
  readonly nowSeconds: number;
  /** Highest valid key seen applied in the table, of any site; 0n for none. */
  readonly floor: bigint;
}

/** A run of keys within one second, and the lane after it. */
export interface SliceRun {
  readonly first: bigint;
  readonly t: number;
  readonly lane: SliceLane;
}

/** A lane whose keys up to the end of second `t` may have been issued before. */
export function laneAfter(t: number): SliceLane {
  return { t, n: ISSUED_KEYS };
}

/**
 * The next run of a lane: above all that the lane issued and above the floor, in the present second if that is free,
 * else in the second after. Null when the seconds are used up (the year 2088).
 */
export function nextRun(lane: SliceLane, { scope, count, nowSeconds, floor }: SliceDemand): SliceRun | null {
  let { t, n } = lane;
  if (nowSeconds > t) {
    t = nowSeconds;
    n = 0;
  } else if (n + count > ISSUED_KEYS) {
    // The clock stands, ran back, or is slower than the inserts: borrow the next second.
    t += 1;
    n = 0;
  }
  let first = composeKey({ t, scope, n });
  if (first <= floor) {
    t = decomposeKey(floor).t + 1;
    n = 0;
    first = composeKey({ t, scope, n });
  }
  return t >= SECONDS_END ? null : { first, t, lane: { t, n: n + count } };
}
