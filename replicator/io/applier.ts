import type { CausalGate } from '../apply/causal-gate';
import type { MergeWindow } from '../apply/merge-window';
import { CHANGE_SETS_MAX, nextBatch } from '../apply/next-batch';
import type { ChangeSet, Incarnation, VersionVector } from '../change-set';
import type { Alarm, KeyBoard, Logger, WriteBoard } from '../ports';
import { contains, withChangeSet } from '../version-vector';
import { type ApplyWork, type AttemptOutcome, type CaptureView, LogKnowledge, attempt } from './apply-attempt';
import { type WaitingRow, readApplied, readWaitingRows } from './bookkeeping';
import type { DatabaseAddress } from './database-connection';
import { LocalWatch } from './local-watch';
import { MendQueue, NO_MENDS } from './mend-queue';
import { RowStore } from './row-store';
import type { StreamFeed } from './stream-feed';
import { TableCatalog } from './table-catalog';
import type { Care } from './target-writer';

export interface ApplierOptions {
  readonly database: DatabaseAddress;
  readonly self: Incarnation;
  /** What `duara.applied` says at start. */
  readonly applied: VersionVector;
  readonly window: MergeWindow;
  readonly gate: CausalGate;
  readonly feed: (applied: () => VersionVector) => StreamFeed;
  readonly capture: CaptureView;
  readonly writeBoard: WriteBoard;
  readonly keyBoard: KeyBoard;
  readonly log: Logger;
  readonly onAlarm: (alarm: Alarm) => void;
  readonly onApplied: (changeSets: readonly ChangeSet[]) => void;
  /** How often rows that wait are tried again when nothing says that the schema changed. */
  readonly waitingRetryMs: number;
}

/** Row locks are held so long at most, as far as the number of change sets in a transaction can help it. */
const TRANSACTION_MS_WANTED = 60;
/** Delays between tries of something busy or away. */
const BACKOFF_MS = [5, 20, 100, 500, 2_000] as const;

/** Applies the other sites' change sets to the site's own database, in causal order, exactly once. */
export class Applier {
  private applied: VersionVector;
  private closing = false;
  private awake = false;
  private wakeUp: () => void = () => undefined;
  private care: Care = 'quick';
  /** Change sets still to be applied one by one since one of their batch did not fit. */
  private singly = 0;
  private failures = 0;
  private batchMax = CHANGE_SETS_MAX;
  private running: Promise<void> = Promise.resolve();
  private readonly catalog = new TableCatalog();
  private readonly known: LogKnowledge;
  private readonly locals: LocalWatch;
  private readonly feed: StreamFeed;
  private readonly timer: NodeJS.Timeout;

  private constructor(
    private readonly options: ApplierOptions,
    private store: RowStore,
    private readonly mends: MendQueue,
  ) {
    this.applied = options.applied;
    this.known = new LogKnowledge(options.capture);
    this.feed = options.feed(() => this.applied);
    this.locals = new LocalWatch(options.window, (changeSet, decision) => {
      this.mends.addLate(changeSet, decision);
      this.wake();
    });
    this.timer = setInterval(() => {
      if (this.mends.waiting().length > 0) this.schemaChanged();
    }, options.waitingRetryMs).unref();
  }

  /** Rejects with MissingPrivilegeError, or when the database is away. */
  static async open(options: ApplierOptions): Promise<Applier> {
    const store = await RowStore.open(options.database);
    return new Applier(options, store, new MendQueue(await readWaitingRows(store.connection)));
  }

  /** Begins to apply. From here on every local change set must come by `localCommitted`. */
  run(): void {
    const { log, onAlarm } = this.options;
    this.running = this.loop().catch((error: unknown) => {
      log.error({ err: error }, 'applying stopped by a bug');
      onAlarm({ code: 'DUARA_APPLIER_STOPPED', message: `applying stopped: ${String(error)}` });
    });
  }

  /** There may be something to do: a record arrived, or capture moved on. */
  wake(): void {
    this.awake = true;
    this.wakeUp();
  }

  /** Capture read a change set that was committed here; `record` is its encoded form. */
  localCommitted(changeSet: ChangeSet, record: Uint8Array): void {
    this.locals.arrived(changeSet, record);
    if (this.options.gate.size > 0) this.wake();
  }

  /** DDL was seen: tables are asked again, and waiting rows may have found their place. */
  schemaChanged(): void {
    this.catalog.forget();
    this.mends.retryWaiting();
    this.wake();
  }

  appliedVector(): VersionVector {
    return this.applied;
  }

  waiting(): readonly WaitingRow[] {
    return this.mends.waiting();
  }

  /** Lets the transaction in hand end, then stops. */
  async close(): Promise<void> {
    this.closing = true;
    clearInterval(this.timer);
    this.wake();
    await this.running;
    await this.store.connection.close();
  }

  private async loop(): Promise<void> {
    while (!this.closing) {
      this.awake = false;
      await this.feed.fill();
      const work = this.nextWork();
      if (work === null) {
        if (!this.awake) await new Promise<void>((resolve) => (this.wakeUp = resolve));
        continue;
      }
      // The next stretch is decoded while the database works.
      const began = performance.now();
      const [outcome] = await Promise.all([this.attempt(work), this.feed.fill()]);
      this.adaptBatch(outcome.kind, performance.now() - began);
      if (outcome.kind === 'committed') {
        this.committed(work, outcome);
      } else {
        for (const changeSet of work.changeSets) this.options.gate.offer(changeSet);
        await this.failed(work, outcome);
      }
    }
  }

