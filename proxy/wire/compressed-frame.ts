/** Numbers of the compressed protocol (MySQL: "Compression"; MariaDB: "Compressed packet"). */

export const FRAME_HEADER_BYTES = 7;
/** Largest body of a frame, and largest length of what it holds. */
export const FRAME_BYTES_MAX = 0xffffff;
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

/**
 * Follows the headers of the packets inside the frames, to know whether a packet goes on in the next frame: only then that
 * must have the next number, since a command begins at 0.
 */
export class InnerPackets {
  private readonly header: number[] = [];
  private skip = 0;

  /** The last packet is not complete. */
  get inside(): boolean {
    return this.header.length > 0 || this.skip > 0;
  }

  push(bytes: Buffer): void {
    let at = 0;
    while (at < bytes.length) {
      if (this.skip > 0) {
        const passed = Math.min(this.skip, bytes.length - at);
        this.skip -= passed;
        at += passed;
        continue;
      }
      this.header.push(bytes[at++] ?? 0);
      if (this.header.length < 4) continue;
      const [low = 0, middle = 0, high = 0] = this.header;
      this.skip = low | (middle << 8) | (high << 16);
      this.header.length = 0;
    }
  }
}
