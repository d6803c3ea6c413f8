import { PayloadReader, PayloadTooShortError } from './payload-reader';
import { PayloadWriter } from './payload-writer';

/**
 * The value of one parameter: NULL, an integer, text, or 'other' for what is neither. What has a fraction, a date or a time is the
 * integer that a column of integers takes it for.
 */
export type ParameterValue = null | bigint | string | 'other';

/** Type codes and flags of a prepared statement's parameters, as bytes of the packet: two for each. */
export type ParameterTypes = Buffer;

/** Command, statement id, flags, iterations. */
const HEAD_BYTES = 1 + 4 + 1 + 4;
const UNSIGNED = 0x80;
/** The server takes no more query attributes. */
const ATTRIBUTES_MAX = 65_535;

/** What has to be known to read a COM_STMT_EXECUTE. */
export interface ExecuteContext {
  /** The types last sent for the statement. */
  readonly before: ParameterTypes | null;
  /** Parameters whose values went ahead by COM_STMT_SEND_LONG_DATA. */
  readonly long: ReadonlySet<number>;
  /** The session has that capability: a count of parameters goes before them, and each has a name. */
  readonly queryAttributes: boolean;
}

export interface ExecuteParameters {
  /** Of this execution; later ones may leave them out. */
  readonly types: ParameterTypes;
  readonly values: readonly ParameterValue[];
}

/**
 * The `count` parameters of a COM_STMT_EXECUTE payload, without query attributes that may follow them; null when they
 * cannot be read. Throws PayloadTooShortError. Source: MariaDB, "COM_STMT_EXECUTE"; MySQL, "Binary Protocol Value", and
 * parse_query_bind_params in its sql/protocol_classic.cc.
 */
export function executeParameters(
  payload: Buffer,
  count: number,
  { before, long, queryAttributes }: ExecuteContext,
): ExecuteParameters | null {
  if (count === 0) return null;
  const reader = new PayloadReader(payload, HEAD_BYTES);
  const sent = queryAttributes ? Number(reader.lenenc()) : count;
  if (sent < count || sent > ATTRIBUTES_MAX) return null;
  const nulls = reader.take((sent + 7) >> 3);
  const types = reader.uint8() === 1 ? readTypes(reader, sent, queryAttributes).subarray(0, 2 * count) : before;
  if (types === null) return null;
  const values: ParameterValue[] = [];
  for (let number = 0; number < count; number++) {
    if (long.has(number)) values.push('other');
    else if (((nulls[number >> 3] ?? 0) & (1 << (number & 7))) !== 0) values.push(null);
    else values.push(parameterValue(reader, types[2 * number] ?? 0, types[2 * number + 1] ?? 0));
  }
  return { types, values };
}

function readTypes(reader: PayloadReader, count: number, named: boolean): ParameterTypes {
  if (!named) return Buffer.from(reader.take(2 * count));
  const types = Buffer.alloc(2 * count);
  for (let number = 0; number < count; number++) {
    types.set(reader.take(2), 2 * number);
    reader.lenencBytes();
  }
  return types;
}

/**
 * Where the SQL text starts in a COM_QUERY payload of a session with query attributes; null when the server would call it
 * malformed. Source: MySQL, "COM_QUERY", and parse_query_bind_params in its sql/protocol_classic.cc.
 */
export function queryTextAt(payload: Buffer): number | null {
  // Nearly all: no attributes, one set of them.
  if (payload[1] === 0 && payload[2] === 1) return 3;
  try {
    return behindAttributes(new PayloadReader(payload, 1));
  } catch (error) {
    if (error instanceof PayloadTooShortError) return null;
    throw error;
  }
}

function behindAttributes(reader: PayloadReader): number | null {
  const count = Number(reader.lenenc());
  if (reader.lenenc() !== 1n || count > ATTRIBUTES_MAX) return null;
  if (count === 0) return reader.offset;
  const nulls = reader.take((count + 7) >> 3);
  if (reader.uint8() !== 1) return null;
  const types = readTypes(reader, count, true);
  for (let number = 0; number < count; number++) {
    const isNull = ((nulls[number >> 3] ?? 0) & (1 << (number & 7))) !== 0;
    if (!isNull) parameterValue(reader, types[2 * number] ?? 0, types[2 * number + 1] ?? 0);
  }
  return reader.offset;
}

