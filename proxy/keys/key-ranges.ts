/**
 * Which auto-increment values belong to whom (WIRE.md, "Ranges, sliced by time").
 *
 * - time-sliced: `t·2^22 + scope·2^10 + n`, t in seconds since 2020-01-01T00:00Z (31 bits), scope 1 to 4095, n 10 bits;
 *   valid from 2^44 (February 2020) to below 2^53, what JavaScript and JSON can hold.
 * - bulk: `[2^32·scope, 2^32·(scope+1))`, all of it below 2^44.
 * - below 2^32: rows from before Duara, owned by nobody. Narrow columns are leased (key-leases.ts).
 */

/** 2020-01-01T00:00:00Z in milliseconds since 1970. */
export const KEY_EPOCH_MS = 1_577_836_800_000;
/** Of the 1,024 keys that a site owns of every table in each second the proxy issues those below; the rest belongs to triggers. */
export const ISSUED_KEYS = 768;
export const SCOPE_MAX = 4095;
/** One above the largest second a key can carry (2088). */
export const SECONDS_END = 2 ** 31;

const TIME_SLICED_FROM = 1n << 44n;
export const TIME_SLICED_END = 1n << 53n;

/** How far ahead of the clock a key may lie before it is taken for the work of a broken clock, in seconds. */
const PLAUSIBLE_AHEAD_SECONDS = 24 * 3600;

/** Keys from `from` to below `end`. */
export interface KeyRange {
  readonly from: bigint;
  readonly end: bigint;
}

export interface SlicedKey {
  /** Seconds since 2020-01-01T00:00Z. */
  readonly t: number;
  readonly scope: number;
  /** Place in the second's slice, 0 to 1023. */
  readonly n: number;
}

/** Seconds since 2020-01-01 for milliseconds since 1970; 0 for earlier times. */
export function keySeconds(ms: number): number {
  return Math.max(0, Math.floor((ms - KEY_EPOCH_MS) / 1000));
}

export function composeKey({ t, scope, n }: SlicedKey): bigint {
  // Below 2^53 all of it is exact, and one BigInt is made where shifts of them would make five.
  return BigInt(t * 2 ** 22 + scope * 2 ** 10 + n);
}

export function decomposeKey(key: bigint): SlicedKey {
  if (key < TIME_SLICED_END && key >= 0n) {
    const number = Number(key);
    return { t: Math.floor(number / 2 ** 22), scope: Math.floor(number / 2 ** 10) & 0xfff, n: number & 0x3ff };
  }
  return { t: Number(key >> 22n), scope: Number((key >> 10n) & 0xfffn), n: Number(key & 0x3ffn) };
}

export function isTimeSliced(key: bigint): boolean {
  return key >= TIME_SLICED_FROM && key < TIME_SLICED_END && ((key >> 10n) & 0xfffn) !== 0n;
}

/** True for a time-sliced key whose second is not more than a day ahead of `nowMs`. */
export function isPlausible(key: bigint, nowMs: number): boolean {
  return isTimeSliced(key) && Number(key >> 22n) <= keySeconds(nowMs) + PLAUSIBLE_AHEAD_SECONDS;
}

export function bulkRange(scope: number): KeyRange {
  return { from: BigInt(scope) << 32n, end: BigInt(scope + 1) << 32n };
}

/** All time-sliced keys, of any site, that are plausible at `nowMs`. */
export function plausibleRange(nowMs: number): KeyRange {
  const t = Math.min(keySeconds(nowMs) + PLAUSIBLE_AHEAD_SECONDS + 1, SECONDS_END);
  return { from: TIME_SLICED_FROM, end: BigInt(t) << 22n };
}

/** The values a narrow column can hold, from 1. */
export function narrowRange(bits: number, unsigned: boolean): KeyRange {
  return { from: 1n, end: 1n << BigInt(unsigned ? bits : bits - 1) };
}

/** Where a column's keys are looked for: all plausible time-sliced ones of a wide column, all of a narrow one. */
export function searchedRange(
  { bits, unsigned }: { readonly bits: number; readonly unsigned: boolean },
  nowMs: number,
): KeyRange {
  return bits === 64 ? plausibleRange(nowMs) : narrowRange(bits, unsigned);
}

/** The scope a generated key belongs to; null when the key alone does not say (old rows, and all narrow columns). */
export function keyOwner(bits: number, key: bigint): number | null {
  if (bits < 64) return null;
  if (isTimeSliced(key)) return decomposeKey(key).scope;
  const scope = Number(key >> 32n);
  return scope >= 1 && scope <= SCOPE_MAX ? scope : null;
}

/** True for a time-sliced or bulk key of `scope`. */
export function isOwn(scope: number, key: bigint): boolean {
  return keyOwner(64, key) === scope;
}
