import { PayloadReader, PayloadTooShortError } from './payload-reader';
import { PayloadWriter } from './payload-writer';
import { type ParameterTypes, parameterBytes, parameterValue, type ParameterValue } from './statement-parameters';

/** Flags of MariaDB's COM_STMT_BULK_EXECUTE. */
const BulkFlag = { unitResults: 64, sendTypes: 128 } as const;

/** What stands before each value (MariaDB: "COM_STMT_BULK_EXECUTE"). */
const BulkIndicator = { value: 0, null: 1, default: 2, ignore: 3 } as const;

/** The head of MariaDB's COM_STMT_BULK_EXECUTE: one statement, carried out for many rows of parameters. */
export interface BulkExecute {
  readonly statementId: number;
  /** The client wants to hear of each row: the reply is a result set of keys and affected rows. */
  readonly unitResults: boolean;
  /** null: those of the execution before. */
  readonly types: ParameterTypes | null;
  /** The first row's offset. */
  readonly rowsAt: number;
}

/** The values of one row, in the order of the parameters. A default, and what is to be left as it is, is NULL too. */
export type BulkRow = readonly ParameterValue[];

/** null when it is malformed. */
export function decodeBulkExecute(payload: Buffer, parameterCount: number): BulkExecute | null {
  const reader = new PayloadReader(payload, 1);
  if (reader.remaining < 6) return null;
  const statementId = reader.uint32();
  const flags = reader.uint16();
  const unitResults = (flags & BulkFlag.unitResults) !== 0;
  if ((flags & BulkFlag.sendTypes) === 0) return { statementId, unitResults, types: null, rowsAt: reader.offset };
  if (reader.remaining < 2 * parameterCount) return null;
  const types = Buffer.from(reader.take(2 * parameterCount));
  return { statementId, unitResults, types, rowsAt: reader.offset };
}

/**
 * The rows of a COM_STMT_BULK_EXECUTE, one after the other. `types`: those of this execution, or of the last one that
 * brought some. Throws PayloadTooShortError where the payload ends within a row.
 */
export function* bulkRows(
  payload: Buffer,
  { rowsAt }: BulkExecute,
  types: ParameterTypes,
): Generator<BulkRow, void, undefined> {
  const reader = new PayloadReader(payload, rowsAt);
  // Without parameters there would be no end of empty rows.
  while (types.length > 0 && reader.remaining > 0) {
    const row: ParameterValue[] = [];
    for (let at = 0; at < types.length; at += 2) {
      const given = reader.uint8() === BulkIndicator.value;
      row.push(given ? parameterValue(reader, types[at] ?? 0, types[at + 1] ?? 0) : null);
    }
    yield row;
  }
}

/** `valueOf`: what parameter `number` of row `row` (from 0) is to be; null: as it is. */
export type BulkChange = (row: number, number: number) => bigint | null;

/**
 * The payload with other values for some parameters; null when the type that the client gave one of them cannot hold its
 * value. What follows a row that is cut short stays as it is.
 */
export function withBulkValues(
  payload: Buffer,
  { rowsAt }: BulkExecute,
  types: ParameterTypes,
  valueOf: BulkChange,
): Buffer | null {
  const reader = new PayloadReader(payload, rowsAt);
  const writer = new PayloadWriter(payload.length + 1024);
  let copied = 0;
  for (let row = 0; types.length > 0 && reader.remaining > 0; row++) {
    for (let number = 0; 2 * number < types.length; number++) {
      const [type, flags] = [types[2 * number] ?? 0, types[2 * number + 1] ?? 0];
      const from = reader.offset;
      try {
        if (reader.uint8() === BulkIndicator.value) parameterValue(reader, type, flags);
      } catch (error) {
        if (!(error instanceof PayloadTooShortError)) throw error;
        return writer.raw(payload.subarray(copied)).finish();
      }
      const value = valueOf(row, number);
      if (value === null) continue;
      const bytes = parameterBytes(value, type, flags);
      if (bytes === null) return null;
      writer.raw(payload.subarray(copied, from)).uint8(BulkIndicator.value).raw(bytes);
      copied = reader.offset;
    }
  }
  return writer.raw(payload.subarray(copied)).finish();
}

/**
 * A parameter of another statement: one of this execution's (`key`: a default there becomes NULL), or a BIGINT of `keyOf`'s.
 */
export type RebuiltSlot =
  | { readonly kind: 'client'; readonly number: number; readonly key: boolean }
  | { readonly kind: 'key'; readonly row: number; readonly alone: boolean };

const BIGINT = 8;

/** Of `rebuiltBulk` at the most, for `rows` rows in `bytes` bytes that name their types or leave them out. */
export function rebuiltBytesMax(bytes: number, slots: readonly RebuiltSlot[], rows: number): number {
  const keys = slots.reduce((sum, { kind }) => sum + (kind === 'key' ? 1 : 0), 0);
  return bytes + 2 * slots.length + 9 * rows * keys;
}

/**
 * The execution for another statement with more parameters: `slots` in their order. `keyOf(row, slot)`: the value of a key for
 * row `row` (from 0) of the execution; null: NULL if it stands `alone`, else 0. What follows a row that is cut short stays as it is.
 */
export function rebuiltBulk(
  payload: Buffer,
  { rowsAt }: BulkExecute,
  types: ParameterTypes,
  {
    statementId,
    slots,
    keyOf,
  }: {
    readonly statementId: number;
    readonly slots: readonly RebuiltSlot[];
    readonly keyOf: (row: number, slot: number) => bigint | null;
  },
): Buffer {
  const flags = payload.readUInt16LE(5) | BulkFlag.sendTypes;
  const writer = new PayloadWriter(payload.length + 1024)
    .uint8(payload[0] ?? 0)
    .uint32(statementId)
    .uint16(flags);
  for (const slot of slots) {
    if (slot.kind === 'key') writer.uint8(BIGINT).uint8(0);
    else writer.raw(types.subarray(2 * slot.number, 2 * slot.number + 2));
  }
  const reader = new PayloadReader(payload, rowsAt);
  for (let row = 0; types.length > 0 && reader.remaining > 0; row++) {
    const from = reader.offset;
    const values: Buffer[] = [];
    try {
      for (let at = 0; at < types.length; at += 2) {
        const start = reader.offset;
        if (reader.uint8() === BulkIndicator.value) parameterValue(reader, types[at] ?? 0, types[at + 1] ?? 0);
        values.push(payload.subarray(start, reader.offset));
      }
    } catch (error) {
      if (!(error instanceof PayloadTooShortError)) throw error;
      return writer.raw(payload.subarray(from)).finish();
    }
    for (const slot of slots) {
      const key = slot.kind === 'key' ? (keyOf(row, slot.row) ?? (slot.alone ? null : 0n)) : null;
      const value = slot.kind === 'client' ? values[slot.number] : undefined;
      if (key !== null) writer.uint8(BulkIndicator.value).uint64(BigInt.asUintN(64, key));
      else if (slot.kind === 'key' || value === undefined) writer.uint8(BulkIndicator.null);
      else if (slot.key && value[0] !== BulkIndicator.value) writer.uint8(BulkIndicator.null);
      else writer.raw(value);
    }
  }
  return writer.finish();
}
