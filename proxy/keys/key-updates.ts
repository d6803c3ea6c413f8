import type { TableInfo } from '../ports';
import type { InsertShape } from '../sql/insert-shape';
import { quoteName } from '../sql/names';
import type { TextEdit } from '../sql/text-edit';
import { TokenCursor } from '../sql/token-cursor';
import type { Token } from '../sql/tokenizer';
import { indexOf } from './row-keys';

/**
 * What ON DUPLICATE KEY UPDATE does to the key column. Where it assigns that column, to whatever value, the server counts on
 * behind the key of each row it updates: the new rows behind it would get keys that are not ours. Where it does not, its count
 * goes on as if the row had not been there. Measured on MariaDB 10.11; its source calls it next_number_field_updated.
 */
export type KeyUpdate =
  /** The column is not assigned. */
  | { readonly kind: 'none' }
  /** It is assigned itself only, by LAST_INSERT_ID(id): `edits` let the assignment of another column do that. */
  | { readonly kind: 'told'; readonly edits: readonly TextEdit[] }
  /** It may change, or there is no other column at hand. */
  | { readonly kind: 'changed' };

interface Assignment {
  /** Without its qualifiers. */
  readonly column: string;
  /** Offsets of its whole text. */
  readonly start: number;
  readonly end: number;
  /** The tokens behind '='; not empty. */
  readonly value: readonly Token[];
}

/** `table`: as the statement names its columns; `text`: what its tokens were cut from. */
export function keyUpdate(shape: InsertShape, table: TableInfo, text: string): KeyUpdate {
  const { updatesAt, tokens } = shape;
  const key = table.autoIncrement?.name ?? '';
  if (updatesAt === null) return { kind: 'none' };
  const all = assignments(tokens, updatesAt);
  // What is not understood may assign anything.
  if (all === null) return { kind: 'changed' };
  const ofKey = all.filter(({ column }) => indexOf([column], key) === 0);
  if (ofKey.length === 0) return { kind: 'none' };
  const [first, ...more] = ofKey;
  const told = first === undefined || more.length > 0 ? null : toldKey(first.value, key);
  if (first === undefined || told === null) return { kind: 'changed' };
  const edits = withinAnother(all, first, told, text) ?? besideAnother(all, first, told, shape, key);
  return edits === null ? { kind: 'changed' } : { kind: 'told', edits };
}

/**
 * Another column's value brings it about, that of the next one if it can: as the server came to it before. A second assignment
 * of one column would not do: under SIMULTANEOUS_ASSIGNMENT (ORACLE) the server takes the other of the two.
 */
function withinAnother(all: readonly Assignment[], ofKey: Assignment, told: string, text: string): TextEdit[] | null {
  const at = all.indexOf(ofKey);
  const next = all[at + 1];
  const other = [...all.slice(at + 1), ...all.slice(0, at)].find((one) => meansTheSameWithin(one, text));
  const from = other?.value[0]?.start;
  if (other === undefined || from === undefined) return null;
  const without =
    next === undefined ? { start: all[at - 1]?.end ?? 0, end: ofKey.end } : { start: ofKey.start, end: next.start };
  return [
    { start: from, end: from, text: `IF(LAST_INSERT_ID(${told}) IS NULL,NULL,` },
    { start: other.end, end: other.end, text: ')' },
    { ...without, text: '' },
  ];
}

/**
 * As the argument of a function: DEFAULT has no meaning there, 0x41 has another (65 for a number's column, but 'A' within), a
 * column of another type comes as other text (the FLOAT 0.1 as 0.10000000149), and LAST_INSERT_ID() would be looked for too late.
 */
function meansTheSameWithin({ column, value }: Assignment, text: string): boolean {
  const names = value.filter(({ kind }) => kind === 'word' || kind === 'name');
  const symbols = value.filter(({ text: symbol }) => symbol === '.' || symbol === '(' || symbol === ')');
  if (names.length + symbols.length === value.length) return indexOf([column], names.at(-1)?.text ?? '') === 0;
  return !value.some(({ kind, upper, start }) => {
    if (kind === 'string') return /[xb]/i.test(text.charAt(start));
    return kind === 'number' ? /^0[xb]/i.test(upper) : upper === 'LAST_INSERT_ID' || upper === 'IDENTITY';
  });
}

/** A column of the clause, or where it has no other of the list, stays as it is and brings it about. */
function besideAnother(
  all: readonly Assignment[],
  ofKey: Assignment,
  told: string,
  shape: InsertShape,
  key: string,
): TextEdit[] | null {
  const other = all.find((one) => one !== ofKey)?.column ?? shape.columns?.find((c) => indexOf([c], key) < 0);
  if (other === undefined) return null;
  const column = columnName(other, shape);
  const text = `${column}=IF(LAST_INSERT_ID(${told}) IS NULL,${column},${column})`;
  return [{ start: ofKey.start, end: ofKey.end, text }];
}

/** True when the assignments from token `from` on give column `name` a value, or cannot be read. */
export function keyUpdateAssigns(tokens: readonly Token[], from: number, name: string): boolean {
  return assignments(tokens, from)?.some(({ column }) => indexOf([column], name) === 0) ?? true;
}

/** In `LAST_INSERT_ID(id)`, the name of the key column as it is written there; null when the value is another. */
function toldKey(value: readonly Token[], key: string): string | null {
  const [word, open, ...rest] = value;
  const close = rest.pop();
  if (word?.upper !== 'LAST_INSERT_ID' || open?.upper !== '(' || close?.upper !== ')') return null;
  const cursor = new TokenCursor(rest);
  let name = cursor.name();
  while (name !== null && cursor.accept('.')) name = cursor.name();
  if (!cursor.done || name === null || indexOf([name], key) !== 0) return null;
  return rest.map((token) => (token.kind === 'symbol' ? '.' : quoteName(token.text))).join('');
}

/** Beside a query, whose tables may have a column of that name too, with the table's name. */
function columnName(column: string, { source, table }: InsertShape): string {
  if (source.kind !== 'select') return quoteName(column);
  const schema = table.schema === null ? '' : `${quoteName(table.schema)}.`;
  return `${schema}${quoteName(table.table)}.${quoteName(column)}`;
}

function assignments(tokens: readonly Token[], from: number): readonly Assignment[] | null {
  const cursor = new TokenCursor(tokens, from);
  const all: Assignment[] = [];
  do {
    const start = tokens[cursor.at]?.start ?? 0;
    let column = cursor.name();
    while (column !== null && cursor.accept('.')) column = cursor.name();
    if (column === null || !cursor.accept('=', ':=')) return null;
    const valueFrom = cursor.at;
    cursor.seek(',', 'RETURNING', ';');
    const value = tokens.slice(valueFrom, cursor.at);
    const end = value[value.length - 1]?.end;
    if (end === undefined) return null;
    all.push({ column, start, end, value });
  } while (cursor.accept(','));
  return all;
}
