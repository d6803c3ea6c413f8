import type { AutoIncrementColumn } from '../ports';
import type { InsertShape } from '../sql/insert-shape';
import { bytesOf, quoteName } from '../sql/names';
import type { TextEdit } from '../sql/text-edit';
import { TokenCursor } from '../sql/token-cursor';
import { keyVariable } from './key-edits';
import { indexOf, type RowKey } from './row-keys';

/** Of a prepared INSERT: the last key that was given as a value. */
export const countVariable = '@duara_i';

/** Edits by the first key, or for one that takes it from `keyVariable` and the others from `countVariable`. */
export type ValueKeys = (first: bigint | typeof keyVariable) => readonly TextEdit[];

/**
 * Edits that give every row of a statement that calls stored functions its key as a value, from `first` on; null: it cannot be
 * told how. An INSERT that runs inside
 * a stored function takes the key that waits for the row, or wipes it (MariaDB 10.11), and the row would get one of the table's
 * own counter. Only where no row can be left out or updated: then the client is told of the first, as it should be.
 */
export function valueKeys(
  shape: InsertShape,
  column: AutoIncrementColumn,
  rows: readonly RowKey[] | null,
): ValueKeys | null {
  if (rows === null || shape.ignore || shape.onDuplicateKey) return null;
  const places = rows.map((row, at) => placeOf(shape, column, row, at));
  const known = places.flatMap((place) => (place === null ? [] : [place]));
  const list = listEdit(shape, column);
  if (known.length < rows.length || list === null) return null;
  // Told again for each row: a function behind it makes the server forget.
  const keyOf = (first: bigint | typeof keyVariable, at: number): string =>
    first === keyVariable
      ? `IF(${keyVariable}=0,NULL,LAST_INSERT_ID(${keyVariable})*0+(${countVariable}:=${countVariable}+1))`
      : `LAST_INSERT_ID(${first})+${at}`;
  return (first) => [
    ...list,
    ...known.map(({ start, end, before }, at) => ({ start, end, text: before + keyOf(first, at) })),
  ];
}

interface Place {
  readonly start: number;
  readonly end: number;
  readonly before: string;
}

/** Where the row's key is to stand: in the place of what generates it, or behind its last value. */
function placeOf(
  { source, tokens, columns }: InsertShape,
  column: AutoIncrementColumn,
  row: RowKey,
  at: number,
): Place | null {
  if (row.kind !== 'generated') return null;
  if (row.literal !== null) return { start: row.literal.start, end: row.literal.end, before: '' };
  const name = quoteName(bytesOf(column.name));
  if (column.name === '') return null;
  if (source.kind === 'set') {
    const cursor = new TokenCursor(tokens, source.values[source.values.length - 1]);
    cursor.seek(',', 'ON', 'RETURNING');
    return behind(tokens[cursor.at - 1]?.end, `,${name}=`);
  }
  const start = source.kind === 'values' ? source.rows[at] : undefined;
  if (start === undefined || columns === null || columns.length === 0) return null;
  const cursor = new TokenCursor(tokens, start - 1);
  return cursor.skipGroup() ? behind(tokens[cursor.at - 2]?.end, ',') : null;
}

function behind(end: number | undefined, before: string): Place | null {
  return end === undefined ? null : { start: end, end, before };
}

/** The key column's name at the end of the list of columns; none where it is there already, or nothing is listed. */
function listEdit(
  { source, tokens, columns, behindTable }: InsertShape,
  { name }: AutoIncrementColumn,
): TextEdit[] | null {
  if (source.kind !== 'values' || columns === null || indexOf(columns, name) >= 0) return [];
  const cursor = new TokenCursor(tokens, behindTable);
  if (cursor.accept('PARTITION')) cursor.skipGroup();
  if (cursor.upper() !== '(' || !cursor.skipGroup()) return null;
  const end = tokens[cursor.at - 2]?.end;
  return end === undefined ? null : [{ start: end, end, text: `,${quoteName(bytesOf(name))}` }];
}