/** One value in binary form; moves `reader` behind it. `type` and `flags` as in the packet. */
export function parameterValue(reader: PayloadReader, type: number, flags: number): ParameterValue {
  const signed = (flags & UNSIGNED) === 0;
  switch (type) {
    case 6:
      return null;
    case 1:
      return integer(reader.uint8(), 8, signed);
    case 2:
    case 13:
      return integer(reader.uint16(), 16, signed);
    case 3:
    case 9:
      return integer(reader.uint32(), 32, signed);
    case 8:
      return signed ? BigInt.asIntN(64, reader.uint64()) : reader.uint64();
    case 4:
      return whole(reader.take(4).readFloatLE(0));
    case 5:
      return whole(reader.take(8).readDoubleLE(0));
    case 7:
    case 10:
    case 12:
      return dateNumber(reader.take(reader.uint8()), type === 10);
    case 11:
      return timeNumber(reader.take(reader.uint8()));
    default:
      return reader.lenencBytes().toString('latin1');
  }
}

/** An integer as a value of that type; null when it cannot hold it. The inverse of `parameterValue`. */
export function parameterBytes(value: bigint, type: number, flags: number): Buffer | null {
  const bytes = bytesOfInteger[type];
  if (bytes !== undefined) {
    const bits = 8 * bytes;
    const fits = (flags & UNSIGNED) === 0 ? BigInt.asIntN(bits, value) : BigInt.asUintN(bits, value);
    if (fits !== value) return null;
    const buffer = Buffer.alloc(8);
    buffer.writeBigInt64LE(BigInt.asIntN(64, value));
    return buffer.subarray(0, bytes);
  }
  if (type === 5) {
    const buffer = Buffer.alloc(8);
    buffer.writeDoubleLE(Number(value));
    return whole(Number(value)) === value ? buffer : null;
  }
  return isText(type) ? new PayloadWriter().lenencBytes(String(value)).finish() : null;
}

const bytesOfInteger: Readonly<Record<number, number>> = { 1: 1, 2: 2, 13: 2, 3: 4, 9: 4, 8: 8 };

/** DECIMAL, VARCHAR, and all from JSON on but GEOMETRY: what is sent as text. */
export function isText(type: number): boolean {
  return type === 0 || type === 15 || (type >= 245 && type < 255);
}

function integer(value: number, bits: number, signed: boolean): bigint {
  return signed ? BigInt.asIntN(bits, BigInt(value)) : BigInt(value);
}

/** The nearest integer, of two the even one. */
function whole(value: number): ParameterValue {
  if (!Number.isFinite(value)) return 'other';
  const below = Math.floor(value);
  const rest = value - below;
  const up = rest > 0.5 || (rest === 0.5 && below % 2 !== 0);
  return BigInt(up ? below + 1 : below);
}

/** YYYYMMDD, or YYYYMMDDhhmmss. Shorter ones leave zeros out. */
function dateNumber(bytes: Buffer, onlyDate: boolean): ParameterValue {
  const date = bytes.length < 4 ? 0 : bytes.readUInt16LE(0) * 10_000 + (bytes[2] ?? 0) * 100 + (bytes[3] ?? 0);
  return onlyDate ? BigInt(date) : BigInt(date) * 1_000_000n + clockNumber(bytes, 4, 0);
}

/** hhmmss, of days too. */
function timeNumber(bytes: Buffer): ParameterValue {
  const days = bytes.length < 5 ? 0 : bytes.readUInt32LE(1);
  const number = clockNumber(bytes, 5, days * 24);
  return bytes[0] === 1 ? -number : number;
}

function clockNumber(bytes: Buffer, at: number, moreHours: number): bigint {
  const hours = moreHours + (bytes[at] ?? 0);
  return BigInt(hours) * 10_000n + BigInt((bytes[at + 1] ?? 0) * 100 + (bytes[at + 2] ?? 0));
}
