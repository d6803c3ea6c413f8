import type { ChangeSet, Incarnation, RowKey } from '../change-set';
import { conflictsBeyond } from './conflict';
import { fold } from './fold';
import type { FoldResult } from './fold';
import { foldRules as productionRules } from './fold-rules';
import type { FoldRules } from './fold-rules';
import type { MergeDecision, Operation, RowTarget } from './operation';
import { type RecordedChangeSet, RecordMemory, operationsOf } from './recorded-change-set';
import { SeqSet } from './seq-set';
import { orderByUniques } from './target-order';
import { differenceOf, effectOf, movesBetween, movesOf, rowsInOrder, targetOf, withoutLocal } from './targets';
import type { LocalRules } from './targets';
import { uniqueKeysOf, WindowIndex } from './window-index';
import type { ColumnRules } from './write-columns';

export type MergeRules = ColumnRules & LocalRules;

const asItStands: MergeDecision = { targets: [], conflictsAdded: [], conflictsRemoved: [], folded: false };

/**
 * The change sets that cannot be retired yet, and what they make of the rows they touch. The database's rows always
 * equal the fold of the window: a local change set is in it because the log says so, a received one because the decision
 * it got here was carried out.
 */
export class RetentionWindow {
  private readonly index = new WindowIndex();
  /** In the order of adding: what undo() goes back through. */
  private readonly added: (ChangeSet | RecordedChangeSet)[] = [];
  private readonly seqs = new Map<Incarnation, SeqSet>();
  private readonly memory = new RecordMemory();
  private operationCount = 0;

  /** `foldRules`: only tests give others than the production rules. */
  constructor(
    private readonly rules: MergeRules,
    private readonly foldRules: FoldRules = productionRules,
  ) {}

  /**
   * A local change set, read from the log: causally after everything in the window, and in the database already. With its
   * record, which is copied, it takes a tenth of the memory.
   */
  addLocal(changeSet: ChangeSet, record?: Uint8Array): void {
    if (record === undefined) this.add(changeSet);
    else this.addRecord(changeSet, record);
  }

  /** As `decide`, for a change set that was committed here: where nothing was folded there are no targets. */
  takeLocal(changeSet: ChangeSet, record?: Uint8Array): MergeDecision {
    if (!this.index.isAfterGroup(changeSet)) return this.decide(changeSet);
    this.addLocal(changeSet, record);
    return asItStands;
  }

  /** Adds a received change set, whose causes are all applied, and says what it changes here. */
  decide(changeSet: ChangeSet): MergeDecision {
    if (this.index.isAfterGroup(changeSet)) {
      const operations = this.add(changeSet);
      const effects = orderByUniques(operations.map(effectOf), movesOf(changeSet));
      const targets = withoutLocal(effects, this.rules);
      return { targets, conflictsAdded: [], conflictsRemoved: [], folded: false };
    }
    const own = new Set(this.add(changeSet));
    const group = this.groupAround(changeSet);
    const before = this.foldOf(group, (operation) => !own.has(operation));
    const after = this.foldOf(group);
    return { ...this.difference(changeSet, before, after), folded: true };
  }

  /** Takes back a change set, the most recently added when none is named: its decision was not carried out. */
  undo(changeSet: ChangeSet | RecordedChangeSet | undefined = this.added.at(-1)): void {
    const at = changeSet === undefined ? -1 : this.added.lastIndexOf(changeSet);
    if (changeSet === undefined || at < 0) throw new Error('the change set to undo is not in the window');
    this.added.splice(at, 1);
    const changes = 'rows' in changeSet ? changeSet.rows : changeSet.operationsInOrder().map(({ change }) => change);
    for (const change of changes) this.index.remove(change);
    this.operationCount -= changes.length;
    this.seqs.get(changeSet.origin)!.delete(Number(changeSet.seq));
  }

  /**
   * True when the other change set touches a row or a unique value of this one's merge group: a decision made without
   * the other may then be wrong. `other` need not be in the window.
   */
  touches(changeSet: ChangeSet, other: ChangeSet): boolean {
    const theirs = this.groupAround(other);
    for (const key of this.groupAround(changeSet)) if (theirs.has(key)) return true;
    const uniques = new Set(changeSet.rows.flatMap(uniqueKeysOf));
    return other.rows.some((change) => uniqueKeysOf(change).some((key) => uniques.has(key)));
  }

  /** The row as the window's operations make it; null when none touches it. */
  merged(key: RowKey): RowTarget | null {
    if (this.index.operationsOf(key).length === 0) return null;
    const { rows } = this.foldOf(this.index.groupRows([key], []));
    return withoutLocal([targetOf(rows.get(key)!)], this.rules)[0] ?? null;
  }

  contains(origin: Incarnation, seq: bigint): boolean {
    return this.seqs.get(origin)?.has(Number(seq)) ?? false;
  }

  size(): { readonly changeSets: number; readonly operations: number } {
    return { changeSets: this.added.length, operations: this.operationCount };
  }

  private add(changeSet: ChangeSet): readonly Operation[] {
    this.note(changeSet, changeSet);
    const operations = operationsOf(changeSet);
    for (const operation of operations) this.index.add(operation, operation.change);
    return operations;
  }

  private addRecord(changeSet: ChangeSet, record: Uint8Array): void {
    const kept = this.memory.keep(changeSet, record);
    this.note(changeSet, kept);
    const { rows } = changeSet;
    const [only] = rows;
    if (only !== undefined && rows.length === 1) this.index.add(kept, only);
    else for (const [row, change] of rows.entries()) this.index.add({ changeSet: kept, key: change.key, row }, change);
  }

  private note({ origin, seq, rows }: ChangeSet, kept: ChangeSet | RecordedChangeSet): void {
    let seqs = this.seqs.get(origin);
    if (seqs === undefined) this.seqs.set(origin, (seqs = new SeqSet()));
    if (!seqs.add(Number(seq))) throw new Error(`change set ${origin}:${seq} is in the window already`);
    this.operationCount += rows.length;
    this.added.push(kept);
  }

  private groupAround({ rows }: ChangeSet): Set<RowKey> {
    return this.index.groupRows(
      rows.map((change) => change.key),
      rows.flatMap(uniqueKeysOf),
    );
  }

  private foldOf(group: ReadonlySet<RowKey>, takesEffect?: (operation: Operation) => boolean): FoldResult {
    const operations = [...group].flatMap((key) => this.index.operationsOf(key));
    const { rules, foldRules } = this;
    return fold({ operations, rules, foldRules, ...(takesEffect === undefined ? {} : { takesEffect }) });
  }

  private difference(changeSet: ChangeSet, before: FoldResult, after: FoldResult): Omit<MergeDecision, 'folded'> {
    const targets: RowTarget[] = [];
    for (const key of rowsInOrder(changeSet, after.rows.keys())) {
      const target = differenceOf(before.rows.get(key)!, after.rows.get(key)!);
      if (target !== null) targets.push(target);
    }
    return {
      targets: withoutLocal(orderByUniques(targets, movesBetween(before.rows, after.rows)), this.rules),
      conflictsAdded: conflictsBeyond(after.losses, before.losses),
      conflictsRemoved: conflictsBeyond(before.losses, after.losses),
    };
  }
}
