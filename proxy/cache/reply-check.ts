import {
  Capability,
  MariaDbCapability,
  PACKET_HEADER_BYTES,
  PACKET_PAYLOAD_MAX,
  ServerStatus,
} from '../wire/constants';
import { PayloadReader } from '../wire/payload-reader';

const EOF_HEADER = 0xfe;
/** A reply that says any of these means more than its rows. */
const unfit =
  ServerStatus.moreResultsExist |
  ServerStatus.cursorExists |
  ServerStatus.lastRowSent |
  ServerStatus.psOutParams |
  ServerStatus.inReadOnlyTransaction |
  ServerStatus.sessionStateChanged;

/** A reply that may be sent again as it is. */
export interface StorableReply {
  readonly rows: number;
  /** Where the server's status flags stand, two bytes each. */
  readonly statusAt: readonly number[];
}

/**
 * What is to be known of the packets of exactly one result set that ended well and without warnings, in autocommit or an
 * open transaction, with sequence numbers from 1 as they answer a fresh command. null for anything else.
 */
export function storableReply(reply: Buffer, capabilities: number, mariaDbCapabilities: number): StorableReply | null {
  // Its first packet would be another.
  if ((capabilities & Capability.optionalResultsetMetadata) !== 0) return null;
  const deprecateEof = (capabilities & Capability.deprecateEof) !== 0;
  const statusAt: number[] = [];
  let at = 0;
  let sequence = 1;
  let packets = 0;
  /** Packets before the first row. */
  let head = 0;
  let last = 0;
  while (at + PACKET_HEADER_BYTES <= reply.length) {
    const length = reply.readUIntLE(at, 3);
    if (length === 0 || length === PACKET_PAYLOAD_MAX || reply[at + 3] !== (sequence & 0xff)) return null;
    last = at + PACKET_HEADER_BYTES;
    at = last + length;
    if (at > reply.length) return null;
    if (packets === 0) {
      const columns = columnPackets(reply.subarray(last, at), mariaDbCapabilities);
      if (columns === null) return null;
      head = 1 + columns + (deprecateEof ? 0 : 1);
    }
    packets += 1;
    sequence += 1;
    // The EOF packet behind the columns.
    if (!deprecateEof && packets === head) {
      if (length !== 5 || reply[last] !== EOF_HEADER) return null;
      statusAt.push(last + 3);
    }
  }
  if (at !== reply.length || packets <= head) return null;
  const status = statusAtEnd(reply.subarray(last), deprecateEof);
  if (status === null) return null;
  statusAt.push(last + status);
  return { rows: packets - head - 1, statusAt };
}

/** How many packets of columns follow; null when it is not the beginning of a result set. */
function columnPackets(payload: Buffer, mariaDbCapabilities: number): number | null {
  const first = payload[0] ?? 0;
  // OK, LOCAL INFILE, EOF and error packets.
  if (first === 0 || first === 0xfb || first >= EOF_HEADER) return null;
  const reader = new PayloadReader(payload);
  const columns = Number(reader.lenenc());
  if ((mariaDbCapabilities & MariaDbCapability.cacheMetadata) === 0) return columns;
  return reader.remaining > 0 && reader.uint8() === 0 ? 0 : columns;
}

/** Offset of the status flags in the last packet; null when it does not end well. */
function statusAtEnd(last: Buffer, deprecateEof: boolean): number | null {
  if (last[0] !== EOF_HEADER) return null;
  if (!deprecateEof) {
    return last.length === 5 && last.readUInt16LE(1) === 0 && fits(last.readUInt16LE(3)) ? 3 : null;
  }
  if (last.length < 7) return null;
  const reader = new PayloadReader(last, 1);
  reader.lenenc();
  reader.lenenc();
  const at = last.length - reader.remaining;
  const status = reader.uint16();
  return reader.uint16() === 0 && fits(status) ? at : null;
}

function fits(status: number): boolean {
  return (status & unfit) === 0 && (status & ServerStatus.autocommit) !== 0;
}
