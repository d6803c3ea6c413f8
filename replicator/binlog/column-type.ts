import type { PayloadReader } from '../../proxy/wire/payload-reader';
import type { PayloadWriter } from '../../proxy/wire/payload-writer';
import { BinlogFormatError, UnsupportedColumnError } from './errors';

/** Type codes of columns in a table map (MySQL: "enum_field_types"; 140 and 141 are MariaDB's compressed columns). */
export const ColumnType = {
  decimal: 0,
  tiny: 1,
  short: 2,
  long: 3,
  float: 4,
  double: 5,
  null: 6,
  timestamp: 7,
  longlong: 8,
  int24: 9,
  date: 10,
  time: 11,
  datetime: 12,
  year: 13,
  newDate: 14,
  varchar: 15,
  bit: 16,
  timestamp2: 17,
  datetime2: 18,
  time2: 19,
  blobCompressed: 140,
  varcharCompressed: 141,
  vector: 242,
  json: 245,
  newDecimal: 246,
  enum: 247,
  set: 248,
  tinyBlob: 249,
  mediumBlob: 250,
  longBlob: 251,
  blob: 252,
  varString: 253,
  string: 254,
  geometry: 255,
} as const;

/** Type and metadata of a column as ColumnDef holds them. */
export interface TypeAndMeta {
  readonly type: number;
  readonly meta: number;
}

/** Bytes of metadata that a table map holds for a column of this type. */
export function metaBytes(type: number): 0 | 1 | 2 {
  switch (type) {
    case ColumnType.float:
    case ColumnType.double:
    case ColumnType.timestamp2:
    case ColumnType.datetime2:
    case ColumnType.time2:
    case ColumnType.blob:
    case ColumnType.tinyBlob:
    case ColumnType.mediumBlob:
    case ColumnType.longBlob:
    case ColumnType.blobCompressed:
    case ColumnType.geometry:
    case ColumnType.json:
    case ColumnType.vector:
      return 1;
    case ColumnType.varchar:
    case ColumnType.varcharCompressed:
    case ColumnType.varString:
    case ColumnType.string:
    case ColumnType.enum:
    case ColumnType.set:
    case ColumnType.bit:
    case ColumnType.newDecimal:
      return 2;
    case ColumnType.tiny:
    case ColumnType.short:
    case ColumnType.int24:
    case ColumnType.long:
    case ColumnType.longlong:
    case ColumnType.year:
    case ColumnType.date:
    case ColumnType.newDate:
    case ColumnType.time:
    case ColumnType.timestamp:
    case ColumnType.datetime:
    case ColumnType.null:
      return 0;
    default:
      throw new UnsupportedColumnError(`column type ${type} is not known`);
  }
}

/**
 * `meta` of ColumnDef: for CHAR its length in bytes, for ENUM and SET their length in the row; otherwise the metadata as
 * a little-endian number: `decimalDigits`, `bitWidth`, fraction digits, the longest length, the length of the length.
 */
export function readTypeAndMeta(wireType: number, metadata: PayloadReader): TypeAndMeta {
  const count = metaBytes(wireType);
  if (count === 0) return { type: wireType, meta: 0 };
  if (count === 1) return { type: wireType, meta: metadata.uint8() };
  if (wireType !== ColumnType.string) return { type: wireType, meta: metadata.uint16() };
  const first = metadata.uint8();
  const second = metadata.uint8();
  if (first === ColumnType.enum || first === ColumnType.set) return { type: first, meta: second };
  // CHAR longer than 255 bytes: two bits of the length stand, inverted, in bits 4 and 5 of the type.
  if ((first | 0x30) !== ColumnType.string) throw new BinlogFormatError(`CHAR column with real type ${first}`);
  return { type: ColumnType.string, meta: (((first & 0x30) ^ 0x30) << 4) | second };
}

/** Twin of readTypeAndMeta; returns the type code for the table map's list. */
export function writeTypeAndMeta({ type, meta }: TypeAndMeta, metadata: PayloadWriter): number {
  if (type === ColumnType.enum || type === ColumnType.set) {
    metadata.uint8(type).uint8(meta);
    return ColumnType.string;
  }
  if (type === ColumnType.string) {
    metadata.uint8(ColumnType.string ^ ((meta & 0x300) >> 4)).uint8(meta & 0xff);
    return type;
  }
  const count = metaBytes(type);
  if (count === 1) metadata.uint8(meta);
  else if (count === 2) metadata.uint16(meta);
  return type;
}

export function decimalDigits(meta: number): { readonly precision: number; readonly scale: number } {
  return { precision: meta & 0xff, scale: meta >> 8 };
}

/** Bits of a BIT column. */
export function bitWidth(meta: number): number {
  return (meta >> 8) * 8 + (meta & 0xff);
}

export function isInteger(type: number): boolean {
  return (
    type === ColumnType.tiny ||
    type === ColumnType.short ||
    type === ColumnType.int24 ||
    type === ColumnType.long ||
    type === ColumnType.longlong
  );
}

/** Columns that the table map's signedness bitmap counts. */
export function hasSignedness(type: number, flavour: 'mariadb' | 'mysql'): boolean {
  if (isInteger(type)) return true;
  if (type === ColumnType.float || type === ColumnType.double || type === ColumnType.newDecimal) return true;
  return type === ColumnType.year && flavour === 'mariadb';
}

/** Columns that the table map's character sets count (ENUM and SET have lists of their own). */
export function hasCollation(type: number, flavour: 'mariadb' | 'mysql'): boolean {
  switch (type) {
    case ColumnType.string:
    case ColumnType.varString:
    case ColumnType.varchar:
    case ColumnType.blob:
    case ColumnType.tinyBlob:
    case ColumnType.mediumBlob:
    case ColumnType.longBlob:
    case ColumnType.varcharCompressed:
    case ColumnType.blobCompressed:
      return true;
    case ColumnType.geometry:
      return flavour === 'mariadb';
    default:
      return false;
  }
}
