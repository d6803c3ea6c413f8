import { CaptureError } from '../capture/capture-error';
import {
  type CaptureState,
  type SpooledHead,
  forked,
  isRepeat,
  lastTransaction,
  passed,
  spooledHeadFor,
  stamped,
  transactionDigest,
  withApplied,
} from '../capture/capture-state';
import {
  type NetTransaction,
  type ViewedTransaction,
  buildTransaction,
  replicates,
  viewTransaction,
  weightsNeeded,
} from '../capture/change-set-builder';
import { type Gtid, advance, parseGtid } from '../capture/gtid-position';
import { TableViews } from '../capture/table-view';
import { statementAlarm } from '../capture/statement-alarms';
import type { WeightRequest, Weights } from '../capture/text-weight';
import type { AppliedMark, LoggedTransaction } from '../capture/transaction-assembler';
import type { ChangeSet } from '../change-set';
import type { CaptureListeners } from './capture-listeners';
import type { CaptureOptions } from './capture-options';
import type { DatabaseConnection } from './database-connection';
import type { OwnStream } from './own-stream';
import type { SchemaReader } from './schema-reader';
import type { WeightStrings } from './weight-strings';

/** What became of a transaction in the own stream: its change set, if it has one, and the same if it was made just now. */
interface Taken {
  readonly head: SpooledHead | null;
  readonly made: { readonly changeSet: ChangeSet; readonly record: Buffer } | null;
}

const nothingSpooled: Taken = { head: null, made: null };

/** A transaction that was not taken before. */
interface Fresh {
  readonly transaction: LoggedTransaction;
  readonly gtid: Gtid;
}

export interface TransactionLineParts {
  readonly options: CaptureOptions;
  readonly stream: OwnStream;
  readonly schemas: SchemaReader;
  readonly weights: WeightStrings;
  readonly listeners: CaptureListeners;
  /** Called when the position has moved. */
  readonly onTaken: () => void;
}

/** Takes the log's transactions one by one, in its order, and makes change sets of the local ones. */
export class TransactionLine {
  private readonly keyless = new Set<string>();
  private readonly skipped: ReadonlySet<string>;
  private readonly views: TableViews;

  constructor(
    /** Changed only here, after all that a transaction causes was done. */
    public state: CaptureState,
    /** Records of the own stream that the log will show again. */
    private replay: readonly SpooledHead[],
    private readonly parts: TransactionLineParts,
  ) {
    this.skipped = new Set(parts.options.skipGtids);
    this.views = new TableViews(parts.options.rules);
  }

  /** Resolves when all are taken and durable. On rejection `state` tells how far it came. */
  async take(connection: DatabaseConnection, transactions: readonly LoggedTransaction[]): Promise<void> {
    const fresh = this.freshOf(transactions);
    // A schema change parts what is keyed by the indexes before it from what comes after.
    let start = 0;
    for (let index = 0; index < fresh.length; index++) {
      if (!changesSchema((fresh[index] as Fresh).transaction)) continue;
      await this.takeGroup(connection, fresh.slice(start, index));
      this.parts.schemas.forget();
      start = index;
    }
    await this.takeGroup(connection, fresh.slice(start));
  }

  /** Throws when the log shows another transaction under the GTID that was read last. */
  private freshOf(transactions: readonly LoggedTransaction[]): Fresh[] {
    const { last } = this.state;
    const fresh: Fresh[] = [];
    for (const transaction of transactions) {
      if (last !== null && last.gtid === transaction.gtid && last.digest !== transactionDigest(transaction)) {
        throw forked(transaction.gtid);
      }
      const gtid = parseGtid(transaction.gtid);
      if (!isRepeat(this.state, gtid)) fresh.push({ transaction, gtid });
    }
    return fresh;
  }

  private async takeGroup(connection: DatabaseConnection, group: readonly Fresh[]): Promise<void> {
    if (group.length === 0) return;
    const views = await this.viewAll(connection, group);
    const weights = await this.weigh(connection, views);
    const marks: AppliedMark[] = [];
    let taken = 0;
    try {
      for (const { transaction } of group) {
        const { head, made } = this.takeOne(transaction, views[taken] ?? null, weights);
        const told = made === null ? null : this.tellLocal(made);
        if (told !== null) await told;
        if (head !== null) this.state = passed(this.state, head);
        for (const mark of transaction.applied) marks.push(mark);
        taken++;
      }
    } finally {
      this.movePast(group.slice(0, taken));
    }
    const spooled = await this.parts.stream.flush(this.state);
    const { listeners } = this.parts;
    if (spooled !== null) for (const listener of listeners.spooled) listener(spooled);
    // Only now: an acknowledgement names the local change sets before it, which must be safe here.
    for (const { incarnation, seq } of marks) for (const listener of listeners.appliedSeen) listener(incarnation, seq);
  }

  /** Once for all of a group: a position is a map, and nobody looks at it between two transactions. */
  private movePast(taken: readonly Fresh[]): void {
    const newest = taken.at(-1);
    if (newest === undefined) return;
    const before = advance(this.state.position, taken.slice(0, -1));
    const last = lastTransaction(before, newest.transaction);
    this.state = { ...this.state, position: advance(before, [newest]), last };
    this.parts.onTaken();
  }

  private takeOne(transaction: LoggedTransaction, view: ViewedTransaction | null, weights: Weights): Taken {
    const { options } = this.parts;
    if (this.skipped.has(transaction.gtid)) {
      options.log.warn({ gtid: transaction.gtid }, 'capture: passed over a transaction, as configured');
      return nothingSpooled;
    }
    if (transaction.statements.length > 0) this.tellStatements(transaction);
    if (transaction.applied.length > 0) {
      this.state = withApplied(this.state, transaction.applied);
      return nothingSpooled;
    }
    // The rules may have changed: what the spool holds was judged when it was first read, and is not judged again.
    if (this.replay.length > 0) return { head: this.takeReplayed(transaction), made: null };
    return view === null ? nothingSpooled : this.takeLocal(transaction, view, weights);
  }

