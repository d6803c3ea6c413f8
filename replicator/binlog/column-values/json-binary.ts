import { PayloadTooShortError } from '../../../proxy/wire/payload-reader';
import { ColumnType } from '../column-type';
import { BinlogFormatError } from '../errors';
import { decimalText } from './decimal';

/** MySQL's binary JSON (MySQL: sql-common/json_binary.h), written out as the server prints it. */

const Type = {
  smallObject: 0x00,
  largeObject: 0x01,
  smallArray: 0x02,
  largeArray: 0x03,
  literal: 0x04,
  int16: 0x05,
  uint16: 0x06,
  int32: 0x07,
  uint32: 0x08,
  int64: 0x09,
  uint64: 0x0a,
  double: 0x0b,
  string: 0x0c,
  opaque: 0x0f,
} as const;

const literals = ['null', 'true', 'false'];
/** The server stops at 100 too. */
const depthMax = 100;

/** `bytes`: the value without its length prefix. */
export function jsonText(bytes: Buffer): string {
  // An empty value stands for JSON null: ALTER TABLE leaves such ones.
  if (bytes.length === 0) return 'null';
  return valueText(bytes[0] ?? 0, within(bytes, 1, bytes.length - 1), 0);
}

function within(bytes: Buffer, offset: number, length: number): Buffer {
  if (offset < 0 || offset + length > bytes.length) throw new PayloadTooShortError(length, bytes.length - offset);
  return bytes.subarray(offset, offset + length);
}

function valueText(type: number, bytes: Buffer, depth: number): string {
  const need = (count: number): Buffer => within(bytes, 0, count);
  switch (type) {
    case Type.smallObject:
    case Type.smallArray:
      return containerText(bytes, { isObject: type === Type.smallObject, wide: false, depth });
    case Type.largeObject:
    case Type.largeArray:
      return containerText(bytes, { isObject: type === Type.largeObject, wide: true, depth });
    case Type.literal:
      return literalText(need(1).readUInt8());
    case Type.int16:
      return String(need(2).readInt16LE());
    case Type.uint16:
      return String(need(2).readUInt16LE());
    case Type.int32:
      return String(need(4).readInt32LE());
    case Type.uint32:
      return String(need(4).readUInt32LE());
    case Type.int64:
      return String(need(8).readBigInt64LE());
    case Type.uint64:
      return String(need(8).readBigUInt64LE());
    case Type.double:
      return doubleText(need(8).readDoubleLE());
    case Type.string:
      return JSON.stringify(variableLength(bytes, 0).toString());
    case Type.opaque:
      return opaqueText(need(1).readUInt8(), variableLength(bytes, 1));
    default:
      throw new BinlogFormatError(`JSON value of unknown type ${type}`);
  }
}

function literalText(value: number): string {
  const text = literals[value];
  if (text === undefined) throw new BinlogFormatError(`JSON literal ${value}`);
  return text;
}

function doubleText(value: number): string {
  const text = String(value).replace('e+', 'e');
  return /^-?\d+$/.test(text) ? `${text}.0` : text;
}

/** Bytes behind a length of 7 bits a byte, lowest first. */
function variableLength(bytes: Buffer, start: number): Buffer {
  let length = 0;
  let offset = start;
  for (let shift = 0; shift < 35; shift += 7) {
    const byte = within(bytes, offset++, 1).readUInt8();
    length += (byte & 0x7f) * 2 ** shift;
    if ((byte & 0x80) === 0) return within(bytes, offset, length);
  }
  throw new BinlogFormatError('JSON length of more than 5 bytes');
}

interface Container {
  readonly isObject: boolean;
  /** Offsets of 4 bytes instead of 2. */
  readonly wide: boolean;
  readonly depth: number;
}

function containerText(bytes: Buffer, { isObject, wide, depth }: Container): string {
  if (depth >= depthMax) throw new BinlogFormatError('JSON nested too deeply');
  const unit = wide ? 4 : 2;
  const readUnit = (at: number): number => within(bytes, at, unit).readUIntLE(0, unit);
  const count = readUnit(0);
  const keyEntryBytes = isObject ? unit + 2 : 0;
  const parts: string[] = [];
  for (let index = 0; index < count; index++) {
    const entry = 2 * unit + count * keyEntryBytes + index * (1 + unit);
    const type = within(bytes, entry, 1).readUInt8();
    const inlined = isInlined(type, wide);
    const at = inlined ? entry + 1 : readUnit(entry + 1);
    const value = valueText(type, within(bytes, at, bytes.length - at), depth + 1);
    if (!isObject) parts.push(value);
    else {
      const keyEntry = 2 * unit + index * keyEntryBytes;
      const key = within(bytes, readUnit(keyEntry), within(bytes, keyEntry + unit, 2).readUInt16LE());
      parts.push(`${JSON.stringify(key.toString())}: ${value}`);
    }
  }
  return isObject ? `{${parts.join(', ')}}` : `[${parts.join(', ')}]`;
}

function isInlined(type: number, wide: boolean): boolean {
  if (type === Type.literal || type === Type.int16 || type === Type.uint16) return true;
  return wide && (type === Type.int32 || type === Type.uint32);
}

function opaqueText(fieldType: number, data: Buffer): string {
  if (fieldType === ColumnType.newDecimal) {
    return decimalText(within(data, 0, 2).readUInt16LE(), data.subarray(2));
  }
  return JSON.stringify(`base64:type${fieldType}:${data.toString('base64')}`);
}
