import { packetsOutOfOrder } from '../errors';
import type { Compression } from '../session/links';
import type { ReplyProgress } from '../session/session-effects';
import { type CompressedFrame, FrameCutter } from '../wire/compressed-frame';
import { InnerNumbers } from '../wire/inner-numbers';
import { frame } from '../wire/packet-framer';
import { encodeError } from '../wire/response';
import type { Channel, ChannelEvents } from './channel';
import { frameCodec } from './frame-codec';
import { AT_ONCE_BYTES_MAX, FrameWriter } from './frame-writer';

/** The client broke the compressed protocol. */
export class CompressionError extends Error {
  readonly code = 'DUARA_COMPRESSION';

  constructor(
    message: string,
    /** What the server answers; null: it just closes. */
    readonly answer: Buffer | null,
  ) {
    super(message);
  }
}

/** Plain bytes that may wait to be compressed before the source of them is paused. */
const WAITING_BYTES_MAX = 1 << 20;

/** A client's side after CLIENT_COMPRESS: plain packets for the session, frames on the channel below. */
export class CompressedChannel implements Channel {
  private events: ChannelEvents | null = null;
  private readonly codec;
  private readonly writer: FrameWriter;
  private readonly cutter = new FrameCutter();
  private readonly numbers = new InnerNumbers();
  /** Frames that were not handed on yet. */
  private readonly frames: CompressedFrame[] = [];
  /** Number of the last frame that came; null: none did. */
  private sequenceRead: number | null = null;
  /** The session tells where replies end. */
  private followed = true;
  private uncompressing = false;
  private stopped = false;
  private isPaused = true;
  private inputEnded = false;
  private ending = false;
  private full = false;
  private readonly whenEmpty: (() => void)[] = [];

  /** `rest`: bytes that were read from `below` already. */
  constructor(
    private readonly below: Channel,
    compression: Compression,
    rest: Buffer,
  ) {
    this.codec = frameCodec(compression);
    this.writer = new FrameWriter(
      this.codec,
      (bytes) => below.write(bytes),
      () => this.written(),
    );
    this.frames.push(...this.cutter.push(rest));
  }

  listen(events: ChannelEvents): void {
    this.events = events;
  }

  /** What happens below, told by whoever listens there. */
  readonly belowEvents: ChannelEvents = {
    data: (bytes) => {
      if (this.stopped) return;
      this.frames.push(...this.cutter.push(bytes));
      this.handOn();
    },
    drain: () => {
      if (!this.needsDrain) this.drained();
    },
    end: () => {
      this.inputEnded = true;
      this.handOn();
    },
    error: (error) => this.events?.error(error),
    close: () => {
      this.stop();
      this.events?.close();
    },
  };

  write(bytes: Buffer): boolean {
    this.numbers.fromServer(bytes);
    this.writer.push(bytes);
    this.full ||= this.needsDrain;
    return !this.needsDrain;
  }

  /** See SessionEffects. */
  replyProgress(progress: ReplyProgress): void {
    switch (progress) {
      case 'part':
        this.numbers.partEnded();
        return this.writer.beginRun(null, true);
      case 'end': {
        const first = this.numbers.replyEnded();
        return this.writer.beginRun(first, first !== null);
      }
      case 'unknown':
        this.followed = false;
        this.numbers.unfollowed();
        return;
    }
  }

  cork(): void {
    // FrameWriter gathers what comes in one turn.
  }

  uncork(): void {
    // See cork.
  }

  get needsDrain(): boolean {
    return this.below.needsDrain || this.writer.waiting > WAITING_BYTES_MAX;
  }

  pause(): void {
    this.isPaused = true;
    this.below.pause();
  }

  resume(): void {
    if (!this.isPaused) return;
    this.isPaused = false;
    // Not within the call: the caller may be in the middle of something.
    process.nextTick(() => this.handOn());
  }

