import type { ColumnBytes, ColumnDef } from '../../change-set';
import { ColumnType } from '../column-type';
import { UnsupportedColumnError } from '../errors';

type IntegerColumn = Pick<ColumnDef, 'name' | 'type' | 'unsigned'>;

function integerBytes(def: IntegerColumn): number {
  switch (def.type) {
    case ColumnType.tiny:
      return 1;
    case ColumnType.short:
      return 2;
    case ColumnType.int24:
      return 3;
    case ColumnType.long:
      return 4;
    case ColumnType.longlong:
      return 8;
    default:
      throw new UnsupportedColumnError(`column ${def.name} of type ${def.type} is not an integer`);
  }
}

function littleEndian(bytes: Uint8Array): bigint {
  let value = 0n;
  for (let at = bytes.length - 1; at >= 0; at--) value = (value << 8n) | BigInt(bytes[at] ?? 0);
  return value;
}

export function bigEndian(bytes: Uint8Array): bigint {
  let value = 0n;
  for (const byte of bytes) value = (value << 8n) | BigInt(byte);
  return value;
}

/** Value of an integer column (TINYINT to BIGINT); null for NULL. Other types: UnsupportedColumnError. */
export function columnToBigInt(def: IntegerColumn, bytes: ColumnBytes): bigint | null {
  const length = integerBytes(def);
  if (bytes === null) return null;
  if (bytes.length !== length) throw new UnsupportedColumnError(`integer of ${bytes.length} bytes in ${def.name}`);
  const value = littleEndian(bytes);
  return def.unsigned ? value : BigInt.asIntN(length * 8, value);
}

/** Twin of columnToBigInt; null when the value does not fit the column. */
export function bigIntToColumn(def: IntegerColumn, value: bigint): Buffer | null {
  const length = integerBytes(def);
  const bits = length * 8;
  const fits = def.unsigned ? BigInt.asUintN(bits, value) === value : BigInt.asIntN(bits, value) === value;
  if (!fits) return null;
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt.asUintN(64, value));
  return bytes.subarray(0, length);
}
