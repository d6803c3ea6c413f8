import { crc32 } from 'node:zlib';
import { PayloadTooShortError } from '../../proxy/wire/payload-reader';
import { PayloadWriter } from '../../proxy/wire/payload-writer';
import { crc32Of } from './checksum';
import { BinlogChecksumError, BinlogFormatError } from './errors';
import { EventFlag, EventType } from './event-type';
import type { EventHeader } from './events';

export const EVENT_HEADER_BYTES = 19;
export const CHECKSUM_BYTES = 4;
const flagsOffset = 17;

export function decodeEventHeader(event: Buffer): EventHeader {
  if (event.length < EVENT_HEADER_BYTES) throw new PayloadTooShortError(EVENT_HEADER_BYTES, event.length);
  const timestampSec = event.readUInt32LE(0);
  const typeCode = event[4] as number;
  const serverId = event.readUInt32LE(5);
  const eventSize = event.readUInt32LE(9);
  const nextPosition = event.readUInt32LE(13);
  const flags = event.readUInt16LE(flagsOffset);
  if (eventSize !== event.length) {
    throw new BinlogFormatError(
      `event of type ${typeCode} is ${event.length} bytes long, its header says ${eventSize}`,
    );
  }
  return { timestampSec, typeCode, serverId, eventSize, nextPosition, flags };
}

/** An event without checksum; `eventSize` is filled in. */
export function encodeEvent(header: Omit<EventHeader, 'eventSize'>, body: Uint8Array): Buffer {
  return new PayloadWriter(EVENT_HEADER_BYTES + body.length)
    .uint32(header.timestampSec)
    .uint8(header.typeCode)
    .uint32(header.serverId)
    .uint32(EVENT_HEADER_BYTES + body.length)
    .uint32(header.nextPosition)
    .uint16(header.flags)
    .raw(body)
    .finish();
}

/** CRC32 of everything before the checksum. The server counts a format description's "in use" flag as clear. */
function checksumOf(event: Buffer): number {
  const end = event.length - CHECKSUM_BYTES;
  if (event[4] !== EventType.formatDescription) return crc32Of(event, end);
  const copy = Buffer.from(event.subarray(0, end));
  copy.writeUInt16LE(copy.readUInt16LE(flagsOffset) & ~EventFlag.binlogInUse, flagsOffset);
  return crc32(copy);
}

/** Throws BinlogChecksumError unless the event's last 4 bytes are its CRC32. */
export function verifyChecksum(event: Buffer): void {
  if (event.length < EVENT_HEADER_BYTES + CHECKSUM_BYTES)
    throw new BinlogFormatError('event shorter than its checksum');
  const stated = event.readUInt32LE(event.length - CHECKSUM_BYTES);
  const actual = checksumOf(event);
  if (actual !== stated) {
    throw new BinlogChecksumError(
      `event of type ${event[4]} has checksum ${stated.toString(16)}, its bytes give ${actual.toString(16)}`,
    );
  }
}

/** The event with room for a checksum in its size, and the checksum. */
export function withChecksum(event: Buffer): Buffer {
  const result = Buffer.concat([event, Buffer.alloc(CHECKSUM_BYTES)]);
  result.writeUInt32LE(result.length, 9);
  return refreshChecksum(result);
}

/** Writes the checksum of an event that was changed in place. */
export function refreshChecksum(event: Buffer): Buffer {
  event.writeUInt32LE(checksumOf(event), event.length - CHECKSUM_BYTES);
  return event;
}
