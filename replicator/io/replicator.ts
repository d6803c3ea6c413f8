import type { Ring, StreamId } from '../../ring/api';
import type { CausalGate } from '../apply/causal-gate';
import type { Incarnation, VersionVector } from '../change-set';
import { decodeChangeSet } from '../codec/decode';
import { hlcMs } from '../hlc';
import type { Alarm, CapturePosition, KeyBoard, Logger } from '../ports';
import { covers, seqOf } from '../version-vector';
import type { Applier } from './applier';
import type { Capture } from './capture-runner';
import { type DatabaseAddress, DatabaseConnection } from './database-connection';
import { type FolderMark, FolderMismatchError } from './folder-mark';
import type { SpoolFiles } from './spool-files';

export interface ReplicatorParts {
  readonly self: Incarnation;
  readonly database: DatabaseAddress;
  readonly spool: SpoolFiles;
  readonly ring: Ring;
  readonly capture: Capture;
  readonly applier: Applier;
  readonly gate: CausalGate;
  readonly keyBoard: KeyBoard;
  readonly log: Logger;
  readonly onSchemaChange: (schema: string, sql: string) => void;
  /** Why capture cannot go on; null while it does. */
  readonly captureStopped: () => string | null;
  /** Change sets applied since the start. */
  readonly counts: ReadonlyMap<Incarnation, bigint>;
  readonly alarms: ReadonlyMap<string, Alarm>;
  readonly mark: FolderMark;
  readonly onAlarm: (alarm: Alarm) => void;
}

/** A copy of the data folder is known for old from the second time on. */
const RENEW_MS = 5 * 60_000;

/** How far this site is behind what it holds of another's stream. */
export interface OriginLag {
  readonly origin: Incarnation;
  readonly changeSets: bigint;
  /** Age of the oldest change set not yet applied, in seconds since its commit; 0: none. */
  readonly seconds: number;
}

export interface ReplicatorStatus {
  readonly incarnation: Incarnation;
  readonly position: CapturePosition;
  /** Why capture cannot go on; null while it does. */
  readonly captureStopped: string | null;
  readonly applied: VersionVector;
  readonly appliedTotal: ReadonlyMap<Incarnation, bigint>;
  readonly lag: readonly OriginLag[];
  /** Decoded change sets that wait for their causes or their turn. */
  readonly queued: number;
  readonly spoolBytes: number;
  /** Rows of `duara.conflicts` by rule; `null` while the database is away. */
  readonly conflicts: ReadonlyMap<string, number> | null;
  readonly parked: number | null;
  readonly waitingRows: number;
  /** The newest of those raised since the start, oldest first. */
  readonly alarms: readonly Alarm[];
}

/** One site's running replicator. */
export class Replicator {
  readonly ring: Ring;
  readonly incarnation: Incarnation;
  private readonly stops: (() => void)[];
  private reports: DatabaseConnection | null = null;

  constructor(private readonly parts: ReplicatorParts) {
    const { ring, capture, applier, spool, self, keyBoard } = parts;
    this.ring = ring;
    this.incarnation = self;
    const own = streamOf(self);
    this.stops = [
      capture.onSpooled(() => {
        ring.offer(own);
        // What waited for a local change set as its cause may go on.
        applier.wake();
      }),
      capture.onAppliedSeen((incarnation, seq) => ring.acknowledge(streamOf(incarnation), seq)),
      capture.onSchemaChange((schema, sql) => {
        applier.schemaChanged();
        parts.onSchemaChange(schema, sql);
      }),
      spool.onAppend((stream) => {
        if (stream === own) return;
        applier.wake();
        // Of a batch that was refused the ring does not know how much was stored.
        ring.offer(stream);
      }),
    ];
    const { hlc, applied } = capture.position();
    keyBoard.raiseClock(hlc);
    if (spool.heldOf(own) > 0n) ring.offer(own);
    for (const [incarnation, seq] of applied) ring.acknowledge(streamOf(incarnation), seq);
    applier.wake();
    const renewing = setInterval(() => void this.renewMark(), RENEW_MS).unref();
    this.stops.push(() => clearInterval(renewing));
  }

