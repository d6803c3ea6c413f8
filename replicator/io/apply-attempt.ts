import { type GtidPosition, formatPosition, parsePosition, reaches } from '../capture/gtid-position';
import type { RowWrite } from '../apply/apply-plan';
import { databaseFailure, isDatabaseError } from '../apply/database-error';
import { keyToRaise } from '../apply/generated-key';
import type { TableName } from '../apply/local-table';
import { type DecidedChangeSet, Footprint, type MergeWindow } from '../apply/merge-window';
import type { ChangeSet, RowKey } from '../change-set';
import { conflictRecord } from '../conflict-record';
import type { Conflict } from '../merge/operation';
import type { CapturePosition, KeyBoard, WriteBoard } from '../ports';
import { type AppliedPosition, MEND_SQL, type WaitingRow, appliedSql, conflictsSql, waitingSql } from './bookkeeping';
import type { ArrivalsSince, LocalWatch } from './local-watch';
import { RaisedRows } from './raised-rows';
import type { RowStore } from './row-store';
import type { TableCatalog } from './table-catalog';
import { type Care, TargetWriter } from './target-writer';

/** What the applier may know of capture. */
export interface CaptureView {
  position(): CapturePosition;
  /** Resolves once capture has processed the log up to this GTID position. */
  reached(gtid: string): Promise<void>;
}

export interface AttemptContext {
  readonly store: RowStore;
  readonly window: MergeWindow;
  readonly capture: CaptureView;
  readonly catalog: TableCatalog;
  readonly locals: LocalWatch;
  readonly writeBoard: WriteBoard;
  readonly keyBoard: KeyBoard;
  readonly known: LogKnowledge;
}

/** Conflicts that came into being or went away without a change set of their own, and rows to bring to their merged state. */
export interface Mends {
  readonly rows: readonly RowKey[];
  readonly conflictsAdded: readonly Conflict[];
  readonly conflictsRemoved: readonly Conflict[];
}

export interface ApplyWork {
  readonly changeSets: readonly ChangeSet[];
  readonly mends: Mends;
}

export type AttemptOutcome =
  | {
      readonly kind: 'committed';
      readonly waiting: readonly WaitingRow[];
      readonly mended: readonly RowKey[];
    }
  /** A local transaction or DDL came between decision and locks: decide again. */
  | { readonly kind: 'raced' }
  | { readonly kind: 'row'; readonly errno: number }
  | { readonly kind: 'busy'; readonly errno: number }
  | { readonly kind: 'privilege'; readonly error: Error }
  /** `indefinite`: COMMIT was under way: `duara.applied` knows. The window still holds the change sets then. */
  | { readonly kind: 'lost'; readonly indefinite: boolean };

/** The last position that is all ours or read by capture: own commits are known before capture reads them. */
export class LogKnowledge {
  private own: GtidPosition = new Map();

  constructor(private readonly capture: CaptureView) {}

  covers(position: GtidPosition): boolean {
    return reaches(parsePosition(this.capture.position().gtid), position) || reaches(this.own, position);
  }

  /** Our commit got `gtid` when all up to `before` was known. */
  committed(before: GtidPosition, gtid: GtidPosition): void {
    const after = new Map(before);
    for (const [domain, last] of gtid) {
      // A gap: somebody committed between our look at the log and our commit.
      if (last.sequence !== (before.get(domain)?.sequence ?? 0n) + 1n) return;
      after.set(domain, last);
    }
    this.own = after;
  }
}

/** How long to hold row locks while capture catches up. */
const REACH_WAIT_MS = 5_000;
/** Stands for "capture did not reach the log's end in time" where an error number is wanted. */
const NOT_REACHED = 0;

class NotReachedError extends Error {}

/** Rounds of deciding again with the locks held, for work so small that local writers hardly wait; other work lets go first. */
const ROUNDS_MAX = 8;
const SMALL_WORK = 4;

/**
 * One database transaction that applies the work, by optimistic validation: decide from the window; write, which takes the
 * row locks; then see that no local transaction committed since the decision that the window did not know, or else undo
 * to the savepoint, which keeps the locks, and decide again. From there on the locks keep the decision true until COMMIT.
 */
export async function attempt(context: AttemptContext, work: ApplyWork, care: Care): Promise<AttemptOutcome> {
  const { store } = context;
  const transaction = new Transaction(context, work, care);
  let outcome: AttemptOutcome;
  try {
    outcome = await transaction.run();
  } catch (error) {
    outcome = outcomeOf(error, transaction.committing);
  } finally {
    transaction.lowerBoards();
  }
  if (outcome.kind !== 'committed' && outcome.kind !== 'lost') await store.rollback();
  transaction.end(outcome.kind === 'committed' || (outcome.kind === 'lost' && outcome.indefinite));
  return outcome;
}

function outcomeOf(error: unknown, committing: boolean): AttemptOutcome {
  if (error instanceof NotReachedError) return { kind: 'busy', errno: NOT_REACHED };
  if (!isDatabaseError(error)) throw error;
  const failure = databaseFailure(error);
  switch (failure.kind) {
    case 'row':
    case 'busy':
      return failure;
    case 'privilege':
      return { kind: 'privilege', error };
    case 'lost':
      return { kind: 'lost', indefinite: committing };
    default:
      return failure satisfies never;
  }
}

class Transaction {
  /** True from the sending of COMMIT on. */
  committing = false;
  private readonly raised: RaisedRows;
  private decided: DecidedChangeSet[] = [];
  private readonly arrivals: ArrivalsSince;

