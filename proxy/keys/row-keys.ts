import type { AutoIncrementColumn } from '../ports';
import { type InsertShape, parameterNumbers, valueAt, valueStart } from '../sql/insert-shape';
import { foldedName, nameOf } from '../sql/names';
import type { SqlMode } from '../sql/sql-mode';
import { TokenCursor } from '../sql/token-cursor';
import { stringValue, type Token } from '../sql/tokenizer';

/** What one row of an INSERT brings for the key column. */
export type RowKey =
  /** The server generates. `literal`: the NULL, DEFAULT or zero as it is written; null: nothing is. */
  | { readonly kind: 'generated'; readonly literal: Token | null }
  | { readonly kind: 'explicit'; readonly key: bigint }
  /** It depends on a parameter: its number, from 0. */
  | ({ readonly kind: 'parameter'; readonly number: number; readonly token: Token } & Reading)
  /** Known only to the server. `expression`: where it stands in the text; null: in a parameter. */
  | { readonly kind: 'unknown'; readonly expression: KeyExpression | null };

/** What a value is to the server. */
interface Reading {
  /** Zero would be no key. Absent: it is none, or a key. */
  readonly zeroGenerates?: boolean | undefined;
  /** See SqlMode. */
  readonly wideText?: boolean | undefined;
}

export interface KeyExpression extends Reading {
  readonly start: number;
  readonly end: number;
}

const absent: RowKey = { kind: 'generated', literal: null };

/** The key column of each row; null for a query or a file, whose rows are not seen. `text`: what the tokens were cut from. */
export function rowKeys(
  { source, columns, tokens }: InsertShape,
  column: AutoIncrementColumn,
  text: string,
  mode: SqlMode,
): readonly RowKey[] | null {
  if (source.kind === 'select' || source.kind === 'load') return null;
  const position = columns === null ? column.index : indexOf(columns, column.name);
  const starts =
    source.kind === 'set'
      ? [position < 0 ? null : (source.values[position] ?? null)]
      : source.rows.map((row) => (position < 0 ? null : valueStart(tokens, row, position)));
  const reader = new RowReader(tokens, text, mode);
  return starts.map((start) => (start === null ? absent : reader.read(start)));
}

/** `columns`: as in SQL text; `name`: as the catalog has it. */
export function indexOf(columns: readonly string[], name: string): number {
  const folded = foldedName(name);
  return columns.findIndex((column) => foldedName(nameOf(column)) === folded);
}

class RowReader {
  private numbers: ReadonlyMap<number, number> | null = null;

  constructor(
    private readonly tokens: readonly Token[],
    private readonly text: string,
    private readonly mode: SqlMode,
  ) {}

  read(start: number): RowKey {
    const token = this.tokens[start];
    const { noAutoValueOnZero, wideText } = this.mode;
    const reading = { zeroGenerates: !noAutoValueOnZero, wideText };
    const value = valueAt(this.tokens, start);
    if (token === undefined) return absent;
    switch (value.kind) {
      case 'null':
      case 'default':
        return { kind: 'generated', literal: token };
      case 'integer':
        return keyOf(value.value, token, this.mode);
      case 'string': {
        const number = integerIn(stringValue(this.text, token, this.mode));
        return number === null ? { kind: 'unknown', expression: token } : keyOf(number, token, this.mode);
      }
      case 'parameter':
        this.numbers ??= parameterNumbers(this.tokens);
        return { kind: 'parameter', number: this.numbers.get(start) ?? 0, token, ...reading };
      case 'expression': {
        const end = expressionEnd(this.tokens, start);
        return { kind: 'unknown', expression: { start: token.start, end, ...reading } };
      }
    }
  }
}

function keyOf(value: bigint, literal: Token, mode: SqlMode): RowKey {
  return value === 0n && !mode.noAutoValueOnZero ? { kind: 'generated', literal } : { kind: 'explicit', key: value };
}

/** More digits than any integer column holds. */
const DIGITS_MAX = 40;

/**
 * The integer that the server takes a string for, of two the one that is farther from zero; '' is 0 (strict modes refuse it);
 * null when it is no number.
 */
export function integerIn(value: string | null): bigint | null {
  if (value === null) return null;
  if (/^[ \t\n\v\f\r]*$/.test(value)) return 0n;
  const match = /^[ \t\n\v\f\r]*([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d{1,3}))?[ ]*$/.exec(value);
  const [, sign, whole = '', fraction = '', power = '0'] = match ?? [];
  const digits = whole + fraction;
  if (match === null || digits === '') return null;
  const point = whole.length + Number(power);
  const shown = digits.padEnd(Math.min(point, DIGITS_MAX), '0');
  const up = point >= 0 && (shown[point] ?? '0') >= '5';
  const number = BigInt(point > 0 ? shown.slice(0, Math.min(point, DIGITS_MAX)) : '0') + (up ? 1n : 0n);
  return sign === '-' ? -number : number;
}

/** The rows of a prepared INSERT with the values of its parameters; undefined: not known. */
export function withParameters(
  rows: readonly RowKey[],
  valueOf: (number: number) => null | bigint | string | undefined,
  mode: SqlMode,
): readonly RowKey[] {
  return rows.map((row): RowKey => {
    if (row.kind !== 'parameter') return row;
    const value = valueOf(row.number);
    if (value === null) return absent;
    const key = typeof value === 'string' ? integerIn(value) : (value ?? null);
    if (key === null) return { kind: 'unknown', expression: null };
    return key === 0n && !mode.noAutoValueOnZero ? absent : { kind: 'explicit', key };
  });
}

/** Offset behind the expression that begins at token `start` in a list of values. */
function expressionEnd(tokens: readonly Token[], start: number): number {
  const cursor = new TokenCursor(tokens, start);
  cursor.seek(',', ')', 'ON', 'RETURNING');
  return tokens[cursor.at - 1]?.end ?? 0;
}
