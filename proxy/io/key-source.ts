import type { KeyBoard } from '../keys/key-board';
import { KeyLedger, type LedgerAnswer, type LedgerTask } from '../keys/key-ledger';
import type { LeaseSource } from '../keys/key-leases';
import type { KeyMarks } from '../keys/key-marks';
import { type KeyRange, keyOwner, narrowRange } from '../keys/key-ranges';
import type { KeyDemand, KeyReservation, KeySource, LargestSearch, TableInfo } from '../ports';

export interface SiteKeySourceOptions {
  /** The scope granted to this incarnation, 1 to 4095. */
  readonly scope: number;
  /**
   * `known`: this incarnation has run before, so that its marks must be found (KeyMarksError otherwise). `new`: it was
   * granted its scope just now.
   */
  readonly incarnation: 'new' | 'known';
  readonly board: KeyBoard;
  readonly store: KeyMarksStore;
  /**
   * The largest key of the table's auto-increment column within the range, of any site and committed, or null:
   * `SELECT MAX(id) FROM t WHERE id >= from AND id < end` on a connection of the site's own. 'locked': it would have to wait
   * for whoever has locked the table.
   */
  largestKey(table: TableInfo, range: KeyRange): Promise<bigint | null | 'locked'>;
  readonly leases: LeaseSource;
  /**
   * A statement whose functions may insert, or whose query brings keys for some rows (`mixed`), wants keys of the table: see
   * KeyTriggers.serve. Absent: nobody can help.
   */
  readonly serveNested?: (table: TableInfo, mixed: boolean) => Promise<void> | null;
  /** Wall clock, milliseconds since 1970. The site guards it against leaps as it does the hybrid clock. */
  nowMs(): number;
  /** How long a client may wait for keys; default 20,000 ms. */
  readonly waitMs?: number;
  /** Keys of one lease, by the column's bits; see DEFAULT_LEASE_KEYS. */
  readonly leaseKeys?: Readonly<Record<number, bigint>>;
}

/** Where the marks are kept; KeyMarksFile is one. */
export interface KeyMarksStore {
  read(scope: number, incarnation: 'new' | 'known'): Promise<KeyMarks>;
  write(marks: KeyMarks): Promise<void>;
}

/** A memory card may keep a write waiting for many seconds, as it keeps the database's own. */
const WAIT_MS = 20_000;
const RETRY_MS = 1_000;
const LOCKED = 'the table is locked';

/** This site's keys: carries out what KeyLedger decides. */
export class SiteKeySource implements KeySource {
  private readonly ledger: KeyLedger;
  private readonly waitMs: number;

  private readonly running = new Map<string, Promise<void>>();
  private writing: Promise<void> | null = null;
  private explicitForeignKeys = 0;
  private nextWrite: { promise: Promise<void>; resolve: () => void } | null = null;

  private constructor(
    private readonly options: SiteKeySourceOptions,
    marks: KeyMarks,
  ) {
    this.waitMs = options.waitMs ?? WAIT_MS;
    const { leaseKeys } = options;
    this.ledger = new KeyLedger(marks, {
      waitMs: this.waitMs,
      retryMs: RETRY_MS,
      ...(leaseKeys === undefined ? {} : { leaseKeys }),
    });
  }

  /** Reads the marks and puts the next ones on disk. Throws KeyMarksError, or the disk's error. */
  static async open(options: SiteKeySourceOptions): Promise<SiteKeySource> {
    const marks = await options.store.read(options.scope, options.incarnation);
    const source = new SiteKeySource(options, marks);
    source.ledger.keepAhead(options.board.hybridMs());
    const ahead = source.ledger.marksToWrite();
    await options.store.write(ahead);
    source.ledger.marksWritten(ahead);
    return source;
  }

  reserve(table: TableInfo, demand: KeyDemand): KeyReservation {
    const { board, nowMs, serveNested } = this.options;
    const mixed = demand.kind === 'unknown' && demand.mixed === true;
    const serving = demand.nested === true || mixed ? (serveNested?.(table, mixed) ?? null) : null;
    if (serving !== null) return { kind: 'wait', ready: this.bounded(serving) };
    const answer = this.ledger.reserve(table, demand, {
      nowMs: nowMs(),
      hybridMs: board.hybridMs(),
      floor: board.floor(table.schema, table.table),
    });
    for (const task of this.ledger.takeTasks()) this.run(task, table);
    const written = this.ledger.dirty ? this.writeSoon() : null;
    switch (answer.kind) {
      case 'keys':
        // Most runs: of known length, and given for good.
        if (answer.settle === undefined) return { kind: 'keys', first: answer.first, settle: settleNothing };
        return { ...answer, settle: answer.settle };
      case 'refused':
        return answer;
      case 'locked':
        return { ...answer, table };
      case 'wait':
        return { kind: 'wait', ready: this.bounded(this.readyFor(answer, written)) };
    }
  }

