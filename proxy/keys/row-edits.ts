import type { TextEdit } from '../sql/text-edit';
import { givenKeys, mayBeFirst } from './given-keys';
import { keyVariable } from './key-edits';
import type { RowKey } from './row-keys';

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
/** True behind a row whose expression brought a key above the run's. */
export const jumpVariable = '@duara_j';

/** Edits that give later rows their keys, where the server would not, or may not, go on from `first`. */
export function rowEdits(written: readonly RowKey[], first: bigint, anyKeyJumps = false): TextEdit[] {
  // A parameter of a text (EXECUTE … USING) is as any expression.
  const rows = written.map((row): RowKey =>
    row.kind === 'parameter' ? { kind: 'unknown', expression: row.token } : row,
  );
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

/** The key, of which the client is told if it is the first that is given in the statement whose run begins at `first`. */
function toldOnce(key: string, first: string): string {
  const none = key.startsWith('@') ? ` OR ${key} IS NULL` : '';
  return `IF(${toldVariable}<=>${first}${none},${key},LAST_INSERT_ID(${key}+0*(${toldVariable}:=${first})))`;
}

/**
 * Puts `key` in the place of what the row brings, or behind it where that is an expression. `jumped`: decides whether the key
 * counts; 'look': it does not, but the expression's value is wanted; null: it counts.
 */
function valueEdits(row: RowKey, key: string, jumped: string | null): TextEdit[] {
  if (row.kind === 'generated' && row.literal !== null) {
    const { start, end } = row.literal;
    return [{ start, end, text: jumped === null ? key : `IF(${jumped},${key},NULL)` }];
  }
  if (row.kind !== 'unknown' || row.expression === null) return [];
  const { start, end } = row.expression;
  if (jumped === null) return wrapped(start, end, 'IFNULL(', `,${key})`);
  if (jumped === 'look') return wrapped(start, end, `(${valueVariable}:=`, ')');
  // The value before is looked at before it gives way to this one; a test the server cannot foresee keeps it from folding.
  const before = `IFNULL(IF((${jumped})<2,(${valueVariable}:=`;
  return wrapped(start, end, before, `),NULL),IF(${jumpVariable},${key},NULL))`);
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
    const { start, end } = row.expression;
    return wrapped(start, end, `IFNULL((${valueVariable}:=`, `),${key})`);
  });
}

type Expression = RowKey & {
  readonly kind: 'unknown';
  readonly expression: { readonly start: number; readonly end: number };
};

function isExpression(row: RowKey): row is Expression {
  return row.kind === 'unknown' && row.expression !== null;
}
