import type { ColumnDef } from '../change-set';
import type { RowWrite } from './apply-plan';

/** Writes that go into one rows event, under one table map. Never empty. */
export type RowGroup = readonly [RowWrite, ...RowWrite[]];

/**
 * Runs of writes with the same table, kind, columns and foreign key checks; the order of rows is kept, since unique
 * values move from row to row in it. `bytesMax` bounds the row bytes of a group of more than one row.
 */
export function groupWrites(writes: readonly RowWrite[], bytesMax: number): RowGroup[] {
  const groups: [RowWrite, ...RowWrite[]][] = [];
  let open: [RowWrite, ...RowWrite[]] | null = null;
  let openBytes = 0;
  for (const write of writes) {
    const bytes = writeBytes(write);
    if (open !== null && openBytes + bytes <= bytesMax && sameShape(open[0], write)) {
      open.push(write);
      openBytes += bytes;
    } else {
      open = [write];
      openBytes = bytes;
      groups.push(open);
    }
  }
  return groups;
}

/** About the bytes that a write takes in its event. */
export function writeBytes(write: RowWrite): number {
  let bytes = 16;
  for (const value of write.before ?? []) bytes += value?.length ?? 0;
  for (const value of write.after ?? []) bytes += value?.length ?? 0;
  return bytes;
}

function sameShape(a: RowWrite, b: RowWrite): boolean {
  return (
    a.table === b.table &&
    a.change === b.change &&
    a.foreignKeyChecks === b.foreignKeyChecks &&
    samePresence(a.before, b.before) &&
    samePresence(a.after, b.after) &&
    a.columns.every((column, i) => sameType(column, b.columns[i]))
  );
}

function samePresence(a: RowWrite['before'], b: RowWrite['before']): boolean {
  if (a === null || b === null) return a === b;
  return a.length === b.length && a.every((value, i) => (value === undefined) === (b[i] === undefined));
}

function sameType(a: ColumnDef, b: ColumnDef | undefined): boolean {
  return (
    a === b ||
    (b !== undefined &&
      a.type === b.type &&
      a.meta === b.meta &&
      a.unsigned === b.unsigned &&
      a.collation === b.collation &&
      a.members?.length === b.members?.length)
  );
}
