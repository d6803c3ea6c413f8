import { CaptureError } from '../capture/capture-error';
import { type CaptureState, forked } from '../capture/capture-state';
import { type GtidPosition, formatPosition, parsePosition, reaches } from '../capture/gtid-position';
import { type LoggedTransaction, TransactionAssembler } from '../capture/transaction-assembler';
import { visibilityProbe } from '../capture/visibility-probe';
import { writtenRows } from '../capture/written-rows';
import type { StreamId } from '../../ring/api';
import type { CapturePosition } from '../ports';
import {
  type AppliedSeenListener,
  CaptureListeners,
  type LocalListener,
  type SchemaChangeListener,
  type SpooledListener,
  type StoppedListener,
  subscribe,
} from './capture-listeners';
import type { CaptureOptions, LogReader } from './capture-options';
import { DatabaseConnection } from './database-connection';
import { OwnStream } from './own-stream';
import { Pause } from './pause';
import { readPosition, writePosition } from './position-file';
import { SchemaReader } from './schema-reader';
import { firstState, serverPosition } from './server-position';
import { TableKinds } from './table-kinds';
import { TransactionLine, changesSchema, isFinal } from './transaction-line';
import { VisibilityBarrier } from './visibility-barrier';
import { WeightStrings } from './weight-strings';

/**
 * At least so long from one batch to the next: commits that follow one another closely share an fsync, a question whether
 * they are visible and an offer to the ring. One that comes alone does not wait, and nobody waits for one (`reached`).
 * Each batch of several doubles the time: a burst is worth being late for, what a person does is not.
 */
const BATCH_MS_MIN = 3;
const BATCH_MS_MAX = 12;
/**
 * From so many commits in a batch on, and where no replies are kept that these would void, it may be as late as this: the
 * server sends each commit by itself to a reader that waits for it (seen: 10 µs of its time for each), and many at once to
 * one that lets the connection fill up.
 */
const STORM_COMMITS = 64;
const STORM_MS_MAX = 25;
/** A batch of so many bytes shares its fsync with enough, and more is waiting: nearly what one read takes. */
const BATCH_BYTES_MAX = 48 * 1024;
const RECONNECT_MS_MIN = 50;
const RECONNECT_MS_MAX = 3_000;
/** MariaDB and MySQL: "Could not find … in binary log": the position asked for is not there. */
const ER_MASTER_FATAL_ERROR_READING_BINLOG = 1236;

/** A running capture: reads this site's binary log for as long as it is not closed. */
export interface Capture {
  /** How far the log was taken (its last records may be on their way to the disk). */
  position(): CapturePosition;
  /** Resolves when everything up to this GTID (or position) was taken. Rejects when capture stops before. */
  reached(gtid: string): Promise<void>;
  /** Each new local change set in log order, before its fsync; a promise is awaited. Repeats after a crash are not told. */
  onLocal(listener: LocalListener): () => void;
  /** The own stream is durable up to this seq. */
  onSpooled(listener: SpooledListener): () => void;
  /** A change set of another origin was read back as applied, all local ones before it being durable. */
  onAppliedSeen(listener: AppliedSeenListener): () => void;
  onSchemaChange(listener: SchemaChangeListener): () => void;
  /** Capture cannot go on (CaptureError, or a log that cannot be read); the alarm was raised. */
  onStopped(listener: StoppedListener): () => void;
  close(): Promise<void>;
}

/**
 * Resolves once the position is known and kept; reading then begins, so listeners are to be added at once. Rejects with
 * CaptureError, or when the database cannot be reached. An incarnation's first start must come before its applier's.
 */
export async function startCapture(options: CaptureOptions): Promise<Capture> {
  const { incarnation, positionFile, spool, alarm, positionEveryMs = 200 } = options;
  let state = await readPosition(positionFile, incarnation);
  if (state === null) {
    const held = spool.heldOf(incarnation as number as StreamId);
    if (held > 0n) {
      throw new CaptureError(
        'DUARA_CAPTURE_MEMORY_LOST',
        `${positionFile} is gone, but ${held} change sets were captured: this site must join anew`,
      );
    }
    state = await firstState(options);
    // Kept before anything is read: after a crash the same beginning holds.
    await writePosition(positionFile, incarnation, state);
  }
  const stream = new OwnStream({ incarnation, spool, positionFile, alarm, positionEveryMs });
  return new CaptureRunner(options, stream, state, await stream.open(state.localSeq));
}

