import type { Statement } from './classifier';
import { type TableName, TokenCursor } from './token-cursor';
import type { Token } from './tokenizer';

/** What a statement on one table says of its rows by `column = integer` conditions that all must hold. */
export interface PointConditions {
  /** Column, in lower case, to the integer. */
  readonly equals: ReadonlyMap<string, PointValue>;
  /** Columns, in lower case, that some other literal is compared with in the same way. */
  readonly unequal: ReadonlySet<string>;
  /** UPDATE: the columns that it sets, in lower case. */
  readonly sets: ReadonlySet<string>;
}

export interface PointValue {
  /** In decimal. */
  readonly value: string;
  /** Byte offset of the literal. */
  readonly start: number;
  /** The column is compared with one literal only. */
  readonly once: boolean;
}

/**
 * The conditions of `SELECT … FROM t [AS a] WHERE …`, `UPDATE t [AS a] SET … WHERE …` or `DELETE FROM t WHERE …`: one
 * table, written in just this form. null for any other form. `text` is the statement's own text.
 */
export function pointConditions(text: string, { kind, tokens, body, prefix }: Statement): PointConditions | null {
  if (prefix !== null) return null;
  const cursor = new TokenCursor(tokens, body + 1);
  switch (kind) {
    case 'select': {
      if (tokens[body]?.upper !== 'SELECT' || !skipPlainColumns(cursor)) return null;
      const names = tableAndAlias(cursor);
      return names === null ? null : conditions(text, cursor, names, new Set());
    }
    case 'update': {
      const names = tableAndAlias(cursor);
      if (names === null || !cursor.accept('SET')) return null;
      const sets = assignedColumns(cursor);
      return sets === null ? null : conditions(text, cursor, names, sets);
    }
    case 'delete': {
      if (!cursor.accept('FROM')) return null;
      const names = tableAndAlias(cursor);
      return names === null ? null : conditions(text, cursor, names, new Set());
    }
    default:
      return null;
  }
}

/** Behind FROM, if what is selected is columns and nothing that would give a row where there is none (COUNT). */
function skipPlainColumns(cursor: TokenCursor): boolean {
  for (; !cursor.done; cursor.at += 1) {
    const upper = cursor.upper();
    if (upper === '(') return false;
    if (upper === 'FROM') {
      cursor.at += 1;
      return true;
    }
  }
  return false;
}

/** Names by which columns may be qualified, in lower case; the table's last. */
function tableAndAlias(cursor: TokenCursor): readonly string[] | null {
  const table: TableName | null = cursor.tableName();
  if (table === null) return null;
  const as = cursor.accept('AS');
  const next = cursor.upper();
  if (next === 'WHERE' || next === 'SET') return as ? null : [table.table.toLowerCase()];
  const alias = cursor.name();
  // With an alias the table's own name means nothing.
  return alias === null ? null : [alias.toLowerCase()];
}

function assignedColumns(cursor: TokenCursor): Set<string> | null {
  const columns = new Set<string>();
  for (;;) {
    let column = cursor.name();
    while (column !== null && cursor.accept('.')) column = cursor.name();
    if (column === null || !cursor.accept('=', ':=')) return null;
    columns.add(column.toLowerCase());
    const end = cursor.seek(',', 'WHERE', 'ORDER', 'LIMIT', 'RETURNING');
    if (end === 'WHERE') return columns;
    if (end !== ',') return null;
    cursor.at += 1;
  }
}

/** Outside parentheses: what makes a condition one that need not hold, or an AND behind it belong to something else. */
const looseWords = new Set(
  'OR || XOR && := BETWEEN CASE UNION EXCEPT INTERSECT SELECT GROUP HAVING WINDOW PROCEDURE INTO FOR LOCK RETURNING FETCH OFFSET'.split(
    ' ',
  ),
);
/** What may follow a condition. */
const ends = new Set(['AND', 'ORDER', 'LIMIT']);

function conditions(
  text: string,
  cursor: TokenCursor,
  names: readonly string[],
  sets: ReadonlySet<string>,
): PointConditions | null {
  if (!cursor.accept('WHERE')) return null;
  const equals = new Map<string, PointValue>();
  const unequal = new Set<string>();
  let conditionStarts = true;
  while (!cursor.done) {
    const upper = cursor.upper();
    if (looseWords.has(upper)) return null;
    if (upper === 'ORDER' || upper === 'LIMIT') return restIsPlain(cursor) ? { equals, unequal, sets } : null;
    if (conditionStarts) {
      const found = equality(text, cursor, names, unequal);
      if (found !== null) {
        const { column, value, start } = found;
        // Given twice, with different values: no row, whichever is taken.
        equals.set(column, { value, start, once: !equals.has(column) && !unequal.has(column) });
        conditionStarts = false;
        continue;
      }
    }
    conditionStarts = upper === 'AND';
    if (upper === '(') {
      const open = cursor.at;
      if (!cursor.skipGroup() || cursor.tokens.slice(open, cursor.at).some(isSelect)) return null;
    } else cursor.at += 1;
  }
  return { equals, unequal, sets };
}

/** Behind ORDER BY and LIMIT another query may follow. */
function restIsPlain({ tokens, at }: TokenCursor): boolean {
  return !tokens.slice(at).some((token) => isSelect(token) || looseWords.has(token.upper));
}

function isSelect({ kind, upper }: Token): boolean {
  return kind === 'word' && upper === 'SELECT';
}

/** `[name.]column = integer`, if that is a whole condition; moves behind it. Any other literal makes it `unequal`. */
function equality(
  text: string,
  cursor: TokenCursor,
  names: readonly string[],
  unequal: Set<string>,
): { readonly column: string; readonly value: string; readonly start: number } | null {
  const start = cursor.at;
  let column = cursor.name();
  if (column !== null && cursor.accept('.')) {
    const named = names.includes(column.toLowerCase());
    column = named ? cursor.name() : null;
  }
  if (column !== null && cursor.accept('=')) {
    const token = cursor.tokens[cursor.at];
    const written = token?.kind === 'number' || token?.kind === 'string';
    const value = written ? canonicalInteger(text, token.start, token.end) : null;
    cursor.at += 1;
    if (token !== undefined && value !== null && (cursor.done || ends.has(cursor.upper()))) {
      return { column: column.toLowerCase(), value, start: token.start };
    }
    if (written) unequal.add(column.toLowerCase());
  }
  cursor.at = start;
  return null;
}

/**
 * The number or string from `start` to `end`, 5 or '5': written as the server would write it, so that equal keys are equal
 * texts. null for 05, 5.0, 1e1, '5abc'.
 */
export function canonicalInteger(text: string, start: number, end: number): string | null {
  const quoted = text.charAt(start) === "'";
  const written = quoted ? text.slice(start + 1, end - 1) : text.slice(start, end);
  // Up to 2^53 a comparison by floating point, should the server make one, is exact.
  return /^(0|[1-9][0-9]{0,15})$/.test(written) && Number.isSafeInteger(Number(written)) ? written : null;
}
