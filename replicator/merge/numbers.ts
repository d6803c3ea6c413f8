import type { ColumnBytes, ColumnDef } from '../change-set';

/** Arithmetic on column bytes for the merges sum, max and min: integers and decimals. Pure and exact. */

/** Width in bytes by type code: TINY, SHORT, LONG, LONGLONG, INT24 (MySQL: "Column Types"). */
const INTEGER_BYTES: ReadonlyMap<number, number> = new Map([
  [1, 1],
  [2, 2],
  [3, 4],
  [8, 8],
  [9, 3],
]);
const NEWDECIMAL = 246;

/** Digits left over from groups of nine take this many bytes (MySQL's decimal.c, dig2bytes). */
const DIGIT_BYTES = [0, 1, 1, 2, 2, 3, 3, 4, 4, 4] as const;

/** An exact number: `unscaled` · 10^-scale. */
interface Exact {
  readonly unscaled: bigint;
  readonly scale: number;
}

/** The value as a number, null for NULL and for types that are no exact numbers. */
export function exactOf(def: ColumnDef, value: ColumnBytes): Exact | null {
  if (value === null) return null;
  const bytes = INTEGER_BYTES.get(def.type);
  if (bytes !== undefined)
    return value.length === bytes ? { unscaled: readInteger(value, def.unsigned), scale: 0 } : null;
  return def.type === NEWDECIMAL ? readDecimal(def, value) : null;
}

/** The nearest value that the column can hold. */
export function bytesOf(def: ColumnDef, value: Exact): Uint8Array | null {
  const bytes = INTEGER_BYTES.get(def.type);
  if (bytes !== undefined) return writeInteger(rescale(value, 0), bytes, def.unsigned);
  return def.type === NEWDECIMAL ? writeDecimal(def, value) : null;
}

export function add(a: Exact, b: Exact): Exact {
  const scale = Math.max(a.scale, b.scale);
  return { unscaled: rescale(a, scale) + rescale(b, scale), scale };
}

export function subtract(a: Exact, b: Exact): Exact {
  return add(a, { ...b, unscaled: -b.unscaled });
}

export function compareExact(a: Exact, b: Exact): number {
  const difference = subtract(a, b).unscaled;
  return difference < 0n ? -1 : difference > 0n ? 1 : 0;
}

function rescale({ unscaled, scale }: Exact, to: number): bigint {
  return to >= scale ? unscaled * 10n ** BigInt(to - scale) : unscaled / 10n ** BigInt(scale - to);
}

function readInteger(value: Uint8Array, unsigned: boolean): bigint {
  let result = 0n;
  for (let i = value.length - 1; i >= 0; i--) result = (result << 8n) | BigInt(value[i]!);
  return unsigned ? result : BigInt.asIntN(value.length * 8, result);
}

function clamp(value: bigint, least: bigint, most: bigint): bigint {
  return value < least ? least : value > most ? most : value;
}

function writeInteger(value: bigint, bytes: number, unsigned: boolean): Uint8Array {
  const bits = BigInt(bytes * 8);
  const most = (1n << (unsigned ? bits : bits - 1n)) - 1n;
  let rest = BigInt.asUintN(bytes * 8, clamp(value, unsigned ? 0n : -most - 1n, most));
  const result = new Uint8Array(bytes);
  for (let i = 0; i < bytes; i++) {
    result[i] = Number(rest & 0xffn);
    rest >>= 8n;
  }
  return result;
}

interface DecimalShape {
  readonly precision: number;
  readonly scale: number;
  /** Digits of each run of bytes, integer part first. */
  readonly runs: readonly number[];
}

/** Source: MySQL strings/decimal.c, decimal2bin: nine digits in four bytes, big endian, the leftovers at the outside. */
function decimalShape(def: ColumnDef): DecimalShape {
  const precision = def.meta >> 8;
  const scale = def.meta & 0xff;
  const whole = precision - scale;
  const nines = (digits: number): number[] => Array.from({ length: Math.floor(digits / 9) }, () => 9);
  const runs = [whole % 9, ...nines(whole), ...nines(scale), scale % 9].filter((digits) => digits > 0);
  return { precision, scale, runs };
}

function readDecimal(def: ColumnDef, value: Uint8Array): Exact | null {
  const { scale, runs } = decimalShape(def);
  if (runs.reduce((sum, digits) => sum + DIGIT_BYTES[digits]!, 0) !== value.length || value.length === 0) return null;
  const negative = (value[0]! & 0x80) === 0;
  let unscaled = 0n;
  let at = 0;
  for (const digits of runs) {
    let run = 0n;
    for (const end = at + DIGIT_BYTES[digits]!; at < end; at++) {
      const byte = at === 0 ? value[0]! ^ 0x80 : value[at]!;
      run = (run << 8n) | BigInt(negative ? byte ^ 0xff : byte);
    }
    unscaled = unscaled * 10n ** BigInt(digits) + run;
  }
  return { unscaled: negative ? -unscaled : unscaled, scale };
}

function writeDecimal(def: ColumnDef, value: Exact): Uint8Array {
  const { precision, scale, runs } = decimalShape(def);
  const most = 10n ** BigInt(precision) - 1n;
  const unscaled = clamp(rescale(value, scale), def.unsigned ? 0n : -most, most);
  const negative = unscaled < 0n;
  let rest = negative ? -unscaled : unscaled;
  const result = new Uint8Array(runs.reduce((sum, digits) => sum + DIGIT_BYTES[digits]!, 0));
  let at = result.length;
  for (const digits of [...runs].reverse()) {
    let run = rest % 10n ** BigInt(digits);
    rest /= 10n ** BigInt(digits);
    for (let i = 0; i < DIGIT_BYTES[digits]!; i++) {
      result[--at] = Number(run & 0xffn) ^ (negative ? 0xff : 0);
      run >>= 8n;
    }
  }
  result[0]! ^= 0x80;
  return result;
}
