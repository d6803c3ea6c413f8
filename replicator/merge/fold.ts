import type { RowKey, UniqueKey } from '../change-set';
import { columnGroup } from './column-group';
import { ConflictSet } from './conflict';
import type { Losses } from './conflict';
import { concurrent } from './fold-rules';
import type { FoldRules, RowHistory } from './fold-rules';
import { imageColumns, isPrimaryKeyColumn, sameBytes } from './image';
import type { Operation } from './operation';
import { rowBefore } from './row-state';
import type { RowState } from './row-state';
import { claimUniques, yieldedColumns } from './unique-claims';
import type { Parked, Pending } from './unique-claims';
import { writeColumns } from './write-columns';
import type { ColumnRules } from './write-columns';

export interface FoldResult {
  readonly rows: ReadonlyMap<RowKey, RowState>;
  /** What lost (G7); `conflictsBeyond` makes conflicts of them. */
  readonly losses: Losses;
}

export interface FoldInput {
  /** A merge group: closed over row keys and unique values (SEMANTICS.md, "How merging works"). */
  readonly operations: readonly Operation[];
  readonly rules: ColumnRules;
  readonly foldRules: FoldRules;
  /** Take effect; the others only tell what the rows were before the window. All of them when absent. */
  readonly takesEffect?: (operation: Operation) => boolean;
}

/**
 * The state of a merge group, a function of the set of its operations: change set by change set in the total order, each
 * with the deletes first, then everything it gives up, then its claims, then its values.
 * What keeps a local operation simple: it comes last in the order and changes no earlier decision, so that the fold of
 * everything with it is the fold without it, and then the operation itself. A rule that would look ahead to causally
 * later operations breaks this, and with it the database's being the fold of the window.
 * (M4 belongs between deletes and claims; M5 replaces the row of a Pending before it claims.)
 */
export function fold({ operations, rules, foldRules, takesEffect }: FoldInput): FoldResult {
  const ordered = [...operations].sort((a, b) => foldRules.compare(a, b));
  const acting = takesEffect === undefined ? ordered : ordered.filter(takesEffect);
  const histories = historiesOf(acting);
  const rows = new Map<RowKey, RowState>();
  for (const [key, { operations: all }] of takesEffect === undefined ? histories : historiesOf(ordered)) {
    rows.set(key, { ...rowBefore(key, historyOf(all)), history: histories.get(key) ?? historyOf([]) });
  }
  const folding = new Folding(rows, rules, foldRules);
  for (let i = 0; i < acting.length;) {
    let end = i + 1;
    while (end < acting.length && acting[end]!.changeSet === acting[i]!.changeSet) end++;
    folding.step(acting.slice(i, end));
    i = end;
  }
  return { rows, losses: folding.conflicts.losses };
}

function historiesOf(ordered: readonly Operation[]): Map<RowKey, RowHistory> {
  const byRow = groupBy(ordered, ({ change }) => change.key);
  return new Map([...byRow].map(([key, ofRow]) => [key, historyOf(ofRow)]));
}

function historyOf(operations: readonly Operation[]): RowHistory {
  const deletes = operations.filter(({ change }) => change.kind === 'delete');
  const inserts = operations.filter(({ change }) => change.kind === 'insert');
  return { operations, byOrigin: groupBy(operations, ({ changeSet }) => changeSet.origin), deletes, inserts };
}

function groupBy<K, V>(values: readonly V[], keyOf: (value: V) => K): Map<K, V[]> {
  const groups = new Map<K, V[]>();
  for (const value of values) {
    const key = keyOf(value);
    const known = groups.get(key);
    if (known === undefined) groups.set(key, [value]);
    else known.push(value);
  }
  return groups;
}

class Folding {
  readonly conflicts = new ConflictSet();
  private readonly holders = new Map<UniqueKey, RowState>();

  constructor(
    private readonly rows: ReadonlyMap<RowKey, RowState>,
    private readonly rules: ColumnRules,
    private readonly foldRules: FoldRules,
  ) {
    for (const row of rows.values()) {
      for (const { key } of row.uniques.values()) if (key !== null) this.holders.set(key, row);
    }
  }

