import type { ColumnDef } from '../change-set';

const INTEGER_BITS: Readonly<Record<number, 8 | 16 | 24 | 32 | 64>> = { 1: 8, 2: 16, 3: 32, 8: 64, 9: 24 };

export function sameBytes(a: Uint8Array | null | undefined, b: Uint8Array | null | undefined): boolean {
  if (a === b) return true;
  if (a === null || a === undefined || b === null || b === undefined || a.length !== b.length) return false;
  return Buffer.compare(a, b) === 0;
}

/** Bits of an integer column, or null for another type. */
export function integerBits(column: ColumnDef): 8 | 16 | 24 | 32 | 64 | null {
  return INTEGER_BITS[column.type] ?? null;
}

/** Of eight bytes, which make one bigint here where shifting would make sixteen. */
const eight = new DataView(new ArrayBuffer(8));

/** Little-endian, as integers stand in the log. */
export function readUnsigned(bytes: Uint8Array): bigint {
  if (bytes.length > 8) throw new RangeError(`an integer of ${bytes.length} bytes`);
  eight.setUint32(0, 0);
  eight.setUint32(4, 0);
  for (let index = 0; index < bytes.length; index++) eight.setUint8(index, bytes[index] as number);
  return eight.getBigUint64(0, true);
}

export function readInteger(column: ColumnDef, bytes: Uint8Array): bigint {
  const value = readUnsigned(bytes);
  return column.unsigned ? value : BigInt.asIntN(bytes.length * 8, value);
}
