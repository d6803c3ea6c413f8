import { PACKET_HEADER_BYTES } from './constants';

/** Numbers of the compressed protocol (MySQL: "Compression"; MariaDB: "Compressed packet"). */

export const FRAME_HEADER_BYTES = 7;
/** What is shorter goes uncompressed (the server's MIN_COMPRESS_LENGTH). */
export const COMPRESS_BYTES_MIN = 50;

export interface CompressedFrame {
  readonly sequence: number;
  /** Length of what the body holds; 0: the body is not compressed. */
  readonly uncompressedLength: number;
  readonly body: Buffer;
}

export function encodeFrame({ sequence, uncompressedLength, body }: CompressedFrame): Buffer {
  const frame = Buffer.allocUnsafe(FRAME_HEADER_BYTES + body.length);
  frame.writeUIntLE(body.length, 0, 3);
  frame[3] = sequence & 0xff;
  frame.writeUIntLE(uncompressedLength, 4, 3);
  body.copy(frame, FRAME_HEADER_BYTES);
  return frame;
}

/** Cuts a byte stream into frames, in memory of their own. Keeps at most one incomplete frame. */
export class FrameCutter {
  private parts: Buffer[] = [];
  private bytes = 0;
  /** Bytes of the first frame with its header; what is needed to know it, before that. */
  private wanted = FRAME_HEADER_BYTES;

  push(chunk: Buffer): CompressedFrame[] {
    const frames: CompressedFrame[] = [];
    this.parts.push(Buffer.from(chunk));
    this.bytes += chunk.length;
    while (this.bytes >= this.wanted) {
      const joined = this.join();
      const end = FRAME_HEADER_BYTES + joined.readUIntLE(0, 3);
      if (end > joined.length) {
        this.wanted = end;
        break;
      }
      const body = joined.subarray(FRAME_HEADER_BYTES, end);
      frames.push({ sequence: joined[3] ?? 0, uncompressedLength: joined.readUIntLE(4, 3), body });
      this.parts = [joined.subarray(end)];
      this.bytes = joined.length - end;
      this.wanted = FRAME_HEADER_BYTES;
    }
    return frames;
  }

  private join(): Buffer {
    const [first] = this.parts;
    if (first !== undefined && this.parts.length === 1) return first;
    const joined = Buffer.concat(this.parts);
    this.parts = [joined];
    return joined;
  }
}

/** Follows the packets that lie in frames, which cut them anywhere. */
export class InnerPackets {
  /** Of the payload of the packet that began last. */
  length = 0;
  /** First byte of that payload; null: it has none, or it has not come yet. */
  first: number | null = null;
  /** Bytes of a header that has come in part, and the length as far as it is known. */
  private headerBytes = 0;
  private headerLength = 0;
  /** Bytes of the payload that are to come. */
  private skip = 0;

  /** The last packet is not complete. */
  get inside(): boolean {
    return this.headerBytes > 0 || this.skip > 0;
  }

  /** `begun` is told where the number of each packet lies; `length` is then still that of the packet before it. */
  push(bytes: Buffer, begun: (numberAt: number) => void): void {
    for (let at = 0; at < bytes.length;) {
      if (this.skip > 0) {
        this.first ??= bytes[at] ?? null;
        const passed = Math.min(this.skip, bytes.length - at);
        this.skip -= passed;
        at += passed;
      } else if (this.headerBytes < PACKET_HEADER_BYTES - 1) {
        this.headerLength |= (bytes[at++] ?? 0) << (8 * this.headerBytes++);
      } else {
        begun(at++);
        this.length = this.skip = this.headerLength;
        this.first = null;
        this.headerBytes = this.headerLength = 0;
      }
    }
  }
}
