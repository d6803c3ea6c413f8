import { PayloadReader, PayloadTooShortError } from '../../proxy/wire/payload-reader';
import { PayloadWriter } from '../../proxy/wire/payload-writer';

/** Several records as one piece, for a link or a file: version u8, count int, then bytes each. */
const BATCH_VERSION = 1;

export class BatchFormatError extends Error {
  readonly code = 'DUARA_BATCH_DAMAGED';
}

export function encodeBatch(records: readonly Uint8Array[]): Buffer {
  const bytes = records.reduce((sum, record) => sum + record.length + 9, 16);
  const writer = new PayloadWriter(bytes).uint8(BATCH_VERSION).lenenc(records.length);
  for (const record of records) writer.lenencBytes(record);
  return writer.finish();
}

/** The records, as views into `batch`. Throws BatchFormatError for anything encodeBatch does not write. */
export function decodeBatch(batch: Uint8Array): Buffer[] {
  const reader = new PayloadReader(batch);
  try {
    const version = reader.uint8();
    if (version !== BATCH_VERSION) throw new BatchFormatError(`batch in format version ${version}`);
    const count = reader.lenenc();
    if (count > BigInt(reader.remaining)) throw new BatchFormatError(`batch claims ${count} records`);
    const records: Buffer[] = [];
    for (let i = 0n; i < count; i++) records.push(reader.lenencBytes());
    if (reader.remaining > 0) throw new BatchFormatError(`${reader.remaining} bytes after the batch`);
    return records;
  } catch (error) {
    if (!(error instanceof PayloadTooShortError)) throw error;
    throw new BatchFormatError(`batch ends early at byte ${reader.offset}`, { cause: error });
  }
}
