import { Capability, PACKET_HEADER_BYTES, PACKET_PAYLOAD_MAX, ServerStatus } from '../wire/constants';
import { PayloadReader } from '../wire/payload-reader';

const EOF_HEADER = 0xfe;
/** A reply that says any of these means more than its rows. */
const unfit =
  ServerStatus.inTransaction |
  ServerStatus.moreResultsExist |
  ServerStatus.cursorExists |
  ServerStatus.lastRowSent |
  ServerStatus.psOutParams |
  ServerStatus.inReadOnlyTransaction |
  ServerStatus.sessionStateChanged;

/**
 * True for the packets of exactly one result set that ended well and without warnings, in autocommit, with sequence
 * numbers from 1 as they answer a fresh command: such a reply may be sent again as it is.
 */
export function isStorableReply(reply: Buffer, capabilities: number): boolean {
  let at = 0;
  let sequence = 1;
  let first = -1;
  let last = reply.subarray(0, 0);
  while (at + PACKET_HEADER_BYTES <= reply.length) {
    const length = reply.readUIntLE(at, 3);
    if (length === 0 || length === PACKET_PAYLOAD_MAX || reply[at + 3] !== (sequence & 0xff)) return false;
    last = reply.subarray(at + PACKET_HEADER_BYTES, at + PACKET_HEADER_BYTES + length);
    if (last.length < length) return false;
    if (first === -1) first = last[0] ?? -1;
    at += PACKET_HEADER_BYTES + length;
    sequence += 1;
  }
  // OK, LOCAL INFILE, EOF and error packets do not begin a result set.
  if (at !== reply.length || first === 0 || first === 0xfb || first === EOF_HEADER || first === 0xff) return false;
  return endsWell(last, (capabilities & Capability.deprecateEof) !== 0);
}

function endsWell(last: Buffer, deprecateEof: boolean): boolean {
  if (last[0] !== EOF_HEADER) return false;
  if (!deprecateEof) {
    return last.length === 5 && last.readUInt16LE(1) === 0 && fits(last.readUInt16LE(3));
  }
  if (last.length < 7) return false;
  const reader = new PayloadReader(last, 1);
  reader.lenenc();
  reader.lenenc();
  const status = reader.uint16();
  return reader.uint16() === 0 && fits(status);
}

function fits(status: number): boolean {
  return (status & unfit) === 0 && (status & ServerStatus.autocommit) !== 0;
}
