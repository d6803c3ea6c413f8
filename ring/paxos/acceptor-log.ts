import { crc32 } from 'node:zlib';
import type { SiteName } from '../api';
import { ByteReader, ByteWriter, MalformedMessage } from '../byte-codec';
import type { DurableRecord } from '../effects';
import { readAccepted, readBallot, writeAccepted, writeBallot } from '../message-codec';

/**
 * Layout of the acceptor's file: blocks of length (u32), CRC of the length (u32), CRC of the payload (u32), payload. One
 * block is written and synced at a time, so only the last can be torn; anything else that does not check is damage.
 */
const HEADER_BYTES = 12;

export interface LogScan {
  readonly blocks: readonly Buffer[];
  readonly intactBytes: number;
  readonly damage: string | null;
}

export function writeBlock(payload: Buffer): Buffer {
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt32LE(payload.length, 0);
  header.writeUInt32LE(crc32(header.subarray(0, 4)), 4);
  header.writeUInt32LE(crc32(payload), 8);
  return Buffer.concat([header, payload]);
}

export function scanLog(bytes: Buffer): LogScan {
  const blocks: Buffer[] = [];
  let at = 0;
  const end = (damage: string | null): LogScan => ({ blocks, intactBytes: at, damage });
  while (at < bytes.length) {
    const rest = bytes.length - at;
    if (rest < HEADER_BYTES) return end(null);
    const length = bytes.readUInt32LE(at);
    if (crc32(bytes.subarray(at, at + 4)) !== bytes.readUInt32LE(at + 4)) {
      // A length that was written and never reached the disk reads as zeros to the end of the file.
      return end(bytes.subarray(at).every((byte) => byte === 0) ? null : `a damaged block length at byte ${at}`);
    }
    if (rest < HEADER_BYTES + length) return end(null);
    const payload = bytes.subarray(at + HEADER_BYTES, at + HEADER_BYTES + length);
    if (crc32(payload) !== bytes.readUInt32LE(at + 8)) {
      return end(rest === HEADER_BYTES + length ? null : `a damaged block at byte ${at}`);
    }
    blocks.push(payload);
    at += HEADER_BYTES + length;
  }
  return end(null);
}

export function encodeRecords(records: readonly DurableRecord[]): Buffer {
  const writer = new ByteWriter().int(records.length);
  for (const record of records) {
    if (record.kind === 'identity') writer.byte(1).text(record.site).text(record.instance);
    else if (record.kind === 'membership') writer.byte(2).text(record.record);
    else {
      writer.byte(3).text(record.name);
      writeBallot(writer, record.state.promised);
      writeAccepted(writer, record.state.accepted);
    }
  }
  return writer.toBuffer();
}

export function decodeRecords(payload: Buffer): DurableRecord[] {
  const reader = new ByteReader(payload);
  return reader.list((): DurableRecord => {
    const kind = reader.byte();
    switch (kind) {
      case 1:
        return { kind: 'identity', site: reader.text() as SiteName, instance: reader.text() };
      case 2:
        return { kind: 'membership', record: reader.text() };
      case 3: {
        const name = reader.text();
        return { kind: 'register', name, state: { promised: readBallot(reader), accepted: readAccepted(reader) } };
      }
      default:
        throw new MalformedMessage(`a durable record of unknown kind ${kind}`);
    }
  });
}
