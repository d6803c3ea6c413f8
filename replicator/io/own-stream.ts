import type { StreamId } from '../../ring/api';
import type { CaptureState, SpooledHead } from '../capture/capture-state';
import { CaptureError } from '../capture/capture-error';
import type { ChangeSet, Incarnation } from '../change-set';
import { NO_HASH, hashRecord } from '../codec/change-set-format';
import { decodeChangeSet } from '../codec/decode';
import { encodeChangeSet } from '../codec/encode';
import type { Alarm } from '../ports';
import { RECORD_BYTES_MAX } from '../spool/segment-format';
import { Pause } from './pause';
import { writePosition } from './position-file';
import type { SpoolFiles } from './spool-files';

export interface OwnStreamOptions {
  readonly incarnation: Incarnation;
  readonly spool: SpoolFiles;
  readonly positionFile: string;
  readonly alarm: (alarm: Alarm) => void;
  /** The position is written at most this often; an older one only makes a restart read more of the log again. */
  readonly positionEveryMs: number;
  /** Default RECORD_BYTES_MAX. */
  readonly recordBytesMax?: number;
}

const RETRY_MS_MIN = 100;
const RETRY_MS_MAX = 5_000;

/**
 * This site's own stream: records go to the spool (fsync), then the position is written, and never ahead of the spool.
 */
export class OwnStream {
  /** Name of the newest record, for its successor. */
  previousHash: Uint8Array = NO_HASH;
  private readonly stream: StreamId;
  private readonly unsynced: Buffer[] = [];
  private nextSeq = 1n;
  private due: CaptureState | null = null;
  private timer: NodeJS.Timeout | null = null;
  private writing: Promise<void> = Promise.resolve();
  private closed = false;
  private readonly pause = new Pause();

  constructor(private readonly options: OwnStreamOptions) {
    this.stream = options.incarnation as number as StreamId;
  }

  /** What the spool holds beyond `localSeq`, oldest first. Throws CaptureError when it holds less. */
  async open(localSeq: bigint): Promise<SpooledHead[]> {
    const { spool } = this.options;
    const held = spool.heldOf(this.stream);
    if (held < localSeq) {
      throw new CaptureError(
        'DUARA_CAPTURE_MEMORY_LOST',
        `the spool ends at seq ${held}, but ${localSeq} had been captured: this site must join anew`,
      );
    }
    this.nextSeq = held + 1n;
    const heads: SpooledHead[] = [];
    for await (const { seq, bytes } of spool.records(this.stream, localSeq === 0n ? 1n : localSeq)) {
      if (seq === held) this.previousHash = hashRecord(bytes);
      if (seq <= localSeq) continue;
      const { gtid, hlc } = decodeChangeSet(bytes);
      heads.push({ gtid, seq, hlc });
    }
    return heads;
  }

  /** Returns its record. Throws CaptureError when that is too large: no other try would make it smaller. */
  add(changeSet: ChangeSet): Buffer {
    const record = encodeChangeSet(changeSet);
    const { recordBytesMax = RECORD_BYTES_MAX } = this.options;
    if (record.length > recordBytesMax) throw tooLarge(changeSet.gtid, record.length, recordBytesMax);
    this.previousHash = hashRecord(record);
    this.unsynced.push(record);
    return record;
  }

  /** Makes all that was added durable, however long the disk refuses; then `state` may be remembered as the position. */
  async flush(state: CaptureState): Promise<bigint | null> {
    let retryMs = RETRY_MS_MIN;
    const records = this.unsynced.splice(0);
    while (records.length > 0) {
      try {
        await this.options.spool.append(this.stream, this.nextSeq, records);
        this.nextSeq += BigInt(records.length);
        break;
      } catch (error) {
        if (this.closed || (error as { code?: string }).code !== 'DUARA_SPOOL_WRITE_FAILED') {
          // Their place in the stream is given: whatever becomes of the caller, the next flush begins with them.
          this.unsynced.unshift(...records);
          throw error;
        }
        this.options.alarm({ code: 'DUARA_SPOOL_WRITE_FAILED', message: (error as Error).message });
        await this.pause.for(retryMs);
        retryMs = Math.min(retryMs * 2, RETRY_MS_MAX);
      }
    }
    this.due = state;
    this.timer ??= setTimeout(() => this.writeDue(), this.options.positionEveryMs);
    return records.length > 0 ? this.nextSeq - 1n : null;
  }

  /** A flush that waits for a disk rejects from now on; what it held is read from the log again. */
  stopRetrying(): void {
    this.closed = true;
    this.pause.end();
  }

  /** Writes the position that is due. No flush may be under way. */
  async close(): Promise<void> {
    this.stopRetrying();
    if (this.timer !== null) clearTimeout(this.timer);
    this.writeDue();
    await this.writing;
  }

  private writeDue(): void {
    this.timer = null;
    const state = this.due;
    if (state === null) return;
    this.due = null;
    const { positionFile, incarnation, alarm } = this.options;
    this.writing = this.writing
      .then(() => writePosition(positionFile, incarnation, state))
      .catch((error: unknown) => {
        // The old position stands: harmless, but the disk is not well.
        alarm({ code: 'DUARA_POSITION_WRITE_FAILED', message: `${positionFile}: ${(error as Error).message}` });
      });
  }
}

function tooLarge(gtid: string, bytes: number, bytesMax: number): CaptureError {
  return new CaptureError(
    'DUARA_CHANGE_SET_TOO_LARGE',
    `transaction ${gtid} changed rows of ${bytes} bytes, and a change set has ${bytesMax} at most: name this GTID in ` +
      'replicate.skipGtids, start Duara again, and make the change at the other sites by hand; in smaller transactions it ' +
      'would have gone there by itself',
  );
}
