import type { StreamId } from '../../ring/api';
import type { CausalGate } from '../apply/causal-gate';
import type { ChangeSet, Incarnation, VersionVector } from '../change-set';
import { NO_HASH, hashRecord } from '../codec/change-set-format';
import { decodeChangeSet } from '../codec/decode';
import type { Alarm } from '../ports';
import { seqOf } from '../version-vector';
import type { SpoolFiles } from './spool-files';

/** How many decoded change sets of one stream wait in memory at most, and how much one read takes. */
const AHEAD_MAX = 512n;
const READ_BYTES = 512 * 1024;

interface Cursor {
  next: bigint;
  previousHash: Uint8Array;
  /** A record did not fit its predecessor, or cannot be read: nothing more is taken from this stream. */
  stopped: boolean;
}

export interface StreamFeedOptions {
  readonly spool: SpoolFiles;
  readonly gate: CausalGate;
  readonly self: Incarnation;
  readonly applied: () => VersionVector;
  readonly onAlarm: (alarm: Alarm) => void;
}

/** Reads the other sites' streams from the spool into the causal gate, a bounded stretch ahead. */
export class StreamFeed {
  private readonly cursors = new Map<Incarnation, Cursor>();
  private filling: Promise<void> | null = null;

  constructor(private readonly options: StreamFeedOptions) {}

  /** Decodes what is new; callers that come meanwhile share the work. */
  fill(): Promise<void> {
    this.filling ??= this.fillAll().finally(() => (this.filling = null));
    return this.filling;
  }

  private async fillAll(): Promise<void> {
    for (const [stream, held] of this.options.spool.held()) {
      const origin = Number(stream) as Incarnation;
      if (origin !== this.options.self) await this.fillOne(stream, origin, held);
    }
  }

  private async fillOne(stream: StreamId, origin: Incarnation, held: bigint): Promise<void> {
    const cursor = this.cursors.get(origin) ?? (await this.start(stream, origin));
    while (!cursor.stopped && cursor.next <= held) {
      if (cursor.next > seqOf(this.options.applied(), origin) + AHEAD_MAX) return;
      const records = await this.options.spool.read(stream, cursor.next, READ_BYTES);
      if (records.length === 0) return;
      for (const record of records) {
        if (cursor.stopped) return;
        this.take(record, origin, cursor);
      }
    }
  }

  private async start(stream: StreamId, origin: Incarnation): Promise<Cursor> {
    const applied = seqOf(this.options.applied(), origin);
    const [last] = applied === 0n ? [] : await this.options.spool.read(stream, applied, 1);
    const cursor = {
      next: applied + 1n,
      previousHash: last === undefined ? NO_HASH : hashRecord(last),
      stopped: false,
    };
    this.cursors.set(origin, cursor);
    return cursor;
  }

  private take(record: Uint8Array, origin: Incarnation, cursor: Cursor): void {
    let changeSet: ChangeSet;
    try {
      changeSet = decodeChangeSet(record);
    } catch (error) {
      this.stop(
        cursor,
        'DUARA_CHANGE_SET_UNREADABLE',
        `change set ${origin}:${cursor.next} cannot be read: ${String(error)}`,
      );
      return;
    }
    if (changeSet.origin !== origin || changeSet.seq !== cursor.next) {
      const found = `${changeSet.origin}:${changeSet.seq}`;
      this.stop(cursor, 'DUARA_STREAM_MIXED_UP', `stream ${origin} holds ${found} where ${cursor.next} belongs`);
      return;
    }
    if (Buffer.compare(changeSet.previousHash, cursor.previousHash) !== 0) {
      this.stop(
        cursor,
        'DUARA_STREAM_FORKED',
        `change set ${origin}:${cursor.next} of ${changeSet.site} does not follow its predecessor here: the site's history forked (restored from a backup?)`,
      );
      return;
    }
    cursor.previousHash = hashRecord(record);
    cursor.next++;
    this.options.gate.offer(changeSet);
  }

  private stop(cursor: Cursor, code: string, message: string): void {
    cursor.stopped = true;
    this.options.onAlarm({ code, message });
  }
}