  private takeReplayed(transaction: LoggedTransaction): SpooledHead | null {
    const head = spooledHeadFor(transaction, this.replay);
    if (head !== null) this.replay = this.replay.slice(1);
    return head;
  }

  private takeLocal(transaction: LoggedTransaction, view: ViewedTransaction, weights: Weights): Taken {
    const { options, stream } = this.parts;
    const net = buildTransaction(view, { collationOf: this.parts.weights.collationOf, weights });
    if (net === null) return nothingSpooled;
    const changeSet = stamped(this.state, transaction, net, {
      origin: options.incarnation,
      site: options.site,
      previousHash: stream.previousHash,
      wallMs: (options.wallMs ?? Date.now)(),
    });
    const record = stream.add(changeSet);
    try {
      this.tellForeignKeys(net);
    } catch (error) {
      throw notFollowed(transaction.gtid, error);
    }
    return { head: changeSet, made: { changeSet, record } };
  }

  /** Null: all have taken it. */
  private tellLocal({ changeSet, record }: NonNullable<Taken['made']>): Promise<unknown> | null {
    let open: Promise<void>[] | null = null;
    const failed = (error: unknown): never => {
      throw notFollowed(`${changeSet.origin}:${changeSet.seq}`, error);
    };
    try {
      for (const listener of this.parts.listeners.local) {
        const told = listener(changeSet, record);
        if (told !== undefined) (open ??= []).push(told);
      }
    } catch (error) {
      failed(error);
    }
    return open === null ? null : Promise.all(open).catch(failed);
  }

  private async viewAll(
    connection: DatabaseConnection,
    group: readonly Fresh[],
  ): Promise<(ViewedTransaction | null)[]> {
    const { options, schemas } = this.parts;
    const views: (ViewedTransaction | null)[] = [];
    for (const { transaction } of group) {
      const { rows, applied, gtid } = transaction;
      if (applied.length > 0 || this.skipped.has(gtid) || !rows.some((event) => replicates(event, options.rules))) {
        views.push(null);
        continue;
      }
      for (const event of rows) {
        const { schema, table } = event.table;
        if (schemas.find(schema, table) !== null || !replicates(event, options.rules)) continue;
        await schemas.load(connection, schema, table);
      }
      const view = named(gtid, () => viewTransaction(transaction, options.rules, schemas.find, this.views));
      for (const alarm of view.alarms) {
        if (!this.keyless.has(alarm.message)) options.alarm(alarm);
        this.keyless.add(alarm.message);
      }
      views.push(view);
    }
    return views;
  }

  private weigh(connection: DatabaseConnection, views: readonly (ViewedTransaction | null)[]): Promise<Weights> {
    const { weights } = this.parts;
    const requests = function* (): Generator<WeightRequest> {
      for (const view of views) if (view?.textKeys === true) yield* weightsNeeded(view, weights.collationOf);
    };
    return weights.weigh(connection, requests());
  }

  private tellStatements(transaction: LoggedTransaction): void {
    const { options, listeners } = this.parts;
    for (const statement of transaction.statements) {
      // An XA COMMIT whose rows are here lacks nothing.
      if (statement.kind === 'xa' && transaction.rows.length > 0) continue;
      if (statement.kind === 'account') options.board.settingsChanged();
      // Its rows are not in the log.
      if (statement.kind === 'data') options.board.flushAll();
      const alarm = statementAlarm(statement, transaction.gtid, options.rules);
      if (alarm !== null) options.alarm(alarm);
      if (statement.kind !== 'schema' && statement.kind !== 'truncate') continue;
      options.board.flushAll();
      for (const listener of listeners.schemaChange) listener(statement.schema, statement.sql);
    }
  }

  private tellForeignKeys({ generatedKeys }: NetTransaction): void {
    const { keys, isOwnKey } = this.parts.options;
    for (const { schema, table, bits, key } of generatedKeys) {
      if (!isOwnKey(bits, key, schema, table)) keys.sawForeignKey(schema, table, key);
    }
  }
}

/** An operator has to know which transaction it is. */
function named<Result>(gtid: string, view: () => Result): Result {
  try {
    return view();
  } catch (error) {
    if (!(error instanceof CaptureError)) throw error;
    throw new CaptureError(error.code, `${gtid}: ${error.message}`, { cause: error });
  }
}

export function changesSchema({ statements }: LoggedTransaction): boolean {
  return statements.some(({ kind }) => kind === 'schema');
}

/** The record is in the stream, so to read the transaction again would give it to the other sites twice. */
function notFollowed(what: string, cause: unknown): CaptureError {
  return new CaptureError(
    'DUARA_CAPTURE_NOT_FOLLOWED',
    `change set of ${what} was captured, but this site failed to take it into account (${String(cause)}). Restart Duara: it ` +
      'is then read from the log anew. If that does not help, report it with this message',
    { cause },
  );
}

/** Errors after which reading the same log again cannot help. */
export function isFinal(error: unknown): error is Error {
  if (error instanceof CaptureError) return true;
  const { code } = error as { code?: string };
  return (
    code === 'DUARA_BINLOG_FORMAT' ||
    code === 'DUARA_BINLOG_UNSUPPORTED_EVENT' ||
    code === 'DUARA_BINLOG_ROW_METADATA' ||
    code === 'DUARA_BINLOG_UNSUPPORTED_COLUMN'
  );
}
