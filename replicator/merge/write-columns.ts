import type { ReplicationRules } from '../ports';
import { columnGroup } from './column-group';
import type { ConflictSet } from './conflict';
import { concurrent, isCause } from './fold-rules';
import type { FoldRules } from './fold-rules';
import { columnNames, imageColumns, isPrimaryKeyColumn, sameBytes } from './image';
import { add, bytesOf, compareExact, exactOf, subtract } from './numbers';
import type { MergedColumn, Operation } from './operation';
import type { Cell, Contribution, RowState } from './row-state';

export type ColumnRules = Pick<ReplicationRules, 'columnMerge' | 'columnGroup'>;

interface Writing {
  readonly row: RowState;
  readonly operation: Operation;
  readonly rules: ColumnRules;
  readonly foldRules: FoldRules;
  readonly conflicts: ConflictSet;
}

/** M1 and M2: an insert or update takes effect on the columns it carries, but for `parked` ones. */
export function writeColumns(writing: Writing, parked: ReadonlySet<string>): void {
  const { row, operation, rules } = writing;
  const { table, change } = operation;
  const unique = new Set(change.uniques.flatMap((held) => columnNames(table, held.columns)));
  for (const [name, column] of groupedColumns(writing)) {
    if (parked.has(name) || isPrimaryKeyColumn(table, name)) continue;
    // A unique value is one that somebody claimed, a generated one came from these values: no sum may take their place.
    const whole = unique.has(name) || column.def.computed === true;
    const merge = whole ? 'later' : rules.columnMerge(table.schema, table.table, name);
    const cell = row.cells.get(name);
    if (merge === 'later' || cell === undefined) writeLater(writing, name, column);
    else if (merge === 'sum') writeSum(writing, name, column, cell);
    else writeExtreme(writing, name, column, { cell, sign: merge === 'max' ? 1 : -1 });
  }
}

/** M2's default: what comes later in the order stays; the other value is kept as a conflict unless this one saw it. */
function writeLater(writing: Writing, name: string, column: MergedColumn): void {
  const { row, operation, conflicts } = writing;
  const cell = row.cells.get(name);
  const writer = cell?.writer ?? null;
  if (cell !== undefined && writer !== null && concurrent(writer, operation)) {
    const differs = !sameBytes(cell.column.value, column.value);
    if (differs && !isOutdated(writing, name, writer)) {
      conflicts.add({ rule: 'M2', lost: writer, kept: operation, columns: [name] });
    }
  }
  row.cells.set(name, { column, writer: operation, contributions: [{ operation, column }] });
}

/** True when a later write of the column replaced this one knowingly and meets the operation itself. */
function isOutdated({ row, operation, foldRules }: Writing, name: string, writer: Operation): boolean {
  for (const ofOrigin of row.history.byOrigin.values()) {
    for (let i = firstAfter(ofOrigin, operation, foldRules); i < ofOrigin.length; i++) {
      const later = ofOrigin[i]!;
      // So do all that this origin wrote after it: only what meets the operation is looked at, not the row's whole history.
      if (isCause(operation, later)) break;
      if (!isCause(writer, later) || !concurrent(later, operation)) continue;
      if (writes(later, name) && foldRules.lostToDelete(later, row.history) === null) return true;
    }
  }
  return false;
}

/** Index of the first operation that comes after `operation` in the order; the list's length when none does. */
function firstAfter(ordered: readonly Operation[], operation: Operation, { compare }: FoldRules): number {
  let [low, high] = [0, ordered.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (compare(ordered[middle]!, operation) <= 0) low = middle + 1;
    else high = middle;
  }
  return low;
}

function writes({ table, change }: Operation, name: string): boolean {
  return change.after.some((value, i) => value !== undefined && table.columns[i]?.name === name);
}

/** `sum`: the operation adds what it changed the column by. */
function writeSum(writing: Writing, name: string, column: MergedColumn, cell: Cell): void {
  const { row, operation } = writing;
  const { table, change } = operation;
  const index = table.columns.indexOf(column.def);
  const before = change.kind === 'update' ? exactOf(column.def, change.before[index] ?? null) : null;
  const after = exactOf(column.def, column.value);
  const present = exactOf(cell.column.def, cell.column.value);
  const sum = before && after && present ? bytesOf(column.def, add(present, subtract(after, before))) : null;
  if (sum === null) writeLater(writing, name, column);
  else row.cells.set(name, { column: { def: column.def, value: sum }, writer: operation, contributions: [] });
}

/** `max` and `min`: the greatest (least) of the writes that no other write had seen; NULL and other types: the later. */
function writeExtreme(
  writing: Writing,
  name: string,
  column: MergedColumn,
  { cell, sign }: { readonly cell: Cell; readonly sign: 1 | -1 },
): void {
  const { row, operation } = writing;
  const unseen = cell.contributions.filter((one) => one.operation !== null && concurrent(one.operation, operation));
  const contributions = [...unseen, { operation, column }];
  const best = extreme(contributions, sign);
  if (best === null) writeLater(writing, name, column);
  else row.cells.set(name, { column: best.column, writer: best.operation, contributions });
}

function extreme(contributions: readonly Contribution[], sign: 1 | -1): Contribution | null {
  let best: Contribution | null = null;
  for (const one of contributions) {
    const value = exactOf(one.column.def, one.column.value);
    if (value === null) return null;
    const held = best === null ? null : exactOf(best.column.def, best.column.value);
    if (held === null || sign * compareExact(value, held) >= 0) best = one;
  }
  return best;
}

/**
 * The operation's columns, and with them those of their groups (M1) as the operation saw them: what the last write
 * among its causes left. A group's value is therefore always one that some site really held. Columns of unique indexes
 * are not drawn in, they move by claims only.
 */
function groupedColumns({ row, operation, rules }: Writing): Map<string, MergedColumn> {
  const { table, change } = operation;
  const columns = imageColumns(table, change.after);
  const unique = new Set([...row.uniques.values()].flatMap((held) => held.columns));
  for (const name of [...columns.keys()]) {
    const group = columnGroup(rules, table, name);
    if (group.length < 2 || isPrimaryKeyColumn(table, name)) continue;
    const id = [...group].sort().join('\0');
    const writes = row.groupWrites.get(id) ?? [];
    if (writes.at(-1)?.operation === operation) continue;
    const seen = writes.findLast((write) => isCause(write.operation, operation))?.values;
    const values = new Map<string, MergedColumn>();
    for (const member of group) {
      const value = columns.get(member) ?? seen?.get(member) ?? row.base.get(member);
      if (value !== undefined) values.set(member, value);
    }
    row.groupWrites.set(id, [...writes, { operation, values }]);
    for (const [member, value] of values) if (!unique.has(member)) columns.set(member, value);
  }
  return columns;
}
