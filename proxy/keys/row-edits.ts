import type { TextEdit } from '../sql/text-edit';
import { CountedOn, courseVariable, valueVariable } from './counted-on';
import { givenKeys } from './given-keys';
import type { KeyExpression, RowKey } from './row-keys';

/** User variable with the key of one row of a prepared INSERT; NULL: the server generates it, from the run. */
export function rowVariable(row: number): string {
  return `@duara_k${row}`;
}

/** Of a prepared INSERT that looks at the values of its expressions: the first key. NULL: it gives none. */
export const baseVariable = '@duara_b';

/** It again, whatever type the variable had when the statement was read: as text it loses nothing. */
const broughtValue = `CONCAT(${valueVariable})`;

/** Edits that give later rows their keys, where the server would not, or may not, go on from `first`. */
export function rowEdits(
  written: readonly RowKey[],
  first: bigint | typeof baseVariable,
  anyKeyJumps: boolean,
): TextEdit[] {
  const rows = asExpressions(written);
  const from = first === baseVariable ? null : first;
  const given = new Map(givenKeys(rows, from, anyKeyJumps).map((one) => [one.row, one]));
  const lastDoubt = Math.max(-1, ...[...given.values()].map(({ row, sure }) => (sure ? -1 : row)));
  const count = new CountedOn(first, anyKeyJumps);
  return rows.flatMap((row, at): TextEdit[] => {
    if (row.kind === 'explicit') {
      count.explicit(row.key);
      return [];
    }
    const one = given.get(at);
    const key = one === undefined ? 'NULL' : from === null ? `${baseVariable}+${one.key}` : String(one.key);
    if (one?.sure === true) return givenEdits(row, key);
    if (row.kind === 'generated') {
      if (one !== undefined && row.literal !== null) return [{ ...placeOf(row.literal), text: count.generates(key) }];
      count.generated();
      return [];
    }
    const looked = one !== undefined || at < lastDoubt;
    return looked && isExpression(row) ? lookedAt(row.expression, key, count) : [];
  });
}

/** A parameter of a text (EXECUTE … USING) is as any expression. */
export function asExpressions(written: readonly RowKey[]): readonly RowKey[] {
  return written.map((row): RowKey => {
    if (row.kind !== 'parameter') return row;
    const { token, zeroGenerates, wideText } = row;
    return { kind: 'unknown', expression: { ...placeOf(token), zeroGenerates, wideText } };
  });
}

/** Puts `key` in the place of what the row brings, or behind it where that is an expression. */
function givenEdits(row: RowKey, key: string): TextEdit[] {
  if (row.kind === 'generated' && row.literal !== null) return [{ ...placeOf(row.literal), text: key }];
  if (!isExpression(row)) return [];
  const { expression } = row;
  const kept = keeping(expression);
  return expression.zeroGenerates === true
    ? wrapped(expression, `IF(ROUND(${kept.before}`, `${kept.behind})<>0,${broughtValue},${key})`)
    : wrapped(expression, 'IFNULL(', `,${key})`);
}

/**
 * The row's value is kept, for rows behind it to look at; what those before it have come to is looked at first. The row is given
 * `key` if it brings none, and the server's count was led astray.
 */
function lookedAt(expression: KeyExpression, key: string, count: CountedOn): TextEdit[] {
  const { zeroGenerates = false } = expression;
  const { before: keep, behind } = keeping(expression);
  const kept = count.kept();
  count.looked(zeroGenerates);
  // An assignment that gives a NULL of a numeric type is refused (1265) where the column's own NULL is not (MariaDB 10.11).
  if (kept === null) return wrapped(expression, `IFNULL(${keep}`, `${behind},NULL)`);
  // A test the server cannot foresee keeps it from folding.
  const before = `IF((${kept})<3,${keep}`;
  const given = key === 'NULL' ? key : `IF(${courseVariable}=2,${key},NULL)`;
  return zeroGenerates && key !== 'NULL'
    ? wrapped(expression, `IF(ROUND(${before}`, `${behind},NULL))<>0,${broughtValue},${given})`)
    : wrapped(expression, `IFNULL(${before}`, `${behind},NULL),${given})`);
}

/**
 * What keeps the value. The server reads a text in a variable as a number byte by byte, so that one of two or four bytes a
 * character would be none (MariaDB 10.11).
 */
function keeping({ wideText = false }: KeyExpression): { readonly before: string; readonly behind: string } {
  return wideText
    ? { before: `(${valueVariable}:=CONVERT(`, behind: ' USING utf8mb4))' }
    : { before: `(${valueVariable}:=`, behind: ')' };
}

function placeOf({ start, end }: { readonly start: number; readonly end: number }): { start: number; end: number } {
  return { start, end };
}

function wrapped({ start, end }: KeyExpression, before: string, behind: string): TextEdit[] {
  return [
    { start, end: start, text: before },
    { start: end, end, text: behind },
  ];
}

/** True when a prepared INSERT takes the keys of its rows from variables, where the server would not go on by itself. */
export function usesRowVariables(rows: readonly RowKey[]): boolean {
  return rows.length > 1 && rows.some(({ kind }) => kind !== 'generated') && !rows.some(isExpression);
}

/** True when, instead, it looks at the values that its expressions and parameters turn out to have. */
export function looksAtValues(rows: readonly RowKey[]): boolean {
  return rows.length > 1 && rows.some(isExpression);
}

/** Edits that let a prepared INSERT take the keys of its rows from variables. */
export function rowVariableEdits(rows: readonly RowKey[], anyKeyJumps: boolean): TextEdit[] {
  if (looksAtValues(rows)) return rowEdits(rows, baseVariable, anyKeyJumps);
  if (!usesRowVariables(rows)) return [];
  return rows.flatMap((row, at): TextEdit[] => {
    const key = rowVariable(at);
    if (row.kind === 'parameter')
      return [
        {
          ...placeOf(row.token),
          text: `IF(${key} IS NULL,?,${row.wideText === true ? `CONVERT(${key} USING utf8mb4)` : key})`,
        },
      ];
    if (row.kind !== 'generated' || row.literal === null) return [];
    // By the sql_mode of its execution a zero may be a key.
    return [{ ...placeOf(row.literal), text: row.literal.kind === 'word' ? key : `IFNULL(${key},0)` }];
  });
}

type Expression = RowKey & {
  readonly kind: 'unknown';
  readonly expression: KeyExpression;
};

function isExpression(row: RowKey): row is Expression {
  return row.kind === 'unknown' && row.expression !== null;
}
