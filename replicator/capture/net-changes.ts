import type { RowChange, RowImage, RowKey, UniqueChange } from '../change-set';
import { sameBytes } from './column-content';
import { type KeySource, rowKeyOf, uniqueKeyOf } from './row-keys';
import type { KeyPart, TableView } from './table-view';

/** One row of a row event, local columns taken out. */
export interface ViewedRow {
  readonly view: TableView;
  readonly before: RowImage | null;
  readonly after: RowImage | null;
}

/** A row as it was before the transaction, and as it is after it; null: not there. */
interface RowFate {
  readonly view: TableView;
  readonly key: RowKey;
  readonly first: RowImage | null;
  last: RowImage | null;
}

/** One net change a row, in the order the rows were first touched. `tableIndex` numbers the tables of the result. */
export function netChanges(
  rows: readonly ViewedRow[],
  source: KeySource,
  tableIndex: (view: TableView) => number,
): RowChange[] {
  const [only] = rows;
  if (only !== undefined && rows.length === 1 && keepsItsKey(only)) {
    const change = netChange(fateOf(only, source), source, tableIndex);
    return change === null ? [] : [change];
  }
  const fates = new Map<RowKey, RowFate>();
  const settle = (view: TableView, key: RowKey, before: RowImage | null, after: RowImage | null): void => {
    const fate = fates.get(key);
    if (fate === undefined) fates.set(key, { view, key, first: before, last: after });
    else fate.last = after;
  };
  for (const { view, before, after } of rows) {
    const from = before === null ? null : rowKeyOf(view, before, source);
    const to =
      after === null ? null : from !== null && sameKey(view, before, after) ? from : rowKeyOf(view, after, source);
    if (from !== null && from !== to) settle(view, from, before, null);
    if (to !== null) settle(view, to, from === to ? before : null, after);
  }
  const changes: RowChange[] = [];
  for (const fate of fates.values()) {
    const change = netChange(fate, source, tableIndex);
    if (change !== null) changes.push(change);
  }
  return changes;
}

function keepsItsKey({ view, before, after }: ViewedRow): boolean {
  return before === null || after === null || sameKey(view, before, after);
}

/** Of a row that no other event touches. */
function fateOf({ view, before, after }: ViewedRow, source: KeySource): RowFate {
  return { view, key: rowKeyOf(view, (before ?? after)!, source), first: before, last: after };
}

/** True when the primary key's bytes are the same, which most updates can be told by. */
export function sameKey(view: TableView, before: RowImage | null, after: RowImage): boolean {
  return before !== null && view.primaryKey.every(({ column }) => sameBytes(before[column], after[column]));
}

function netChange(fate: RowFate, source: KeySource, tableIndex: (view: TableView) => number): RowChange | null {
  const { view, key, first, last } = fate;
  if (first === null && last === null) return null;
  const uniques = uniqueChanges(fate, source);
  if (first === null || last === null) {
    const kind = first === null ? 'insert' : 'delete';
    return { kind, table: tableIndex(view), key, before: first ?? none, after: last ?? none, uniques };
  }
  const carried = carriedColumns(fate, first, last, uniques);
  if (carried === null) return null;
  const only = (image: RowImage): RowImage => image.map((value, column) => (carried.has(column) ? value : undefined));
  return { kind: 'update', table: tableIndex(view), key, before: only(first), after: only(last), uniques };
}

/** The changed columns, what must travel with them, and the primary key; null when nothing changed. */
function carriedColumns(
  { view }: RowFate,
  first: RowImage,
  last: RowImage,
  uniques: readonly UniqueChange[],
): Set<number> | null {
  const carried = new Set<number>();
  for (let column = 0; column < last.length; column++) {
    if (!sameBytes(first[column], last[column])) carried.add(column);
  }
  if (carried.size === 0) return null;
  // Columns that win or lose together must be there together, or the winner could not write the whole group.
  for (const group of view.groups) {
    if (group.some((column) => carried.has(column))) for (const column of group) carried.add(column);
  }
  for (const { columns } of uniques) for (const column of columns) carried.add(column);
  for (const { column } of view.primaryKey) carried.add(column);
  return carried;
}

/** One for all: change sets stay in memory for long. */
const none: readonly never[] = [];

function uniqueChanges({ view, first, last }: RowFate, source: KeySource): readonly UniqueChange[] {
  if (view.uniques.length === 0) return none;
  const changes: UniqueChange[] = [];
  for (const unique of view.uniques) {
    if (first !== null && last !== null && sameParts(unique.parts, first, last)) continue;
    const before = first === null ? null : uniqueKeyOf(view, unique, first, source);
    const after = last === null ? null : uniqueKeyOf(view, unique, last, source);
    changes.push({ index: unique.index, columns: unique.parts.map((part) => part.column), before, after });
  }
  return changes;
}

export function sameParts(parts: readonly KeyPart[], before: RowImage, after: RowImage): boolean {
  return parts.every(({ column }) => sameBytes(before[column], after[column]));
}
