import type { ColumnDef } from '../change-set';
import type { WrittenRows } from '../ports';

/** More rows are told of as unknown ones. */
export const WRITTEN_ROWS_MAX = 256;

/** Bytes of the integer types, by MYSQL_TYPE_… code. */
const integerBytes: Readonly<Record<number, number>> = { 1: 1, 2: 2, 9: 3, 3: 4, 8: 8 };

type Image = readonly (Uint8Array | null | undefined)[];

interface RowPairLike {
  readonly before: Image | null;
  readonly after: Image | null;
}

/** The primary keys, before and after, of rows as the log has them; `primaryKey`: indexes into `columns`, in key order. */
export function writtenRows(
  columns: readonly ColumnDef[],
  primaryKey: readonly number[],
  rows: readonly RowPairLike[],
): WrittenRows {
  const keys = new Map<string, readonly string[]>();
  if (rows.length > WRITTEN_ROWS_MAX) return null;
  for (const { before, after } of rows) {
    for (const image of [before, after]) {
      if (image === null) continue;
      const key = integerKey(columns, primaryKey, image);
      if (key === null) return null;
      keys.set(key.join(), key);
    }
  }
  return keys.size > WRITTEN_ROWS_MAX ? null : [...keys.values()];
}

/** A row's key in decimal; null when there is none, or it is not made of integers only. */
function integerKey(columns: readonly ColumnDef[], primaryKey: readonly number[], image: Image): string[] | null {
  const key: string[] = [];
  for (const index of primaryKey) {
    const column = columns[index];
    const bytes = image[index];
    if (column === undefined || bytes === undefined || bytes === null) return null;
    const length = integerBytes[column.type];
    if (length === undefined || bytes.length !== length) return null;
    key.push(String(littleEndian(bytes, column.unsigned)));
  }
  return key.length === 0 ? null : key;
}

function littleEndian(bytes: Uint8Array, unsigned: boolean): bigint {
  let value = 0n;
  for (let at = bytes.length - 1; at >= 0; at--) value = (value << 8n) | BigInt(bytes[at] ?? 0);
  return unsigned ? value : BigInt.asIntN(bytes.length * 8, value);
}
