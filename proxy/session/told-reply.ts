import { PACKET_HEADER_BYTES, PACKET_PAYLOAD_MAX, ServerStatus } from '../wire/constants';
import { frame } from '../wire/packet-framer';
import { PayloadReader } from '../wire/payload-reader';
import { PayloadWriter } from '../wire/payload-writer';
import { ReplyHeader } from '../wire/response';

/** Replies that are held back, and put right before the client gets them. */

export function isOk(reply: Buffer, at: number): boolean {
  return reply[at + PACKET_HEADER_BYTES] === ReplyHeader.ok;
}

/** Offset of the last packet. */
export function lastPacket(reply: Buffer): number {
  let at = 0;
  for (let next = 0; next + PACKET_HEADER_BYTES <= reply.length;) {
    at = next;
    next += PACKET_HEADER_BYTES + reply.readUIntLE(next, 3);
  }
  return at;
}

/** The reply with that insert id, if it ends in an OK packet. */
export function withInsertId(reply: Buffer, key: bigint): Buffer {
  const at = lastPacket(reply);
  if (!isOk(reply, at) || reply.length - at > PACKET_PAYLOAD_MAX) return reply;
  const reader = new PayloadReader(reply, at + PACKET_HEADER_BYTES + 1);
  const affected = reader.lenenc();
  reader.lenenc();
  const payload = new PayloadWriter().uint8(ReplyHeader.ok).lenenc(affected).lenenc(key).raw(reader.rest()).finish();
  return Buffer.concat([reply.subarray(0, at), frame(payload, reply[at + 3] ?? 0)]);
}

/** The reply, as if it went on behind its last result (OK or rows). */
export function withMoreResults(reply: Buffer): Buffer {
  const more = Buffer.from(reply);
  const last = lastPacket(reply);
  if (!isEof(reply, last)) {
    const reader = new PayloadReader(reply, last + PACKET_HEADER_BYTES + 1);
    for (let count = 0; count < 2; count++) reader.lenenc();
    setMoreResults(more, reader.offset);
    return more;
  }
  // The EOF packet before the rows says it too. No row begins as one and is as short.
  let beforeRows = last;
  for (let at = 0; at < last; at += PACKET_HEADER_BYTES + reply.readUIntLE(at, 3))
    if (isEof(reply, at)) beforeRows = at;
  // Such a packet has its warnings before its status.
  for (const at of [beforeRows, last]) setMoreResults(more, at + PACKET_HEADER_BYTES + 3);
  return more;
}

/** The reply, as if what comes behind it had ended with the error that `failed` ends with. */
export function withErrorBehind(reply: Buffer, failed: Buffer): Buffer {
  const error = failed.subarray(lastPacket(failed) + PACKET_HEADER_BYTES);
  return Buffer.concat([withMoreResults(reply), frame(error, ((reply[lastPacket(reply) + 3] ?? 0) + 1) & 0xff)]);
}

function isEof(reply: Buffer, at: number): boolean {
  return reply[at + PACKET_HEADER_BYTES] === ReplyHeader.eof && reply.readUIntLE(at, 3) === 5;
}

function setMoreResults(reply: Buffer, at: number): void {
  reply.writeUInt16LE(reply.readUInt16LE(at) | ServerStatus.moreResultsExist, at);
}