  constructor(
    private readonly context: AttemptContext,
    private readonly work: ApplyWork,
    private readonly care: Care,
  ) {
    this.arrivals = context.locals.begin();
    this.raised = new RaisedRows(context.writeBoard);
  }

  async run(): Promise<AttemptOutcome> {
    const { store, catalog, known } = this.context;
    const { generation } = catalog;
    // A row event leaves its time as the session's NOW().
    store.add('SET timestamp = DEFAULT');
    store.add('BEGIN');
    store.add('SAVEPOINT duara');
    const rounds = this.work.changeSets.length > SMALL_WORK ? 1 : ROUNDS_MAX;
    for (let round = 0; round < rounds; round++) {
      const writer = await this.write();
      const position = parsePosition(await store.logPosition());
      if (!known.covers(position)) await this.reach(position);
      if (catalog.generation !== generation) return { kind: 'raced' };
      if (!this.arrivals.some(this.meets())) return this.commit(writer, position);
      this.undo();
      store.add('ROLLBACK TO SAVEPOINT duara');
    }
    return { kind: 'raced' };
  }

  /** `stands`: the window keeps what was decided. */
  end(stands: boolean): void {
    if (stands) this.arrivals.settle(() => false);
    else this.undo();
    this.arrivals.end();
  }

  private async write(): Promise<TargetWriter> {
    const { store, window, catalog } = this.context;
    for (const changeSet of this.work.changeSets) {
      this.decided.push({ changeSet, decision: window.decide(changeSet) });
    }
    const find = await catalog.load(store.connection, this.tables());
    const writer = new TargetWriter(store, window, find, this.care, (write) => this.beforeWrite(write));
    this.addBooks();
    for (const one of this.decided) await writer.changeSet(one);
    if (this.work.mends.rows.length > 0) await writer.mend(this.work.mends.rows);
    writer.finish();
    for (const sql of waitingSql(writer.waiting, writer.mended)) store.add(sql);
    await store.flush();
    return writer;
  }

  private async commit(writer: TargetWriter, position: GtidPosition): Promise<AttemptOutcome> {
    const { store, known } = this.context;
    this.committing = true;
    known.committed(position, parsePosition(await store.commit()));
    return { kind: 'committed', waiting: writer.waiting, mended: writer.mended };
  }

  /** Whether a local change set touches what the decisions, which the window still holds, rest on. */
  private meets(): (local: ChangeSet) => boolean {
    const footprint = new Footprint(this.decided, this.work.mends.rows);
    const { window } = this.context;
    return (local) =>
      footprint.touchedBy(local) || this.decided.some(({ changeSet }) => window.touches(changeSet, local));
  }

  private undo(): void {
    const met = new Set<ChangeSet>();
    const meets = this.meets();
    for (const local of this.arrivals.all()) if (meets(local)) met.add(local);
    for (const { changeSet } of this.decided.toReversed()) this.context.window.undo(changeSet);
    this.decided = [];
    this.arrivals.settle((local) => met.has(local));
  }

  lowerBoards(): void {
    this.raised.lower();
  }

  private *tables(): Generator<TableName> {
    for (const { decision } of this.decided) for (const target of decision.targets) yield target.table;
    for (const key of this.work.mends.rows) {
      const target = this.context.window.merged(key);
      if (target !== null) yield target.table;
    }
  }

  private addBooks(): void {
    const { store, keyBoard } = this.context;
    const positions = new Map<number, AppliedPosition>();
    const conflicts = new Map<string, Conflict | null>();
    const note = (removed: readonly Conflict[], added: readonly Conflict[]): void => {
      for (const conflict of removed) conflicts.set(conflict.id, null);
      for (const conflict of added) conflicts.set(conflict.id, conflict);
    };
    for (const { changeSet, decision } of this.decided) {
      const { site, origin, seq, hlc } = changeSet;
      keyBoard.raiseClock(hlc);
      positions.set(origin, { site, incarnation: origin, seq, hlc });
      note(decision.conflictsRemoved, decision.conflictsAdded);
    }
    note(this.work.mends.conflictsRemoved, this.work.mends.conflictsAdded);
    store.add(positions.size > 0 ? appliedSql([...positions.values()]) : MEND_SQL);
    const removed = [...conflicts].filter(([, conflict]) => conflict === null).map(([id]) => id);
    const added = [...conflicts.values()].filter((conflict) => conflict !== null).map(conflictRecord);
    for (const sql of conflictsSql(added, removed)) store.add(sql);
  }

  /** The cache is told before the write can become visible, and the next generated key lies above this one. */
  private beforeWrite(write: RowWrite): void {
    const { keyBoard } = this.context;
    this.raised.row(write);
    if (write.change !== 'insert') for (const child of write.table.cascadesTo) this.raised.anyRows(child);
    const key = keyToRaise(write);
    if (key !== null) keyBoard.raiseFloor(write.table.schema, write.table.table, key);
  }

  private async reach(position: GtidPosition): Promise<void> {
    const { capture, store } = this.context;
    const gtid = formatPosition(position);
    let giveUp = (): void => undefined;
    const away = new Promise<never>((_, reject) => {
      const timer = setTimeout(() => reject(new NotReachedError()), REACH_WAIT_MS);
      const unsubscribe = store.connection.onLost(() => reject(new NotReachedError()));
      giveUp = () => {
        clearTimeout(timer);
        unsubscribe();
      };
    });
    try {
      await Promise.race([capture.reached(gtid), away]);
    } finally {
      giveUp();
    }
  }
}
