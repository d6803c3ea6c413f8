import { mkdir, readdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { StreamId, StreamStore } from '../../ring/api';
import type { Logger } from '../ports';
import { SpoolError } from '../spool/spool-error';
import { SpoolStream, type SpoolStreamOptions, type WriteAt, syncDirectory, writeAtFully } from './spool-stream';

export interface SpoolOptions {
  /** Default 16 MiB. */
  readonly segmentBytesMax?: number;
  readonly writeAt?: WriteAt;
}

export interface SpooledRecord {
  readonly seq: bigint;
  readonly bytes: Uint8Array;
}

export type AppendListener = (stream: StreamId, seq: bigint) => void;

/** How much one read of `records` takes from the disk. */
const READ_BYTES = 2 ** 20;

/**
 * All streams' records on disk, `<dir>/<stream id>/<first seq>.segment`. What `append` resolved for survives kill -9 and a
 * power cut. One process at a time.
 */
export class SpoolFiles implements StreamStore {
  private readonly streams = new Map<StreamId, Promise<SpoolStream>>();
  private readonly opened = new Map<StreamId, SpoolStream>();
  private readonly listeners = new Set<AppendListener>();
  private closed = false;

  private constructor(
    private readonly dir: string,
    private readonly log: Logger,
    private readonly options: SpoolOptions,
  ) {}

  /** Reads and checks every segment. Rejects with SpoolError `DUARA_SPOOL_DAMAGED` when safe records are lost. */
  static async open(dir: string, log: Logger, options: SpoolOptions = {}): Promise<SpoolFiles> {
    await mkdir(dir, { recursive: true });
    const spool = new SpoolFiles(dir, log, options);
    for (const name of await readdir(dir)) {
      if (/^[1-9]\d{0,3}$/.test(name)) await spool.stream(Number(name) as StreamId);
    }
    return spool;
  }

  held(): ReadonlyMap<StreamId, bigint> {
    return new Map([...this.opened].map(([id, stream]) => [id, stream.held()]));
  }

  heldOf(stream: StreamId): bigint {
    return this.opened.get(stream)?.held() ?? 0n;
  }

  async read(stream: StreamId, fromSeq: bigint, maxBytes: number): Promise<readonly Uint8Array[]> {
    return (await this.opened.get(stream)?.read(fromSeq, maxBytes)) ?? [];
  }

  async append(stream: StreamId, fromSeq: bigint, records: readonly Uint8Array[]): Promise<void> {
    if (this.closed) throw new SpoolError('DUARA_SPOOL_CLOSED', `${this.dir} is closed`);
    await (await this.stream(stream)).append(fromSeq, records);
  }

  /** Called after the fsync, with the last seq now held. Returns the way to stop it. */
  onAppend(listener: AppendListener): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** The records from `fromSeq` to the last one held when the end is reached. */
  async *records(stream: StreamId, fromSeq: bigint): AsyncGenerator<SpooledRecord, void, undefined> {
    let seq = fromSeq;
    for (;;) {
      const chunk = await this.read(stream, seq, READ_BYTES);
      if (chunk.length === 0) return;
      for (const bytes of chunk) yield { seq: seq++, bytes };
    }
  }

  bytesTotal(): number {
    let sum = 0;
    for (const stream of this.opened.values()) sum += stream.bytes();
    return sum;
  }

  async close(): Promise<void> {
    this.closed = true;
    for (const stream of await Promise.all(this.streams.values())) await stream.close();
  }

  private stream(id: StreamId): Promise<SpoolStream> {
    const known = this.streams.get(id);
    if (known !== undefined) return known;
    const opening = this.openStream(id);
    this.streams.set(id, opening);
    // A failed one is tried again by the next append: the disk may have been full.
    opening.catch(() => this.streams.delete(id));
    return opening;
  }

  private async openStream(id: StreamId): Promise<SpoolStream> {
    const stream = await openOrSay({
      dir: join(this.dir, String(id)),
      log: this.log,
      segmentBytesMax: this.options.segmentBytesMax ?? 16 * 2 ** 20,
      writeAt: this.options.writeAt ?? writeAtFully,
      onDurable: (seq) => {
        for (const listener of this.listeners) listener(id, seq);
      },
    });
    this.opened.set(id, stream);
    return stream;
  }
}

/** A folder that cannot be made is the disk's refusal like any other: it is worth another try. */
async function openOrSay(options: SpoolStreamOptions): Promise<SpoolStream> {
  try {
    const stream = await SpoolStream.open(options);
    await syncDirectory(dirname(options.dir));
    return stream;
  } catch (error) {
    if (error instanceof SpoolError) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new SpoolError('DUARA_SPOOL_WRITE_FAILED', `cannot open ${options.dir}: ${reason}`, { cause: error });
  }
}