  get paused(): boolean {
    return this.isPaused;
  }

  end(bytes?: Buffer): void {
    if (this.ending) return;
    this.ending = true;
    if (bytes !== undefined) this.writer.push(bytes);
    if (this.writer.empty) this.below.end();
  }

  whenSent(then: () => void): void {
    if (this.writer.empty) this.below.whenSent(then);
    else this.whenEmpty.push(then);
  }

  destroyWhenIdle(ms: number): void {
    this.below.destroyWhenIdle(ms);
  }

  destroy(): void {
    this.stop();
    this.below.destroy();
  }

  private stop(): void {
    this.stopped = true;
    this.writer.stop();
    this.frames.length = 0;
  }

  private written(): void {
    if (this.ending) this.below.end();
    for (const then of this.whenEmpty.splice(0)) this.below.whenSent(then);
    if (!this.needsDrain) this.drained();
  }

  private drained(): void {
    if (!this.full) return;
    this.full = false;
    this.events?.drain();
  }

  private handOn(): void {
    while (!this.isPaused && !this.uncompressing) {
      const next = this.frames.shift();
      if (next === undefined) break;
      this.take(next);
    }
    if (this.isPaused || this.uncompressing) return;
    if (this.inputEnded) {
      this.inputEnded = false;
      this.events?.end();
    } else {
      this.below.resume();
    }
  }

  private take({ sequence, body, uncompressedLength }: CompressedFrame): void {
    if (!this.inOrder(sequence)) return this.outOfOrder();
    // A long file goes on with 0 behind 255.
    this.numbers.begin(sequence !== 0 || (this.writer.sequence === 0 && this.numbers.fileAsked));
    this.sequenceRead = sequence;
    if (uncompressedLength === 0) return this.plain(body);
    if (uncompressedLength > AT_ONCE_BYTES_MAX) return this.uncompressLater(body, uncompressedLength);
    let bytes: Buffer;
    try {
      bytes = this.codec.uncompress(body, uncompressedLength);
    } catch {
      return this.fail('data that cannot be uncompressed', null);
    }
    this.plain(bytes);
  }

  private uncompressLater(body: Buffer, bytesMax: number): void {
    this.uncompressing = true;
    this.below.pause();
    this.codec.uncompressLater(body, bytesMax, (error, bytes) => {
      this.uncompressing = false;
      if (this.stopped) return;
      if (error !== null) return this.fail('data that cannot be uncompressed', null);
      // Paused in the meantime: what was taken is handed on all the same.
      this.plain(bytes);
      this.handOn();
    });
  }

  private plain(bytes: Buffer): void {
    const first = this.numbers.fromClient(bytes, this.nextRead);
    if (first !== null) this.writer.beginRun(first, this.followed);
    if (bytes.length > 0) this.events?.data(bytes);
  }

  /** Number of the client's next frame, where it goes on. */
  private get nextRead(): number {
    return ((this.sequenceRead ?? 0xff) + 1) & 0xff;
  }

  private inOrder(sequence: number): boolean {
    const { numbers, writer } = this;
    if (numbers.inside) return sequence === this.nextRead;
    if (numbers.fileAsked) return sequence === writer.sequence;
    // A command begins anew; a step of an authentication goes on.
    return sequence === 0 || (!numbers.idle && (sequence === this.nextRead || sequence === writer.sequence));
  }

  /** The answers, and their numbers, are what the server was seen to give. */
  private outOfOrder(): void {
    const { inside, fileAsked } = this.numbers;
    const number = inside ? this.nextRead : 0;
    this.writer.beginRun(inside ? number : 2, false);
    this.fail('frames out of order', fileAsked ? null : frame(encodeError(packetsOutOfOrder()), number));
  }

  private fail(message: string, answer: Buffer | null): void {
    this.stopped = true;
    this.frames.length = 0;
    this.events?.error(new CompressionError(message, answer));
  }
}
