import { ColumnType, isInteger } from '../binlog/column-type';
import type { ColumnBytes, ColumnDef } from '../change-set';
import type { RowWrite } from './apply-plan';

const INTEGER_BYTES: ReadonlyMap<number, number> = new Map([
  [ColumnType.tiny, 1],
  [ColumnType.short, 2],
  [ColumnType.int24, 3],
  [ColumnType.long, 4],
  [ColumnType.longlong, 8],
]);

/**
 * Rows that swap their unique values within a change set cannot be written one after the other: their values are first
 * put out of the way, within the same transaction. `number` tells the placeholders apart. null: the row brings no unique
 * value that can be replaced.
 */
export function displaced(write: RowWrite, number: number): RowWrite | null {
  const { table, before, after } = write;
  if (write.change !== 'update' || before === null || after === null) return null;
  // A placeholder beside generated columns that were not computed from it would corrupt their indexes.
  if ((table.generated ?? []).length > 0) return null;
  const image = table.columns.map((column, i) => {
    if (after[i] === undefined || !table.uniqueColumns.includes(column.name)) return undefined;
    return placeholder(write.columns[i] ?? column, column.nullable, number);
  });
  return image.some((value) => value !== undefined) ? { ...write, after: image } : null;
}

function placeholder(def: ColumnDef, nullable: boolean, number: number): ColumnBytes | undefined {
  if (nullable) return null;
  if (isInteger(def.type)) {
    // From the top of the signed range down: the least likely to be in use.
    const width = INTEGER_BYTES.get(def.type) ?? 8;
    const value = (1n << BigInt(width * 8 - 1)) - 1n - BigInt(number);
    return Uint8Array.from({ length: width }, (_, i) => Number((value >> BigInt(8 * i)) & 0xffn));
  }
  if (def.type !== ColumnType.varchar && def.type !== ColumnType.string) return undefined;
  const text = Buffer.from(`~duara~${number}`.slice(0, def.meta), 'latin1');
  const length = def.meta < 256 ? [text.length] : [text.length & 0xff, text.length >> 8];
  return Buffer.concat([Buffer.from(length), text]);
}