class CaptureRunner implements Capture {
  private readonly listeners = new CaptureListeners();
  private readonly assembler = new TransactionAssembler();
  private readonly weights = new WeightStrings();
  private readonly schemas = new SchemaReader();
  private readonly kinds = new TableKinds();
  private readonly barrier: VisibilityBarrier;
  private readonly line: TransactionLine;
  private readonly waiters = new Set<{ target: GtidPosition; resolve(): void; reject(error: Error): void }>();
  private readonly loop: Promise<void>;
  private reader: LogReader | null = null;
  private wasConnected = false;
  /** The last transaction's repeat is not in the log any more. */
  private comparePurged = false;
  private stopped: Error | null = null;
  /** Before the log is opened again. */
  private readonly pause = new Pause();
  /** The wait for more commits. */
  private readonly collecting = new Pause();

  constructor(
    private readonly options: CaptureOptions,
    private readonly stream: OwnStream,
    state: CaptureState,
    replay: Awaited<ReturnType<OwnStream['open']>>,
  ) {
    const { address, board, log } = options;
    this.barrier = new VisibilityBarrier(address, board, log);
    const { weights, schemas, listeners } = this;
    const onTaken = (): void => this.wakeWaiters();
    this.line = new TransactionLine(state, replay, { options, stream, schemas, weights, listeners, onTaken });
    this.loop = this.run();
  }

  position(): CapturePosition {
    const { position, localSeq, hlc, applied } = this.line.state;
    return { gtid: formatPosition(position), localSeq, hlc, applied };
  }

  reached(gtid: string): Promise<void> {
    const target = parsePosition(gtid);
    if (reaches(this.line.state.position, target)) return Promise.resolve();
    if (this.stopped !== null) return Promise.reject(this.stopped);
    this.collecting.end();
    return new Promise((resolve, reject) => this.waiters.add({ target, resolve, reject }));
  }

  onLocal = (listener: LocalListener): (() => void) => subscribe(this.listeners.local, listener);
  onSpooled = (listener: SpooledListener): (() => void) => subscribe(this.listeners.spooled, listener);
  onAppliedSeen = (listener: AppliedSeenListener): (() => void) => subscribe(this.listeners.appliedSeen, listener);
  onSchemaChange = (listener: SchemaChangeListener): (() => void) => subscribe(this.listeners.schemaChange, listener);
  onStopped = (listener: StoppedListener): (() => void) => subscribe(this.listeners.stopped, listener);

  async close(): Promise<void> {
    this.stop(new Error('capture was closed'));
    this.stream.stopRetrying();
    await this.reader?.close();
    await this.loop;
    await this.stream.close();
    await this.barrier.close();
  }

  private async run(): Promise<void> {
    let waitMs = RECONNECT_MS_MIN;
    while (this.stopped === null) {
      const before = this.line.state;
      try {
        await this.readUntilLost();
      } catch (error) {
        if (isFinal(error)) this.fail(error);
        else if (isPositionMissing(error) && this.line.state === before) this.onPositionMissing(error);
        else this.options.log.warn({ error: String(error), waitMs }, 'capture: lost the binary log, connecting again');
      }
      this.options.board.setCaptureHealthy(false);
      if (this.stopped !== null) break;
      waitMs = this.line.state === before ? Math.min(waitMs * 2, RECONNECT_MS_MAX) : RECONNECT_MS_MIN;
      await this.pause.for(waitMs * (0.5 + Math.random() / 2));
    }
    this.options.board.setCaptureHealthy(false);
  }

  private async readUntilLost(): Promise<void> {
    const connection = await DatabaseConnection.open(this.options.address, []);
    try {
      if (this.wasConnected) await this.options.checkAgain?.(connection);
      this.wasConnected = true;
      await this.weights.loadCollations(connection);
      this.schemas.forget();
      this.kinds.forget();
      if (this.options.cached !== false) await this.kinds.load(connection);
      const target = parsePosition(await serverPosition(connection));
      this.checkNotBehind(target);
      this.assembler.reset();
      const reader = await this.options.openLog(this.startOfReading());
      this.reader = reader;
      // Closed while it was being opened: nobody else knew of it.
      if (this.stopped !== null) return void (await reader.close());
      const ended = connection.onLost(() => void reader.close());
      try {
        await this.readAll(connection, reader, target);
      } finally {
        ended();
        await reader.close();
      }
    } finally {
      await connection.close();
    }
  }

