import { PayloadWriter } from '../../proxy/wire/payload-writer';

/** Thrown for a start position that is not written as the server's flavour writes it. */
export class GtidFormatError extends Error {
  readonly code = 'DUARA_GTID_FORMAT';
}

const mariaDbPosition = /^(\d+-\d+-\d+(,\d+-\d+-\d+)*)?$/;

/** A MariaDB position: one GTID a domain, such as `0-1-5,1-1-7`; empty: from the oldest event. */
export function checkMariaDbPosition(position: string): string {
  if (!mariaDbPosition.test(position)) throw new GtidFormatError(`not a MariaDB GTID position: ${position}`);
  return position;
}

const uuidPattern = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
const intervalPattern = /^(\d+)(?:-(\d+))?$/;

/**
 * A MySQL GTID set, such as `uuid:1-17:19,uuid:5`, as COM_BINLOG_DUMP_GTID takes it: count of UUIDs; for each its bytes,
 * count of intervals, start and end, the end excluded.
 */
export function encodeGtidSet(text: string): Buffer {
  const parts = text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');
  const writer = new PayloadWriter().uint64(BigInt(parts.length));
  for (const part of parts) {
    const [uuid = '', ...intervals] = part.split(':');
    if (!uuidPattern.test(uuid) || intervals.length === 0) throw new GtidFormatError(`not a MySQL GTID set: ${part}`);
    writer.raw(Buffer.from(uuid.replaceAll('-', ''), 'hex')).uint64(BigInt(intervals.length));
    for (const interval of intervals) {
      const [, first, last = first] = intervalPattern.exec(interval) ?? [];
      if (first === undefined || last === undefined) throw new GtidFormatError(`not an interval of GTIDs: ${interval}`);
      writer.uint64(BigInt(first)).uint64(BigInt(last) + 1n);
    }
  }
  return writer.finish();
}