  /** The operations of one change set take effect. */
  step(operations: readonly Operation[]): void {
    const pending: Pending[] = [];
    for (const operation of operations) {
      const row = this.rows.get(operation.change.key)!;
      if (operation.change.kind === 'delete') this.remove(row, operation);
      else if (this.lives(row, operation)) pending.push({ operation, row });
    }
    const yielded = new Map(pending.map((one) => [one.operation, this.yielded(one)]));
    const parked = claimUniques(pending, this.holders, {
      withGroups: (operation, columns) => this.withGroups(operation, columns),
      blocks: (holder, claim) => this.foldRules.blocks(holder, claim),
    });
    for (const one of pending) {
      const gaveWay = this.giveWay(one, yielded.get(one.operation)!);
      this.write(one, parked.get(one.operation), gaveWay);
    }
  }

  /** With a column its group gives way: it could not stand beside the others. */
  private yielded(pending: Pending): ReadonlyMap<string, Operation> {
    const yielded = new Map(yieldedColumns(pending));
    const { table } = pending.operation;
    for (const [name, to] of [...yielded]) {
      if (table.columns.find((column) => column.name === name)?.computed !== true) continue;
      for (const member of columnGroup(this.rules, table, name)) if (!yielded.has(member)) yielded.set(member, to);
    }
    return yielded;
  }

  /** A delete takes the row away; what it did not see and what was written again in vain is kept as lost (M3). */
  private remove(row: RowState, operation: Operation): void {
    if (row.present) {
      for (const { writer } of row.cells.values()) {
        if (writer !== null && concurrent(writer, operation)) {
          this.conflicts.add({ rule: 'M3', lost: writer, kept: operation, columns: null });
        }
      }
    }
    for (const { key } of row.uniques.values()) if (key !== null) this.holders.delete(key);
    row.uniques.clear();
    row.cells.clear();
    row.present = false;
    row.complete = false;
    row.absence = { kind: 'deleted', by: operation };
  }

  private lives(row: RowState, operation: Operation): boolean {
    const kept = this.foldRules.lostToDelete(operation, row.history);
    if (kept !== null) {
      this.conflicts.add({ rule: 'M3', lost: operation, kept, columns: null });
      return false;
    }
    if (operation.change.kind === 'insert' || row.present) return true;
    this.lostWithRow(row, operation);
    return false;
  }

  /** An update of a row that is not there: it shares the fate of what took the row away. */
  private lostWithRow({ absence }: RowState, lost: Operation): void {
    switch (absence.kind) {
      case 'parked':
        return this.conflicts.add({ rule: 'M9', lost, kept: absence.holder, columns: null });
      case 'deleted':
        return this.conflicts.add({ rule: 'M3', lost, kept: absence.by, columns: null });
      case 'never':
        return this.conflicts.add({ rule: 'M3', lost, kept: null, columns: null });
    }
  }

  /** The columns that keep their values, whose other values are kept as lost (M2). */
  private giveWay({ operation, row }: Pending, yielded: ReadonlyMap<string, Operation>): ReadonlySet<string> {
    for (const [name, { value }] of yielded.size === 0 ? [] : imageColumns(operation.table, operation.change.after)) {
      const to = yielded.get(name);
      if (to === undefined || isPrimaryKeyColumn(operation.table, name)) continue;
      const cell = row.cells.get(name);
      if (cell !== undefined && sameBytes(cell.column.value, value)) continue;
      this.conflicts.add({ rule: 'M2', lost: operation, kept: to, columns: [name] });
    }
    return new Set(yielded.keys());
  }

  private write({ operation, row }: Pending, parked: Parked | undefined, gaveWay: ReadonlySet<string>): void {
    const insert = operation.change.kind === 'insert';
    if (parked !== undefined) {
      const columns = insert ? null : [...parked.columns];
      this.conflicts.add({ rule: 'M9', lost: operation, kept: parked.holder, columns });
      if (insert) {
        if (!row.present) row.absence = { kind: 'parked', holder: parked.holder };
        return;
      }
    }
    if (insert) {
      row.present = true;
      row.complete = true;
    }
    const { rules, foldRules, conflicts } = this;
    writeColumns({ row, operation, rules, foldRules, conflicts }, new Set([...gaveWay, ...(parked?.columns ?? [])]));
  }

  private withGroups({ table }: Operation, columns: ReadonlySet<string>): ReadonlySet<string> {
    const all = new Set(columns);
    for (const name of columns) {
      if (isPrimaryKeyColumn(table, name)) continue;
      for (const member of columnGroup(this.rules, table, name)) all.add(member);
    }
    return all;
  }
}