  largestIs({ schema, table }: TableInfo, search: LargestSearch, largest: bigint): void {
    this.ledger.searchDone(schema, table, search, largest === 0n ? null : largest);
  }

  sawExplicitKey(table: TableInfo, key: bigint): void {
    const column = table.autoIncrement;
    if (column === null) return;
    const own =
      column.bits === 64
        ? keyOwner(64, key) === this.options.scope
        : this.ledger.ownsLeased(table.schema, table.table, key);
    if (!own) this.explicitForeignKeys += 1;
  }

  /** Keys outside this site's ranges: supplied by clients, or found by capture in inserts that bypassed the proxy. */
  foreignKeys(): bigint {
    return BigInt(this.explicitForeignKeys) + this.options.board.foreignKeys();
  }

  /** Keys left in the leased blocks of narrow tables. */
  remaining(): { schema: string; table: string; keys: bigint }[] {
    return this.ledger.remaining();
  }

  /** After DDL: any table may be replaced by another. */
  forget(): void {
    this.ledger.forget();
  }

  /** Keeps the mark of all tables ahead while there are no inserts; to be called about once a minute. */
  keepAhead(): void {
    this.ledger.keepAhead(this.options.board.hybridMs());
    if (this.ledger.dirty) void this.writeSoon();
  }

  /** Issues no more keys and writes the marks down to what was used. Statements may still be settled, to no effect. */
  async close(): Promise<void> {
    const marks = this.ledger.close();
    while (this.writing !== null) await this.writing;
    await this.options.store.write(marks);
  }

  private readyFor(answer: LedgerAnswer & { kind: 'wait' }, written: Promise<void> | null): Promise<void> {
    if (answer.for === 'marks') return written ?? this.writing ?? Promise.resolve();
    const all = [...this.running].filter(([name]) => name.endsWith(answer.id)).map(([, running]) => running);
    return Promise.all(all).then(() => undefined);
  }

  private run(task: LedgerTask, table: TableInfo): void {
    const name = `${task.kind === 'read' ? task.part : task.kind} ${task.id}`;
    const running = this.perform(task, table)
      .catch((error: unknown) => {
        const reason = error instanceof Error ? error.message : String(error);
        this.ledger.askFailed(task, reason, this.options.nowMs());
      })
      .finally(() => this.running.delete(name));
    this.running.set(name, running);
  }

  private async perform(task: LedgerTask, table: TableInfo): Promise<void> {
    if (task.kind === 'read') {
      const largest = await this.options.largestKey(table, task.range);
      if (largest !== 'locked') this.ledger.readDone(task, largest);
      else this.ledger.askFailed(task, LOCKED, this.options.nowMs(), true);
      return;
    }
    const found = await this.options.largestKey(table, narrowRange(task.table.bits, task.table.unsigned));
    const currentMax = found === 'locked' ? this.ledger.knownLargest(task.id) : (found ?? 0n);
    if (currentMax === null) return this.ledger.askFailed(task, LOCKED, this.options.nowMs());
    const lease = await this.options.leases.lease({ ...task.table, currentMax, size: task.size });
    if ('refused' in lease) this.ledger.askFailed(task, lease.refused, this.options.nowMs());
    else this.ledger.leaseDone(task, lease);
  }

  /** Resolves when a write that begins after this call has ended, well or not. */
  private writeSoon(): Promise<void> {
    if (this.nextWrite === null) {
      let resolve = (): void => undefined;
      const promise = new Promise<void>((done) => (resolve = done));
      this.nextWrite = { promise, resolve };
    }
    const { promise } = this.nextWrite;
    this.writing ??= this.writeAll();
    return promise;
  }

  private async writeAll(): Promise<void> {
    while (this.nextWrite !== null) {
      const { resolve } = this.nextWrite;
      this.nextWrite = null;
      const marks = this.ledger.marksToWrite();
      try {
        await this.options.store.write(marks);
        this.ledger.marksWritten(marks);
      } catch (error) {
        this.ledger.marksFailed(error instanceof Error ? error.message : String(error), this.options.nowMs());
      }
      resolve();
    }
    // In the same step as the last look at nextWrite, so that no call falls between.
    this.writing = null;
  }

  private async bounded(promise: Promise<void>): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const timeout = new Promise<void>((resolve) => (timer = setTimeout(resolve, this.waitMs)));
    await Promise.race([promise, timeout]);
    clearTimeout(timer);
  }
}

function settleNothing(): void {
  // A run of known length is never given back.
}
