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
