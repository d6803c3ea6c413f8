import type { Hlc } from './change-set';

/** Hybrid logical clock: milliseconds since 1970 in the upper 48 bits, a counter in the lower 16 (SEMANTICS.md, Words). */

const COUNTER_BITS = 16n;
const COUNTER_MASK = (1n << COUNTER_BITS) - 1n;
const HLC_MAX = (1n << 64n) - 1n;
const MS_MAX = (1n << 48n) - 1n;

/** Below every reading: nothing has happened yet. */
export const HLC_ZERO = 0n as Hlc;

/** How far a clock may jump ahead of what is known before a peer must confirm it. */
export const HLC_JUMP_MAX_MS = 24 * 60 * 60 * 1000;

/** Milliseconds since 1970 and a counter (0 to 65535) as one reading. Throws RangeError when they do not fit. */
export function hlcFrom(ms: number, counter = 0): Hlc {
  const time = BigInt(Math.trunc(ms));
  const count = BigInt(counter);
  if (time < 0n || time > MS_MAX) throw new RangeError(`HLC time out of range: ${ms} ms`);
  if (count < 0n || count > COUNTER_MASK) throw new RangeError(`HLC counter out of range: ${counter}`);
  return ((time << COUNTER_BITS) | count) as Hlc;
}

/** Milliseconds since 1970. */
export function hlcMs(hlc: Hlc): number {
  return Number(hlc >> COUNTER_BITS);
}

export function hlcCounter(hlc: Hlc): number {
  return Number(hlc & COUNTER_MASK);
}

export interface NextHlcInput {
  /** The last reading given by this incarnation; HLC_ZERO before the first. */
  readonly previous: Hlc;
  /** Milliseconds since 1970 of the event, as the binary log says. */
  readonly eventMs: number;
  /** The readings applied before the event, in binary log order. */
  readonly seen: Iterable<Hlc>;
  /** The wall clock when the event is read; absent: only `previous` and `seen` bound the jump. */
  readonly wallMs?: number;
}

/**
 * The next reading: above the previous one and every seen one, and at least the event's time. An event time more than
 * HLC_JUMP_MAX_MS above both what is known and the wall clock is not believed: the clock runs on from the last reading.
 * (A board without a battery clock has no past: the very first event is bounded by the wall clock alone.)
 */
export function nextHlc({ previous, eventMs, seen, wallMs }: NextHlcInput): Hlc {
  let known: bigint = previous;
  for (const hlc of seen) if (hlc > known) known = hlc;
  const next = known + 1n;
  if (next > HLC_MAX) throw new RangeError('the hybrid clock has run out of range');
  if (!isBelievable(eventMs, known as Hlc, wallMs)) return next as Hlc;
  const event: bigint = hlcFrom(eventMs);
  return (event > next ? event : next) as Hlc;
}

function isBelievable(eventMs: number, known: Hlc, wallMs: number | undefined): boolean {
  if (!(eventMs >= 0) || BigInt(Math.trunc(eventMs)) > MS_MAX) return false;
  if (known === HLC_ZERO && wallMs === undefined) return true;
  const boundMs = Math.max(hlcMs(known), wallMs ?? 0) + HLC_JUMP_MAX_MS;
  return eventMs <= boundMs;
}

/**
 * Whether a reading may be stored and relayed: at most HLC_JUMP_MAX_MS above what this site knows. `knownMs` is the
 * higher of its persisted clock and, where it trusts one, its wall clock.
 */
export function isWithinBound(hlc: Hlc, knownMs: number): boolean {
  return hlcMs(hlc) <= knownMs + HLC_JUMP_MAX_MS;
}

/** "2026-11-21T20:00:00.000Z+3", for people. */
export function formatHlc(hlc: Hlc): string {
  const ms = hlcMs(hlc);
  // Dates end at 8.64e15 ms; 48 bits hold less than that (2.8e14), so this never throws.
  return `${new Date(ms).toISOString()}+${hlcCounter(hlc)}`;
}
