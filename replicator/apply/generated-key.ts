import type { RowWrite } from './apply-plan';

/** Bytes of an integer column, by type code: TINYINT, SMALLINT, MEDIUMINT, INT, BIGINT. */
const WIDTHS: Readonly<Record<number, number>> = { 1: 1, 2: 2, 9: 3, 3: 4, 8: 8 };

/** The AUTO_INCREMENT value that an insert brings, above which the next key issued here must lie; null: none. */
export function keyToRaise(write: RowWrite): bigint | null {
  const { autoIncrement, columns } = write.table;
  if (write.change !== 'insert' || autoIncrement === null) return null;
  const at = columns.findIndex(({ name }) => name === autoIncrement);
  const value = write.after?.[at];
  const def = write.columns[at];
  if (value === null || value === undefined || def === undefined || value.length !== WIDTHS[def.type]) return null;
  let key = 0n;
  for (let i = value.length - 1; i >= 0; i--) key = (key << 8n) | BigInt(value[i] ?? 0);
  const negative = !def.unsigned && ((value[value.length - 1] ?? 0) & 0x80) !== 0;
  return negative ? null : key;
}
