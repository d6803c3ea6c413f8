import { PayloadReader } from './payload-reader';

/** The value of one parameter: NULL, an integer, text, or 'other' for what is neither. */
export type ParameterValue = null | bigint | string | 'other';

/** Type codes and flags of a prepared statement's parameters, as bytes of the packet: two for each. */
export type ParameterTypes = Buffer;

/** Command, statement id, flags, iterations. */
const HEAD_BYTES = 1 + 4 + 1 + 4;
/** Flag: a parameter count follows, and names (MySQL's query attributes). */
const COUNT_AVAILABLE = 8;
const UNSIGNED = 0x80;

export interface ExecuteParameters {
  /** Of this execution; later ones may leave them out. */
  readonly types: ParameterTypes;
  readonly values: readonly ParameterValue[];
}

/**
 * The parameters of a COM_STMT_EXECUTE payload; null when they cannot be read. `before`: the types last sent for the
 * statement. `long`: parameters whose values went ahead by COM_STMT_SEND_LONG_DATA. Throws PayloadTooShortError.
 * Source: MariaDB, "COM_STMT_EXECUTE"; MySQL, "Binary Protocol Value".
 */
export function executeParameters(
  payload: Buffer,
  count: number,
  { before, long }: { readonly before: ParameterTypes | null; readonly long: ReadonlySet<number> },
): ExecuteParameters | null {
  if (count === 0 || ((payload[5] ?? 0) & COUNT_AVAILABLE) !== 0) return null;
  const reader = new PayloadReader(payload, HEAD_BYTES);
  const nulls = reader.take((count + 7) >> 3);
  const types = reader.uint8() === 1 ? Buffer.from(reader.take(2 * count)) : before;
  if (types === null) return null;
  const values: ParameterValue[] = [];
  for (let number = 0; number < count; number++) {
    if (long.has(number)) values.push('other');
    else if (((nulls[number >> 3] ?? 0) & (1 << (number & 7))) !== 0) values.push(null);
    else values.push(parameterValue(reader, types[2 * number] ?? 0, types[2 * number + 1] ?? 0));
  }
  return { types, values };
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
    case 11:
    case 12:
      reader.skip(reader.uint8());
      return 'other';
    default:
      return reader.lenencBytes().toString('latin1');
  }
}

function integer(value: number, bits: number, signed: boolean): bigint {
  return signed ? BigInt.asIntN(bits, BigInt(value)) : BigInt(value);
}

function whole(value: number): ParameterValue {
  return Number.isSafeInteger(value) ? BigInt(value) : 'other';
}