  /** What this site has: its own stream as captured, the others' as applied. */
  vector(): VersionVector {
    return new Map(this.parts.applier.appliedVector()).set(this.incarnation, this.parts.capture.position().localSeq);
  }

  caughtUpTo(vector: VersionVector): boolean {
    return covers(this.vector(), vector);
  }

  /** Waits until everything committed on this server before the call is captured; then `vector()`. */
  async captured(): Promise<VersionVector> {
    const [row] = await (await this.reportConnection()).rows('SELECT @@global.gtid_binlog_pos AS position');
    await this.parts.capture.reached(String(row?.['position'] ?? ''));
    return this.vector();
  }

  async status(): Promise<ReplicatorStatus> {
    const { capture, captureStopped, applier, gate, spool, counts, alarms } = this.parts;
    const conflicts = await this.conflictCounts();
    return {
      incarnation: this.incarnation,
      position: capture.position(),
      captureStopped: captureStopped(),
      applied: applier.appliedVector(),
      appliedTotal: counts,
      lag: await this.lag(),
      queued: gate.size,
      spoolBytes: spool.bytesTotal(),
      conflicts: conflicts?.byRule ?? null,
      parked: conflicts?.parked ?? null,
      waitingRows: applier.waiting().length,
      alarms: [...alarms.values()],
    };
  }

  /** Ends in peace: the transaction in hand, then capture, the ring and the spool. */
  async close(): Promise<void> {
    for (const stop of this.stops) stop();
    await this.parts.applier.close();
    await this.parts.capture.close();
    await this.ring.close();
    await this.parts.spool.close();
    await this.reports?.close();
  }

  private async lag(): Promise<readonly OriginLag[]> {
    const { spool, applier } = this.parts;
    const lag: OriginLag[] = [];
    for (const [stream, held] of spool.held()) {
      const origin = Number(stream) as Incarnation;
      if (origin === this.incarnation) continue;
      const applied = seqOf(applier.appliedVector(), origin);
      const [oldest] = held > applied ? await spool.read(stream, applied + 1n, 1) : [];
      const seconds = oldest === undefined ? 0 : Math.max(0, Date.now() - hlcMs(decodeChangeSet(oldest).hlc)) / 1000;
      lag.push({ origin, changeSets: held > applied ? held - applied : 0n, seconds });
    }
    return lag;
  }

  private async renewMark(): Promise<void> {
    const { mark, log, onAlarm } = this.parts;
    try {
      await mark.renew(await this.reportConnection());
    } catch (error) {
      if (error instanceof FolderMismatchError) onAlarm({ code: error.code, message: error.message });
      else log.info({ err: error }, 'the mark of the data folder stays as it was');
    }
  }

  private async conflictCounts(): Promise<{ byRule: ReadonlyMap<string, number>; parked: number } | null> {
    try {
      const rows = await (
        await this.reportConnection()
      ).rows("SELECT rule, COUNT(*) AS n, SUM(status = 'parked') AS parked FROM duara.conflicts GROUP BY rule");
      const byRule = new Map(rows.map((row) => [String(row['rule']), Number(row['n'])]));
      return { byRule, parked: rows.reduce((sum, row) => sum + Number(row['parked']), 0) };
    } catch (error) {
      this.parts.log.info({ err: error }, 'conflicts could not be counted: the database is away');
      return null;
    }
  }

  private async reportConnection(): Promise<DatabaseConnection> {
    if (this.reports === null || this.reports.lost) {
      this.reports = await DatabaseConnection.open(this.parts.database, []);
    }
    return this.reports;
  }
}

function streamOf(incarnation: Incarnation): StreamId {
  return Number(incarnation) as StreamId;
}
