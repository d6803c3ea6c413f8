import { type FileHandle, mkdir, open, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from '../ports';
import { FRAME_HEADER_BYTES, encodeFrames, frameAt, scanSegment } from '../spool/segment-format';
import { SpoolError } from '../spool/spool-error';

/** Writes all of `bytes` at `position`; a test may put a full disk in its place. */
export type WriteAt = (file: FileHandle, bytes: Buffer, position: number) => Promise<void>;

export interface SpoolStreamOptions {
  readonly dir: string;
  readonly log: Logger;
  /** A new segment begins at the first batch beyond this. Small ones are retired sooner; large ones are fewer files. */
  readonly segmentBytesMax: number;
  readonly writeAt: WriteAt;
  readonly onDurable: (seq: bigint) => void;
}

interface Segment {
  readonly path: string;
  readonly firstSeq: bigint;
  /** Where each durable record's frame begins. */
  readonly offsets: number[];
  /** End of the last durable frame. */
  bytes: number;
}

interface AppendJob {
  readonly fromSeq: bigint;
  readonly records: readonly Uint8Array[];
  resolve(): void;
  reject(error: unknown): void;
}

const SUFFIX = '.segment';

/** The records of one stream, from seq 1, in segment files named by their first seq. One writer at a time. */
export class SpoolStream {
  private readonly queue: AppendJob[] = [];
  private pumping: Promise<void> | null = null;
  private tail: FileHandle | null = null;
  private closed = false;

  private constructor(
    private readonly options: SpoolStreamOptions,
    private readonly segments: Segment[],
  ) {}

  static async open(options: SpoolStreamOptions): Promise<SpoolStream> {
    await mkdir(options.dir, { recursive: true });
    const names = (await readdir(options.dir)).filter((name) => name.endsWith(SUFFIX)).sort();
    const segments: Segment[] = [];
    for (const [index, name] of names.entries()) {
      const segment = await openSegment(join(options.dir, name), index === names.length - 1, options.log);
      const previous = segments.at(-1);
      if (previous !== undefined && previous.firstSeq + BigInt(previous.offsets.length) !== segment.firstSeq) {
        throw damaged(segment.path, `it does not follow on ${previous.path}`);
      }
      segments.push(segment);
    }
    return new SpoolStream(options, segments);
  }

  /** Last seq held durably; 0 when empty. */
  held(): bigint {
    const last = this.segments.at(-1);
    return last === undefined ? 0n : last.firstSeq + BigInt(last.offsets.length) - 1n;
  }

  bytes(): number {
    return this.segments.reduce((sum, segment) => sum + segment.bytes, 0);
  }

  /** Appends that arrive while one fsync runs share the next. */
  append(fromSeq: bigint, records: readonly Uint8Array[]): Promise<void> {
    if (this.closed) return Promise.reject(new SpoolError('DUARA_SPOOL_CLOSED', `${this.options.dir} is closed`));
    return new Promise((resolve, reject) => {
      this.queue.push({ fromSeq, records, resolve, reject });
      this.pumping ??= this.pump().finally(() => (this.pumping = null));
    });
  }

  /** Records from `fromSeq` on within one segment, at least one if held, at most about `bytesMax`. */
  async read(fromSeq: bigint, bytesMax: number): Promise<Uint8Array[]> {
    const segment = this.segments.findLast((candidate) => candidate.firstSeq <= fromSeq);
    if (segment === undefined || fromSeq > this.held()) return [];
    const first = Number(fromSeq - segment.firstSeq);
    const start = segment.offsets[first];
    if (start === undefined) return [];
    let last = first;
    const endOf = (index: number): number => segment.offsets[index + 1] ?? segment.bytes;
    while (last + 1 < segment.offsets.length && endOf(last + 1) - start <= bytesMax) last++;
    const chunk = await readRange(segment.path, start, endOf(last));
    const records: Uint8Array[] = [];
    for (let index = first; index <= last; index++) {
      const at = (segment.offsets[index] as number) - start;
      const frame = frameAt(chunk, at);
      if (frame === null || frame.seq !== segment.firstSeq + BigInt(index)) {
        throw damaged(segment.path, `the record at byte ${start + at} cannot be read any more`);
      }
      records.push(chunk.subarray(at + FRAME_HEADER_BYTES, at + FRAME_HEADER_BYTES + frame.bodyBytes));
    }
    return records;
  }

  async close(): Promise<void> {
    this.closed = true;
    await this.pumping;
    await this.tail?.close();
    this.tail = null;
  }

  private async pump(): Promise<void> {
    while (this.queue.length > 0) {
      const accepted: AppendJob[] = [];
      const records: Uint8Array[] = [];
      let next = this.held() + 1n;
      for (const job of this.queue.splice(0)) {
        if (job.fromSeq > next) {
          job.reject(new SpoolError('DUARA_SPOOL_GAP', `${this.options.dir}: seq ${job.fromSeq} after ${next - 1n}`));
          continue;
        }
        const held = Number(next - job.fromSeq);
        for (let at = held; at < job.records.length; at++) records.push(job.records[at] as Uint8Array);
        next += BigInt(Math.max(0, job.records.length - held));
        accepted.push(job);
      }
      try {
        if (records.length > 0) await this.writeBatch(records);
      } catch (error) {
        for (const job of accepted) job.reject(error);
        continue;
      }
      for (const job of accepted) job.resolve();
      if (records.length > 0) this.options.onDurable(this.held());
    }
  }

  private async writeBatch(records: readonly Uint8Array[]): Promise<void> {
    try {
      const segment = await this.tailSegment();
      const file = (this.tail ??= await open(segment.path, 'r+'));
      try {
        await this.options.writeAt(file, encodeFrames(this.held() + 1n, records), segment.bytes);
        await file.datasync();
      } catch (error) {
        // The pages of a failed fsync may be lost though marked clean: only writing them afresh helps.
        await file.truncate(segment.bytes);
        throw error;
      }
      for (const record of records) {
        segment.offsets.push(segment.bytes);
        segment.bytes += FRAME_HEADER_BYTES + record.length;
      }
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new SpoolError('DUARA_SPOOL_WRITE_FAILED', `cannot write to ${this.options.dir}: ${reason}`, {
        cause: error,
      });
    }
  }

  private async tailSegment(): Promise<Segment> {
    const last = this.segments.at(-1);
    if (last !== undefined && last.bytes < this.options.segmentBytesMax) return last;
    const firstSeq = this.held() + 1n;
    const path = join(this.options.dir, firstSeq.toString().padStart(20, '0') + SUFFIX);
    const file = await open(path, 'w+');
    // A file is only there after a power cut when its folder was synced as well.
    await syncDirectory(this.options.dir);
    await this.tail?.close();
    this.tail = file;
    const segment = { path, firstSeq, offsets: [], bytes: 0 };
    this.segments.push(segment);
    return segment;
  }
}

async function openSegment(path: string, isLast: boolean, log: Logger): Promise<Segment> {
  const name = path.slice(path.lastIndexOf('/') + 1, -SUFFIX.length);
  if (!/^\d{20}$/.test(name)) throw damaged(path, 'its name is not a seq of 20 digits');
  const firstSeq = BigInt(name);
  const content = await readFile(path);
  const scan = scanSegment(content, firstSeq);
  if (scan.tail === 'damaged' || (scan.tail === 'torn' && !isLast)) {
    throw damaged(
      path,
      `the record at byte ${scan.end} (seq ${firstSeq + BigInt(scan.offsets.length)}) cannot be read`,
    );
  }
  if (scan.tail === 'torn') {
    log.warn({ path, at: scan.end, bytes: content.length - scan.end }, 'spool: cut off a batch that was never synced');
    const file = await open(path, 'r+');
    await file.truncate(scan.end);
    await file.sync();
    await file.close();
  }
  return { path, firstSeq, offsets: scan.offsets, bytes: scan.end };
}

function damaged(path: string, what: string): SpoolError {
  return new SpoolError(
    'DUARA_SPOOL_DAMAGED',
    `${path}: ${what}. The disk has lost records that were safe. Move the stream's folder away: another site's ` +
      `stream is fetched again from the ring; when it is this site's own, the site must join anew.`,
  );
}

async function readRange(path: string, start: number, end: number): Promise<Buffer> {
  const file = await open(path, 'r');
  try {
    const chunk = Buffer.allocUnsafe(end - start);
    let done = 0;
    while (done < chunk.length) {
      const { bytesRead } = await file.read(chunk, done, chunk.length - done, start + done);
      if (bytesRead === 0) throw damaged(path, `it ends at byte ${start + done}`);
      done += bytesRead;
    }
    return chunk;
  } finally {
    await file.close();
  }
}

export async function syncDirectory(dir: string): Promise<void> {
  const handle = await open(dir, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

export async function writeAtFully(file: FileHandle, bytes: Buffer, position: number): Promise<void> {
  let done = 0;
  while (done < bytes.length) {
    const { bytesWritten } = await file.write(bytes, done, bytes.length - done, position + done);
    done += bytesWritten;
  }
}
