import { type RowPlan, type RowWrite, type WaitingReason, planRow, withForeignKeyChecks } from '../apply/apply-plan';
import { DUPLICATE_KEY, databaseFailure, isForeignKeyError, isMissingRow } from '../apply/database-error';
import type { FindLocalTable } from '../apply/local-table';
import type { DecidedChangeSet, MergeWindow } from '../apply/merge-window';
import { displaced } from '../apply/placeholder';
import type { RowKey } from '../change-set';
import type { RowTarget } from '../merge/operation';
import type { WaitingRow } from './bookkeeping';
import type { RowStore } from './row-store';

/**
 * - quick: what is not folded is written as its operation says; the database stops us where rows differ
 * - careful: every row is looked up first
 * - row by row: and written alone; a row that still fails is left waiting
 */
export type Care = 'quick' | 'careful' | 'row by row';

/** Turns the targets of one transaction into row events. */
export class TargetWriter {
  /** Rows that could not be brought to their target. */
  readonly waiting: WaitingRow[] = [];
  /** Rows that stand as the window has them now. */
  readonly mended: RowKey[] = [];
  private pending: RowWrite[] = [];

  constructor(
    private readonly store: RowStore,
    private readonly window: MergeWindow,
    private readonly find: FindLocalTable,
    private readonly care: Care,
    private readonly onWrite: (write: RowWrite) => void,
  ) {}

  async changeSet({ changeSet, decision }: DecidedChangeSet): Promise<void> {
    if (this.care !== 'quick' || decision.folded) {
      await this.bring(decision.targets);
      return;
    }
    const kinds = new Map(changeSet.rows.map((row) => [row.key, row.kind]));
    for (const target of decision.targets) this.take(target, kinds.get(target.key) !== 'insert');
  }

  /** Brings rows to what the window says of them now. */
  async mend(keys: readonly RowKey[]): Promise<void> {
    const targets = keys.map((key) => this.window.merged(key)).filter((target) => target !== null);
    const waitingBefore = this.waiting.length;
    await this.bring(targets);
    const left = new Set(this.waiting.slice(waitingBefore).map(({ key }) => key));
    for (const { key } of targets) if (!left.has(key)) this.mended.push(key);
  }

  /** Queues what is pending; the store sends it. */
  finish(): void {
    if (this.pending.length > 0) this.store.addRows(this.pending);
    this.pending = [];
  }

  private async bring(targets: readonly RowTarget[]): Promise<void> {
    this.finish();
    await this.store.flush();
    const placed = targets.filter((target) => this.hasPlace(target));
    const found = await this.store.exist(placed);
    const exists = new Map(placed.map((target, i) => [target.key, found[i] === true]));
    if (this.care === 'row by row') {
      await this.writeAlone(targets, exists);
    } else {
      for (const target of targets) this.take(target, exists.get(target.key) === true);
    }
  }

  private take(target: RowTarget, exists: boolean): void {
    const write = this.plan(target, exists);
    if (write !== null) this.pending.push(write);
  }

  /**
   * A unique value may first have to leave another row: what meets a duplicate comes again after the others. When that
   * moves nothing, values are exchanged in a circle, and are put out of the way once.
   */
  private async writeAlone(targets: readonly RowTarget[], exists: ReadonlyMap<RowKey, boolean>): Promise<void> {
    let open = targets
      .map((target) => ({ target, write: this.plan(target, exists.get(target.key) === true) }))
      .flatMap(({ target, write }) => (write === null ? [] : [{ target, write }]));
    let circleBroken = false;
    while (open.length > 0) {
      const duplicates: typeof open = [];
      for (const one of open) {
        const errno = await this.tryWrite(one.write);
        if (errno === DUPLICATE_KEY) duplicates.push(one);
        else if (errno !== null) this.leave(one.target, `error ${errno}`);
      }
      if (duplicates.length === open.length) {
        if (circleBroken) {
          for (const { target } of duplicates) this.leave(target, `error ${DUPLICATE_KEY}`);
          return;
        }
        circleBroken = true;
        for (const [number, { write }] of duplicates.entries()) {
          const away = displaced(write, number);
          if (away !== null) await this.tryWrite(away);
        }
      }
      open = duplicates;
    }
  }

  /** The error number with which the row does not fit, or null: written. */
  private async tryWrite(write: RowWrite): Promise<number | null> {
    const errno = await this.writeOnce(write);
    if (errno === null || (write.change === 'delete' && isMissingRow(errno))) return null;
    if (!isForeignKeyError(errno) || !write.foreignKeyChecks) return errno;
    return this.writeOnce(withForeignKeyChecks(write, false));
  }

  private async writeOnce(write: RowWrite): Promise<number | null> {
    this.store.addRows([write]);
    try {
      await this.store.flush();
      return null;
    } catch (error) {
      const failure = databaseFailure(error);
      if (failure.kind !== 'row') throw error;
      return failure.errno;
    }
  }

  private plan(target: RowTarget, exists: boolean): RowWrite | null {
    const table = this.find(target.table);
    let plan: RowPlan = planRow(target, table, exists);
    if (plan.kind === 'incomplete') {
      const whole = this.window.merged(target.key);
      plan = whole === null ? plan : planRow(whole, table, false);
    }
    switch (plan.kind) {
      case 'nothing':
        return null;
      case 'waiting':
        this.leave(target, plan.reason);
        return null;
      case 'incomplete':
        this.leave(target, 'no row');
        return null;
      case 'write':
        if (plan.waiting !== null) this.leave(target, plan.waiting);
        this.onWrite(plan.write);
        return plan.write;
      default:
        return plan satisfies never;
    }
  }

  private hasPlace(target: RowTarget): boolean {
    const table = this.find(target.table);
    return table !== null && target.primaryKey.every(({ def }) => table.primaryKey.includes(def.name));
  }

  private leave({ table, key }: RowTarget, reason: WaitingReason): void {
    this.waiting.push({ schema: table.schema, table: table.table, key, reason });
  }
}