  private nextWork(): ApplyWork | null {
    const mends = this.mends.next();
    if (mends !== null) return { changeSets: [], mends };
    const { gate, self, capture } = this.options;
    const reached = new Map(this.applied).set(self, capture.position().localSeq);
    const changeSets = nextBatch(gate, reached, this.singly > 0 ? 1 : this.batchMax);
    return changeSets.length === 0 ? null : { changeSets, mends: NO_MENDS };
  }

  /** Local writers wait for our locks: a transaction that takes long, or meets them, is to be smaller. */
  private adaptBatch(kind: AttemptOutcome['kind'], elapsedMs: number): void {
    if (kind === 'raced' || elapsedMs > TRANSACTION_MS_WANTED) this.batchMax = Math.max(1, this.batchMax >> 1);
    else if (kind === 'committed') this.batchMax = Math.min(CHANGE_SETS_MAX, this.batchMax * 2);
  }

  private attempt(work: ApplyWork): Promise<AttemptOutcome> {
    const { store, catalog, locals, known } = this;
    const { window, capture, writeBoard, keyBoard } = this.options;
    return attempt({ store, window, capture, catalog, locals, writeBoard, keyBoard, known }, work, this.care);
  }

  private committed(work: ApplyWork, outcome: Extract<AttemptOutcome, { kind: 'committed' }>): void {
    for (const changeSet of work.changeSets) this.applied = withChangeSet(this.applied, changeSet);
    const known = new Set(this.mends.waiting().map(placeOf));
    this.mends.done(work.mends, outcome.waiting, outcome.mended);
    // One alarm for a table and a reason, however many rows wait.
    for (const place of new Set(outcome.waiting.map(placeOf))) {
      if (known.has(place)) continue;
      const message = `rows of ${place} wait here; they are applied once the table can take them`;
      this.options.onAlarm({ code: 'DUARA_ROW_WAITS', message });
    }
    this.singly = Math.max(0, this.singly - work.changeSets.length);
    this.care = this.singly > 0 ? 'careful' : 'quick';
    this.failures = 0;
    if (work.changeSets.length > 0) this.options.onApplied(work.changeSets);
  }

  private async failed(work: ApplyWork, outcome: Exclude<AttemptOutcome, { kind: 'committed' }>): Promise<void> {
    switch (outcome.kind) {
      case 'raced':
        return;
      case 'row':
        await this.rowFailed(work, outcome.errno);
        return;
      case 'busy':
        await this.backOff();
        return;
      case 'privilege':
        this.options.onAlarm({ code: 'DUARA_MISSING_PRIVILEGE', message: `cannot apply: ${outcome.error.message}` });
        await this.backOff();
        return;
      case 'lost':
        await this.reconnect(work, outcome.indefinite);
        return;
      default:
        outcome satisfies never;
    }
  }

  /** With nothing new in the log and still no fit the cause is local, and the rows concerned are left waiting. */
  private async rowFailed(work: ApplyWork, errno: number): Promise<void> {
    this.options.log.info(
      { errno, care: this.care, changeSets: work.changeSets.length },
      'rows do not fit: looking closer',
    );
    this.catalog.forget();
    if (this.singly === 0) this.singly = work.changeSets.length;
    const before = this.options.capture.position().gtid;
    await this.reachLogEnd();
    const moved = this.options.capture.position().gtid !== before;
    this.care = this.care === 'quick' || (moved && this.failures < BACKOFF_MS.length) ? 'careful' : 'row by row';
    this.failures++;
  }

  private async reachLogEnd(): Promise<void> {
    try {
      const end = await this.store.logPosition();
      await Promise.race([this.options.capture.reached(end), this.delay(2_000)]);
    } catch (error) {
      this.options.log.info({ err: error }, 'the log could not be asked where it ends');
    }
  }

  /** After a lost connection `duara.applied` says what became of the transaction. */
  private async reconnect(work: ApplyWork, indefinite: boolean): Promise<void> {
    this.store.connection.destroy();
    this.options.onAlarm({
      code: 'DUARA_DATABASE_AWAY',
      message: 'the connection to the database broke: trying again',
    });
    for (let opened = false; !opened;) {
      if (this.closing) return;
      try {
        this.store = await RowStore.open(this.options.database);
        const positions = await readApplied(this.store.connection);
        this.applied = new Map(positions.map(({ incarnation, seq }) => [incarnation, seq]));
        opened = true;
      } catch (error) {
        this.options.log.info({ err: error }, 'the database is away');
        this.store.connection.destroy();
        await this.backOff();
      }
    }
    this.failures = 0;
    this.catalog.forget();
    if (indefinite) this.resolve(work);
  }

  private resolve(work: ApplyWork): void {
    const { window, onApplied } = this.options;
    const applied = work.changeSets.filter((changeSet) => contains(this.applied, changeSet));
    for (const changeSet of work.changeSets.toReversed()) {
      if (!contains(this.applied, changeSet)) window.undo(changeSet);
    }
    if (applied.length > 0) onApplied(applied);
    this.options.log.info(
      { applied: applied.length, of: work.changeSets.length },
      'an unanswered COMMIT was looked up',
    );
  }

  private async backOff(): Promise<void> {
    const most = BACKOFF_MS[Math.min(this.failures++, BACKOFF_MS.length - 1)] ?? 0;
    await this.delay(most);
  }

  private delay(ms: number): Promise<void> {
    return new Promise((resolve) => setTimeout(resolve, ms));
  }
}

function placeOf({ schema, table, reason }: WaitingRow): string {
  return `${schema}.${table} (${reason})`;
}
