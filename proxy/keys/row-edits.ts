import type { TextEdit } from '../sql/text-edit';
import { givenKeys, mayBeFirst } from './given-keys';
import { keyVariable } from './key-edits';
import type { KeyExpression, RowKey } from './row-keys';

/** User variable with the key of one row of a prepared INSERT; NULL: the server generates it, from the run. */
export function rowVariable(row: number): string {
  return `@duara_k${row}`;
}

/** Of a prepared INSERT: the row from which on keys are given whatever the values are; NULL: none. */
export const sureVariable = '@duara_s';
/** The first key of the statement whose first generated row, given its key, was told; others before. */
const toldVariable = '@duara_f';
/** The value that the expression of a row had. */
export const valueVariable = '@duara_g';
/** It again, whatever type the variable had when the statement was read: as text it loses nothing. */
const broughtValue = `CONCAT(${valueVariable})`;
/** True behind a row whose expression brought a key above the run's. */
export const jumpVariable = '@duara_j';

/** Edits that give later rows their keys, where the server would not, or may not, go on from `first`. */
export function rowEdits(written: readonly RowKey[], first: bigint, anyKeyJumps = false): TextEdit[] {
  const rows = asExpressions(written);
  const given = new Map(givenKeys(rows, first, anyKeyJumps).map((one) => [one.row, one]));
  if (given.size === 0) return [];
  const looksAtValues = [...given.values()].some(({ sure }) => !sure);
  const jumps = anyKeyJumps ? `${valueVariable}<>0` : `${valueVariable}>=${first}`;
  let looked = false;
  let toldBefore = false;
  return rows.flatMap((row, at): TextEdit[] => {
    const one = given.get(at);
    let key: string | null = null;
    if (one !== undefined) {
      key = String(one.key);
      if (mayBeFirst(rows, at)) {
        const certain = row.kind === 'generated' && !toldBefore;
        key = certain ? `LAST_INSERT_ID(${key})` : toldOnce(key, String(first));
        toldBefore = true;
      }
    }
    if (one === undefined || one.sure) {
      if (row.kind !== 'unknown' || key !== null) return key === null ? [] : valueEdits(row, key, null);
      return looksAtValues && at > 0 ? valueEdits(row, 'NULL', 'look') : [];
    }
    const jumped = `${jumpVariable}:=IFNULL(${looked ? `${jumpVariable} OR ` : ''}${jumps},0)`;
    looked = true;
    return valueEdits(row, key ?? 'NULL', jumped);
  });
}

/** A parameter of a text (EXECUTE … USING) is as any expression. */
export function asExpressions(written: readonly RowKey[]): readonly RowKey[] {
  return written.map((row): RowKey => (row.kind === 'parameter' ? { kind: 'unknown', expression: placeOf(row) } : row));
}

/** The key, of which the client is told if it is the first that is given in the statement whose run begins at `first`. */
function toldOnce(key: string, first: string): string {
  const none = key.startsWith('@') ? ` OR ${key} IS NULL` : '';
  return `IF(${toldVariable}<=>${first}${none},${key},LAST_INSERT_ID(${key}+0*(${toldVariable}:=${first})))`;
}

/**
 * Puts `key` in the place of what the row brings, or behind it where that is an expression. `jumped`: decides whether the key
 * counts; 'look': it does not, but the expression's value is wanted; null: it counts. `looked`: the expression's value is wanted
 * all the same.
 */
function valueEdits(row: RowKey, key: string, jumped: string | null, looked = false): TextEdit[] {
  if (row.kind === 'generated' && row.literal !== null) {
    const { start, end } = row.literal;
    return [{ start, end, text: jumped === null ? key : `IF(${jumped},${key},NULL)` }];
  }
  if (row.kind !== 'unknown' || row.expression === null) return [];
  const { start, end, zeroGenerates = false } = row.expression;
  if (jumped === null) {
    return zeroGenerates
      ? wrapped(start, end, `IF((${valueVariable}:=`, `)<>0,${broughtValue},${key})`)
      : looked
        ? wrapped(start, end, `IFNULL((${valueVariable}:=`, `),${key})`)
        : wrapped(start, end, 'IFNULL(', `,${key})`);
  }
  // An assignment that gives a NULL of a numeric type is refused (1265) where the column's own NULL is not (MariaDB 10.11).
  if (jumped === 'look') return wrapped(start, end, `IFNULL((${valueVariable}:=`, '),NULL)');
  // The value before is looked at before it gives way to this one; a test the server cannot foresee keeps it from folding.
  const before = `IF((${jumped})<2,(${valueVariable}:=`;
  const given = `IF(${jumpVariable},${key},NULL))`;
  return zeroGenerates
    ? wrapped(start, end, `IF(${before}`, `),NULL)<>0,${broughtValue},${given}`)
    : wrapped(start, end, `IFNULL(${before}`, `),NULL),${given}`);
}

function placeOf({ token, zeroGenerates }: RowKey & { readonly kind: 'parameter' }): KeyExpression {
  return { start: token.start, end: token.end, zeroGenerates };
}

function wrapped(start: number, end: number, before: string, behind: string): TextEdit[] {
  return [
    { start, end: start, text: before },
    { start: end, end, text: behind },
  ];
}

/** True when a prepared INSERT takes the keys of its rows from variables, where the server would not go on by itself. */
export function usesRowVariables(rows: readonly RowKey[]): boolean {
  return rows.length > 1 && rows.some(({ kind }) => kind !== 'generated');
}

/** True when, besides, it looks at the values of expressions. */
export function usesValueVariables(rows: readonly RowKey[]): boolean {
  return usesRowVariables(rows) && rows.some(isExpression);
}

/** Edits that let a prepared INSERT take the keys of its rows from variables. */
export function rowVariableEdits(rows: readonly RowKey[], anyKeyJumps = false): TextEdit[] {
  if (!usesRowVariables(rows)) return [];
  const jumps = anyKeyJumps ? `${valueVariable}<>0` : `${valueVariable}>=${keyVariable}`;
  let looks = false;
  return rows.flatMap((row, at): TextEdit[] => {
    const jumped = looks ? `${jumpVariable}:=IFNULL(${jumpVariable} OR ${at}>=${sureVariable} OR ${jumps},0)` : null;
    const variable = rowVariable(at);
    const key = looks && mayBeFirst(rows, at) ? toldOnce(variable, keyVariable) : variable;
    if (row.kind === 'parameter') {
      const { start, end } = row.token;
      const value = jumped === null ? key : `IF(${jumped},${key},NULL)`;
      return [{ start, end, text: `IF(${value} IS NULL,?,${variable})` }];
    }
    if (!isExpression(row)) return valueEdits(row, key, jumped);
    looks = true;
    if (jumped !== null) return valueEdits(row, key, jumped);
    return valueEdits(row, key, null, true);
  });
}

type Expression = RowKey & {
  readonly kind: 'unknown';
  readonly expression: KeyExpression;
};

function isExpression(row: RowKey): row is Expression {
  return row.kind === 'unknown' && row.expression !== null;
}
