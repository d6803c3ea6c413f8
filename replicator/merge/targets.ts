import type { ChangeSet, RowKey, UniqueKey } from '../change-set';
import type { ReplicationRules } from '../ports';
import { imageColumns, primaryKeyOf, sameBytes } from './image';
import type { MergedColumn, MergedRow, Operation, RowTarget } from './operation';
import type { RowState } from './row-state';
import type { UniqueMove } from './target-order';

export type LocalRules = Pick<ReplicationRules, 'isLocalTable' | 'isLocalColumn'>;

const ABSENT: MergedRow = { kind: 'absent' };

/** What a change set does when nothing is concurrent with it: its own effect. */
export function effectOf(operation: Operation): RowTarget {
  const { table, change } = operation;
  const primaryKey = primaryKeyOf(operation);
  if (change.kind === 'delete') return { key: change.key, table, primaryKey, result: ABSENT };
  const columns = imageColumns(table, change.after);
  return {
    key: change.key,
    table,
    primaryKey,
    result: { kind: 'present', complete: change.kind === 'insert', columns },
  };
}

/** The row as the fold left it. */
export function targetOf(row: RowState): RowTarget {
  const newest = row.history.operations.at(-1)!;
  const primaryKey = primaryKeyOf(newest);
  return { key: row.key, table: newest.table, primaryKey, result: resultOf(row, primaryKey) };
}

function resultOf(row: RowState, primaryKey: readonly MergedColumn[]): MergedRow {
  if (!row.present) return ABSENT;
  const columns = new Map(primaryKey.map((column) => [column.def.name, column]));
  for (const [name, { column }] of row.cells) columns.set(name, column);
  return { kind: 'present', complete: row.complete, columns };
}

/** What brings the row from one state to the other, changed columns only; null when they are the same. */
export function differenceOf(before: RowState, after: RowState): RowTarget | null {
  if (!after.present) return before.present ? targetOf(after) : null;
  if (!before.present) return targetOf(after);
  const target = targetOf(after);
  const columns = new Map<string, MergedColumn>();
  for (const [name, { column }] of after.cells) {
    const held = before.cells.get(name);
    if (held === undefined || !sameBytes(held.column.value, column.value)) columns.set(name, column);
  }
  if (columns.size === 0) return null;
  return { ...target, result: { kind: 'present', complete: false, columns } };
}

/** M7: nothing here is touched that this site calls local. */
export function withoutLocal(targets: readonly RowTarget[], rules: LocalRules): RowTarget[] {
  const kept: RowTarget[] = [];
  for (const target of targets) {
    const { schema, table } = target.table;
    if (rules.isLocalTable(schema, table)) continue;
    const { result } = target;
    if (result.kind === 'absent') {
      kept.push(target);
      continue;
    }
    const local = [...result.columns.keys()].filter((name) => rules.isLocalColumn(schema, table, name));
    if (local.length === 0) {
      kept.push(target);
      continue;
    }
    const columns = new Map([...result.columns].filter(([name]) => !local.includes(name)));
    if (columns.size > 0) kept.push({ ...target, result: { ...result, columns } });
  }
  return kept;
}

/** The change set's own rows first, in its order. */
export function rowsInOrder(changeSet: ChangeSet, rows: Iterable<RowKey>): RowKey[] {
  return [...new Set([...changeSet.rows.map((change) => change.key), ...rows])];
}

/** The unique values that a change set's own rows let go of and take; nothing to order below two such rows. */
export function movesOf({ rows }: ChangeSet): Map<RowKey, UniqueMove> {
  const moves = new Map<RowKey, UniqueMove>();
  for (const { key, uniques } of rows) {
    const changed = uniques.filter(({ before, after }) => before !== after);
    if (changed.length === 0) continue;
    const gives = changed.flatMap(({ before }) => before ?? []);
    moves.set(key, { gives, takes: changed.flatMap(({ after }) => after ?? []) });
  }
  return moves;
}

/** The same for two folds. */
export function movesBetween(
  before: ReadonlyMap<RowKey, RowState>,
  after: ReadonlyMap<RowKey, RowState>,
): Map<RowKey, UniqueMove> {
  const held = (row: RowState | undefined): UniqueKey[] =>
    [...(row?.uniques.values() ?? [])].flatMap(({ key }) => key ?? []);
  const moves = new Map<RowKey, UniqueMove>();
  for (const [key, row] of after) {
    const [was, is] = [held(before.get(key)), held(row)];
    const gives = was.filter((value) => !is.includes(value));
    const takes = is.filter((value) => !was.includes(value));
    if (gives.length + takes.length > 0) moves.set(key, { gives, takes });
  }
  return moves;
}
