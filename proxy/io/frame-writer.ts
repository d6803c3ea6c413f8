import { COMPRESS_BYTES_MIN, encodeFrame } from '../wire/compressed-frame';
import type { FrameCodec } from './frame-codec';

/** What is longer is compressed on a thread of the pool: it would hold up the other sessions. */
export const AT_ONCE_BYTES_MAX = 1 << 14;
/** A frame holds no more, so that the first bytes of a long reply do not wait for the rest. */
const FRAME_HOLDS_MAX = 1 << 17;

/** Bytes of plain packets on their way into frames, in order. */
export class FrameWriter {
  /** Number of the next frame. */
  sequence = 0;
  private readonly gathered: Buffer[] = [];
  private bytesGathered = 0;
  private scheduled = false;
  private compressing = false;
  private stopped = false;

  constructor(
    private readonly codec: FrameCodec,
    private readonly send: (frame: Buffer) => void,
    /** Everything gathered was sent. */
    private readonly onEmpty: () => void,
  ) {}

  /** Bytes that were not sent yet. */
  get waiting(): number {
    return this.bytesGathered;
  }

  get empty(): boolean {
    return this.bytesGathered === 0;
  }

  /** Copies the bytes. What comes in one turn of the event loop goes out in common frames, as the server's buffer makes them. */
  push(bytes: Buffer): void {
    if (this.stopped || bytes.length === 0) return;
    this.gathered.push(Buffer.from(bytes));
    this.bytesGathered += bytes.length;
    if (this.scheduled || this.compressing) return;
    this.scheduled = true;
    process.nextTick(() => {
      this.scheduled = false;
      this.flush();
    });
  }

  stop(): void {
    this.stopped = true;
    this.gathered.length = 0;
    this.bytesGathered = 0;
  }

  private flush(): void {
    while (!this.stopped && !this.compressing && this.gathered.length > 0) {
      const piece = this.nextPiece();
      if (piece.length < COMPRESS_BYTES_MIN) this.frame(piece, null);
      else if (piece.length <= AT_ONCE_BYTES_MAX) this.frame(piece, this.codec.compress(piece));
      else this.compressLater(piece);
    }
    if (!this.stopped && this.empty) this.onEmpty();
  }

  private compressLater(piece: Buffer): void {
    this.compressing = true;
    this.codec.compressLater(piece, (error, compressed) => {
      this.compressing = false;
      if (this.stopped) return;
      this.frame(piece, error === null ? compressed : null);
      this.flush();
    });
  }

  private nextPiece(): Buffer {
    let bytes = 0;
    let parts = 0;
    for (const part of this.gathered) {
      if (parts > 0 && bytes + part.length > FRAME_HOLDS_MAX) break;
      bytes += part.length;
      parts += 1;
    }
    const joined = Buffer.concat(this.gathered.splice(0, parts));
    if (joined.length <= FRAME_HOLDS_MAX) return joined;
    this.gathered.unshift(joined.subarray(FRAME_HOLDS_MAX));
    return joined.subarray(0, FRAME_HOLDS_MAX);
  }

  private frame(piece: Buffer, compressed: Buffer | null): void {
    this.bytesGathered -= piece.length;
    const sequence = this.sequence;
    this.sequence = (sequence + 1) & 0xff;
    // What does not get shorter goes as it is.
    const shorter = compressed !== null && compressed.length < piece.length;
    this.send(
      shorter
        ? encodeFrame({ sequence, uncompressedLength: piece.length, body: compressed })
        : encodeFrame({ sequence, uncompressedLength: 0, body: piece }),
    );
  }
}
