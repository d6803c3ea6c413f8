import { PayloadTooShortError } from '../../proxy/wire/payload-reader';
import { ColumnType, decimalDigits, type TypeAndMeta } from './column-type';
import { UnsupportedColumnError } from './errors';

/** Bytes of 0 to 9 decimal digits in a DECIMAL's binary form. */
export const decimalDigitBytes = [0, 1, 1, 2, 2, 3, 3, 4, 4, 4] as const;
export const DECIMAL_GROUP_DIGITS = 9;

function decimalGroupBytes(digits: number): number {
  return Math.floor(digits / DECIMAL_GROUP_DIGITS) * 4 + (decimalDigitBytes[digits % DECIMAL_GROUP_DIGITS] ?? 0);
}

/** Bytes of a DECIMAL column. */
export function decimalBytes(meta: number): number {
  const { precision, scale } = decimalDigits(meta);
  return decimalGroupBytes(precision - scale) + decimalGroupBytes(scale);
}

function fractionBytes(digits: number): number {
  return (digits + 1) >> 1;
}

/** Bytes of the length that stands before a value; 0 for types of fixed length. */
export function lengthPrefixBytes({ type, meta }: TypeAndMeta): number {
  switch (type) {
    case ColumnType.varchar:
    case ColumnType.varcharCompressed:
    case ColumnType.varString:
    case ColumnType.string:
      return meta > 255 ? 2 : 1;
    case ColumnType.blob:
    case ColumnType.tinyBlob:
    case ColumnType.mediumBlob:
    case ColumnType.longBlob:
    case ColumnType.blobCompressed:
    case ColumnType.geometry:
    case ColumnType.json:
    case ColumnType.vector:
      if (meta < 1 || meta > 4) throw new UnsupportedColumnError(`column type ${type} with lengths of ${meta} bytes`);
      return meta;
    default:
      return 0;
  }
}

/** Bytes of a value of fixed length. */
function fixedLength({ type, meta }: TypeAndMeta): number {
  switch (type) {
    case ColumnType.null:
      return 0;
    case ColumnType.tiny:
    case ColumnType.year:
      return 1;
    case ColumnType.short:
      return 2;
    case ColumnType.int24:
    case ColumnType.date:
    case ColumnType.newDate:
    case ColumnType.time:
      return 3;
    case ColumnType.long:
    case ColumnType.float:
    case ColumnType.timestamp:
      return 4;
    case ColumnType.longlong:
    case ColumnType.double:
    case ColumnType.datetime:
      return 8;
    case ColumnType.time2:
      return 3 + fractionBytes(meta);
    case ColumnType.timestamp2:
      return 4 + fractionBytes(meta);
    case ColumnType.datetime2:
      return 5 + fractionBytes(meta);
    case ColumnType.newDecimal:
      return decimalBytes(meta);
    case ColumnType.bit:
      return (meta >> 8) + ((meta & 0xff) > 0 ? 1 : 0);
    case ColumnType.enum:
    case ColumnType.set:
      return meta;
    default:
      throw new UnsupportedColumnError(`the length of column type ${type} is not known`);
  }
}

/** Bytes that a value takes in a row image, its length prefix included; the value starts at `offset`. */
export function columnLength(column: TypeAndMeta, bytes: Buffer, offset: number): number {
  const prefix = lengthPrefixBytes(column);
  if (prefix === 0) return fixedLength(column);
  if (offset + prefix > bytes.length) throw new PayloadTooShortError(prefix, bytes.length - offset);
  return prefix + bytes.readUIntLE(offset, prefix);
}
