import { COMPRESS_BYTES_MIN, encodeFrame, InnerPackets } from '../wire/compressed-frame';
import type { FrameCodec } from './frame-codec';

/** What is longer is compressed on a thread of the pool: it would hold up the other sessions. */
export const AT_ONCE_BYTES_MAX = 1 << 14;
/** A frame holds no more, so that the first bytes of a long reply do not wait for the rest. */
const FRAME_HOLDS_MAX = 1 << 17;

/** Bytes that no frame shares with others: what the server sends up to where it waits, or another result begins. */
interface Run {
  readonly parts: Buffer[];
  /** Number of its first frame; null: one more than the last. */
  readonly first: number | null;
  /** Its packets are numbered anew: the first one as its frame is. */
  readonly numbered: boolean;
}

/** Bytes of plain packets on their way into frames, in order. */
export class FrameWriter {
  /** Those that wait; the last one is the one that grows. */
  private readonly runs: Run[] = [{ parts: [], first: 0, numbered: false }];
  /** Number of the next frame, of the runs that were begun. */
  private next = 0;
  private readonly packets = new InnerPackets();
  /** What is added to the numbers of the packets of this run; null: its first packet decides. */
  private shift: number | null = 0;
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

  /** Number of the next frame, once everything was sent. */
  get sequence(): number {
    return this.runs.length > 1 ? (this.runs[this.runs.length - 1]?.first ?? this.next) : this.next;
  }

  /**
   * What is pushed from here on goes into frames of its own, from number `first` on (null: counted on). `numbered`: as
   * servers do, they number its packets from there too, whatever numbers they have.
   */
  beginRun(first: number | null, numbered: boolean): void {
    this.runs.push({ parts: [], first, numbered });
    if (this.empty && !this.compressing) this.skipEmptyRuns();
  }

  /** Copies the bytes. What comes in one turn of the event loop goes out in common frames, as the server's buffer makes them. */
  push(bytes: Buffer): void {
    if (this.stopped || bytes.length === 0) return;
    this.runs[this.runs.length - 1]?.parts.push(Buffer.from(bytes));
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
    this.runs.length = 0;
    this.bytesGathered = 0;
  }

  private flush(): void {
    while (!this.stopped && !this.compressing && !this.empty) {
      this.skipEmptyRuns();
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

  private skipEmptyRuns(): void {
    while (this.runs.length > 1 && this.runs[0]?.parts.length === 0) {
      this.runs.shift();
      const [begun] = this.runs;
      this.next = begun?.first ?? this.next;
      this.shift = begun?.numbered === true ? null : 0;
    }
  }

  private nextPiece(): Buffer {
    const parts = this.runs[0]?.parts ?? [];
    let bytes = 0;
    let count = 0;
    for (const part of parts) {
      if (count > 0 && bytes + part.length > FRAME_HOLDS_MAX) break;
      bytes += part.length;
      count += 1;
    }
    const taken = parts.splice(0, count);
    const joined = (count === 1 ? taken[0] : undefined) ?? Buffer.concat(taken);
    if (joined.length > FRAME_HOLDS_MAX) parts.unshift(joined.subarray(FRAME_HOLDS_MAX));
    const piece = joined.subarray(0, FRAME_HOLDS_MAX);
    this.packets.push(piece, (numberAt) => {
      const number = piece[numberAt] ?? 0;
      this.shift ??= this.next - number;
      piece[numberAt] = number + this.shift;
    });
    return piece;
  }

  private frame(piece: Buffer, compressed: Buffer | null): void {
    this.bytesGathered -= piece.length;
    const sequence = this.next;
    this.next = (sequence + 1) & 0xff;
    // What does not get shorter goes as it is.
    const shorter = compressed !== null && compressed.length < piece.length;
    this.send(
      shorter
        ? encodeFrame({ sequence, uncompressedLength: piece.length, body: compressed })
        : encodeFrame({ sequence, uncompressedLength: 0, body: piece }),
    );
  }
}
