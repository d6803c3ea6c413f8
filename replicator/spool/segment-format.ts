import { crc32 } from 'node:zlib';

/**
 * A segment file is a run of frames, one record each, all little-endian:
 * `[u32 crc32 of all that follows in the frame][u32 body bytes][u64 seq][u32 place in its batch, from 0][body]`.
 *
 * A batch is what one fsync covered. The place in the batch tells a torn tail from damage: when a frame cannot be read and
 * a later one of a *later* batch can, then the broken one had been synced, and somebody was told that it is safe.
 */
export const FRAME_HEADER_BYTES = 20;
/** A batch with one such record stays below the 2^30 bytes that a receiver unpacks. */
export const RECORD_BYTES_MAX = 2 ** 30 - 2 ** 20;

export interface FrameHeader {
  readonly crc: number;
  readonly bodyBytes: number;
  readonly seq: bigint;
  /** 0 for the first frame of a batch. */
  readonly placeInBatch: number;
}

/** The frames of a batch, one behind the other; the first has `seq`. */
export function encodeFrames(seq: bigint, bodies: readonly Uint8Array[]): Buffer {
  const batch = Buffer.allocUnsafe(bodies.reduce((sum, body) => sum + FRAME_HEADER_BYTES + body.length, 0));
  let at = 0;
  for (let place = 0; place < bodies.length; place++) {
    const body = bodies[place] as Uint8Array;
    if (body.length > RECORD_BYTES_MAX)
      throw new RangeError(`a record of ${body.length} bytes is over ${RECORD_BYTES_MAX}`);
    const end = at + FRAME_HEADER_BYTES + body.length;
    batch.writeUInt32LE(body.length, at + 4);
    batch.writeBigUInt64LE(seq + BigInt(place), at + 8);
    batch.writeUInt32LE(place, at + 16);
    batch.set(body, at + FRAME_HEADER_BYTES);
    batch.writeUInt32LE(crc32(batch.subarray(at + 4, end)), at);
    at = end;
  }
  return batch;
}

/** The frame at `offset` when it is whole and its checksum is right, else null. */
export function frameAt(segment: Buffer, offset: number): FrameHeader | null {
  if (offset + FRAME_HEADER_BYTES > segment.length) return null;
  const bodyBytes = segment.readUInt32LE(offset + 4);
  const end = offset + FRAME_HEADER_BYTES + bodyBytes;
  if (bodyBytes > RECORD_BYTES_MAX || end > segment.length) return null;
  const crc = segment.readUInt32LE(offset);
  if (crc32(segment.subarray(offset + 4, end)) !== crc) return null;
  return { crc, bodyBytes, seq: segment.readBigUInt64LE(offset + 8), placeInBatch: segment.readUInt32LE(offset + 16) };
}

export interface SegmentScan {
  /** Where each good frame begins, from the segment's first seq on. */
  readonly offsets: number[];
  /** End of the last good frame: what lies behind it is no record. */
  readonly end: number;
  /** `torn`: the last batch was not synced, and can be cut off. `damaged`: records that were safe cannot be read. */
  readonly tail: 'clean' | 'torn' | 'damaged';
}

export function scanSegment(segment: Buffer, firstSeq: bigint): SegmentScan {
  const offsets: number[] = [];
  let end = 0;
  let seq = firstSeq;
  while (end < segment.length) {
    const frame = frameAt(segment, end);
    if (frame === null || frame.seq !== seq) {
      return { offsets, end, tail: syncedFrameFollows(segment, end, seq) ? 'damaged' : 'torn' };
    }
    offsets.push(end);
    end += FRAME_HEADER_BYTES + frame.bodyBytes;
    seq += 1n;
  }
  return { offsets, end, tail: 'clean' };
}

/** Looks for a readable frame of a batch that began after `brokenSeq`; byte by byte, as the broken length is no guide. */
function syncedFrameFollows(segment: Buffer, from: number, brokenSeq: bigint): boolean {
  const seqMax = brokenSeq + BigInt(segment.length);
  for (let offset = from + 1; offset + FRAME_HEADER_BYTES <= segment.length; offset++) {
    // The seq's bounds are checked first: a checksum over every offset would take minutes.
    const seq = segment.readBigUInt64LE(offset + 8);
    if (seq <= brokenSeq || seq > seqMax) continue;
    const frame = frameAt(segment, offset);
    if (frame !== null && seq - BigInt(frame.placeInBatch) > brokenSeq) return true;
  }
  return false;
}
