/**
 * The `BINLOG '<base64>'` statement: row events applied by the server itself. It keeps every value byte for byte, repeats
 * cascades natively and fires no triggers. Measured on MariaDB 10.11, two shared cores, 100 rows a transaction,
 * non-durable: inserts 175,000 rows/s (one event) and 23,000 (an event and a table map a row) against 247,000 as one multi-row
 * INSERT; updates 146,000 rows/s against 56,000 as 100 UPDATE statements in one packet.
 *
 * Seen there too: it must be the last statement of its packet (it clears the "more results" flag); an error undoes only
 * the rows event that failed, not those before it; images with the primary key alone find the row; the flag
 * "no foreign key checks" acts on its own event only; CHECK constraints are not enforced, so that what a merge made of two
 * valid rows cannot be refused at one site alone; the event's time stays as the session's NOW().
 */

/** MySQL: "Format_description_event", binlog version 4. Types up to MariaDB's last, 171; only row events are sent after it. */
const EVENT_TYPES = 171;
const POST_HEADER_LENGTHS: readonly (readonly [type: number, length: number])[] = [
  [1, 56],
  [2, 13],
  [4, 8],
  [8, 4],
  [9, 4],
  [10, 4],
  [11, 4],
  [12, 18],
  [19, 8],
  [23, 8],
  [24, 8],
  [25, 8],
  [30, 10],
  [31, 10],
  [32, 10],
  [161, 4],
  [162, 19],
  [163, 4],
  [166, 8],
  [167, 8],
  [168, 8],
];
const FORMAT_DESCRIPTION = 15;
const HEADER_BYTES = 19;

/** The event that must come first in a session: it says how long headers are, and that no checksums follow. */
export function formatDescriptionEvent(serverVersion: string): Buffer {
  const fixed = 2 + 50 + 4 + 1;
  const event = Buffer.alloc(HEADER_BYTES + fixed + EVENT_TYPES + 1 + 4);
  event[4] = FORMAT_DESCRIPTION;
  event.writeUInt32LE(event.length, 9);
  event.writeUInt16LE(4, HEADER_BYTES);
  event.write(serverVersion.slice(0, 49), HEADER_BYTES + 2, 'latin1');
  event[HEADER_BYTES + fixed - 1] = HEADER_BYTES;
  const lengths = HEADER_BYTES + fixed;
  for (const [type, length] of POST_HEADER_LENGTHS) event[lengths + type - 1] = length;
  event[lengths + FORMAT_DESCRIPTION - 1] = fixed + EVENT_TYPES + 1;
  return event;
}

/** The statements for some events: one, or for more than `bytesMax` base64 bytes fragments in user variables. */
export function binlogStatements(events: Uint8Array, bytesMax: number): readonly string[] {
  const base64 = Buffer.from(events.buffer, events.byteOffset, events.byteLength).toString('base64');
  if (base64.length <= bytesMax) return [`BINLOG '${base64}'`];
  // Two fragments are all that the statement takes; the server's own max_allowed_packet is the limit of each.
  const half = Math.ceil(base64.length / 2);
  return [
    `SET @duara_a = '${base64.slice(0, half)}'`,
    `SET @duara_b = '${base64.slice(half)}'`,
    'BINLOG @duara_a, @duara_b',
  ];
}