  private async readAll(connection: DatabaseConnection, reader: LogReader, target: GtidPosition): Promise<void> {
    let healthy = false;
    const becomeHealthy = (): void => {
      if (healthy || !reaches(this.line.state.position, target)) return;
      healthy = true;
      // What was written while nobody watched may be cached still.
      this.options.board.flushAll();
      this.options.board.setCaptureHealthy(true);
    };
    becomeHealthy();
    let batchMs = BATCH_MS_MIN;
    for await (const events of reader.batches()) {
      if (this.stopped !== null) return;
      const began = performance.now();
      const transactions: LoggedTransaction[] = [];
      let bytes = 0;
      for (const event of events) {
        bytes += event.header.eventSize;
        const transaction = this.assembler.feed(event);
        if (transaction === null) continue;
        transactions.push(transaction);
        if (this.options.cached === false) continue;
        // What comes behind DDL is of tables as they are now, or as a change that is still to come has made them.
        if (changesSchema(transaction)) this.kinds.forget();
        // The applier raises the board around its own commits.
        if (transaction.applied.length > 0 || transaction.rows.length === 0) continue;
        if (!this.kinds.loaded) await this.kinds.load(connection);
        this.touchBoard(transaction);
      }
      await this.line.take(connection, transactions);
      if (this.line.state.last !== null && transactions.length > 0) this.comparePurged = false;
      // Before the next write waits for it.
      if (this.options.cached !== false) await this.kinds.load(connection);
      becomeHealthy();
      batchMs = this.nextBatchMs(batchMs, transactions.length);
      const left = bytes < BATCH_BYTES_MAX ? batchMs - (performance.now() - began) : 0;
      if (left > 0 && transactions.length > 0 && this.waiters.size === 0) {
        await this.collecting.for(left);
      }
    }
  }

  private nextBatchMs(batchMs: number, commits: number): number {
    if (commits <= 1) return BATCH_MS_MIN;
    const storm = commits >= STORM_COMMITS && this.options.cached === false;
    return Math.min(batchMs * 2, storm ? STORM_MS_MAX : BATCH_MS_MAX);
  }

  /** From before the last transaction, so that its repeat can be compared with what was read. */
  private startOfReading(): string {
    const { position, last } = this.line.state;
    return last !== null && !this.comparePurged ? last.before : formatPosition(position);
  }

  /** The server does not have the position it was asked for. */
  private onPositionMissing(error: unknown): void {
    const { position, last } = this.line.state;
    if (last !== null && !this.comparePurged) {
      // The file that held it may have been purged rightly, everything in it having been read.
      this.comparePurged = true;
      return;
    }
    this.fail(
      new CaptureError(
        'DUARA_LOG_PURGED',
        `the binary log no longer reaches back to ${formatPosition(position)}, where capture must go on: what was ` +
          `committed since is only in the tables. Keep the log longer (expire_logs_days), and let this site join anew`,
        { cause: error },
      ),
    );
  }

  private checkNotBehind(server: GtidPosition): void {
    const { position } = this.line.state;
    for (const gtid of position.values()) {
      // A domain the server does not name was only ever written elsewhere.
      const there = server.get(gtid.domain);
      if (there !== undefined && there.sequence < gtid.sequence) throw forked(formatPosition(position));
    }
  }

  private touchBoard(transaction: LoggedTransaction): void {
    const tables = transaction.rows.map(({ table: { schema, table, columns, primaryKey }, rows }) => ({
      schema,
      table,
      rows: writtenRows(columns, primaryKey, rows),
    }));
    const cascades = tables.some(({ schema, table }) => this.kinds.cascades(schema, table));
    const ordered = transaction.rows.filter(({ table }) => this.kinds.isOrdered(table.schema, table.table));
    this.barrier.arrived({ tables, probe: visibilityProbe({ rows: ordered }), cascades });
  }

  private wakeWaiters(): void {
    for (const waiter of this.waiters) {
      if (!reaches(this.line.state.position, waiter.target)) continue;
      this.waiters.delete(waiter);
      waiter.resolve();
    }
  }

  private fail(error: Error): void {
    const { code = 'DUARA_CAPTURE_STOPPED' } = error as { code?: string };
    this.options.alarm({ code, message: error.message });
    this.options.log.error({ code, error: error.message }, 'capture: stopped');
    this.stop(error);
    for (const listener of this.listeners.stopped) listener(error);
  }

  private stop(error: Error): void {
    this.stopped ??= error;
    this.pause.end();
    this.collecting.end();
    for (const waiter of this.waiters) waiter.reject(this.stopped);
    this.waiters.clear();
  }
}

function isPositionMissing(error: unknown): boolean {
  return (error as { errorCode?: number }).errorCode === ER_MASTER_FATAL_ERROR_READING_BINLOG;
}
