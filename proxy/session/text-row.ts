import { PacketFramer } from '../wire/packet-framer';
import { PayloadReader, PayloadTooShortError } from '../wire/payload-reader';

/** The values of the row of a text result that stands before the last `behind` packets; none: it cannot be read. */
export function rowOf(reply: Buffer, behind = 1): (string | null)[] {
  const packets = new PacketFramer().push(reply);
  const row = packets[packets.length - 1 - behind];
  if (row === undefined) return [];
  const reader = new PayloadReader(row.payload);
  const values: (string | null)[] = [];
  try {
    while (reader.remaining > 0) values.push(reader.lenencBytesOrNull()?.toString('latin1') ?? null);
  } catch (error) {
    if (error instanceof PayloadTooShortError) return [];
    throw error;
  }
  return values;
}
