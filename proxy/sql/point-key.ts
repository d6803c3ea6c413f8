import type { Statement } from './classifier';
import { type TableName, TokenCursor } from './token-cursor';
import type { Token } from './tokenizer';

/** What a statement on one table says of its rows by `column = integer` conditions that all must hold. */
export interface PointConditions {
  /** Column, in lower case, to the integer in decimal. */
  readonly equals: ReadonlyMap<string, string>;
  /** UPDATE: the columns that it sets, in lower case. */
  readonly sets: ReadonlySet<string>;
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
  const equals = new Map<string, string>();
  let conditionStarts = true;
  while (!cursor.done) {
    const upper = cursor.upper();
    if (looseWords.has(upper)) return null;
    if (upper === 'ORDER' || upper === 'LIMIT') return restIsPlain(cursor) ? { equals, sets } : null;
    if (conditionStarts) {
      const found = equality(text, cursor, names);
      if (found !== null) {
        // Given twice, with different values: no row, whichever is taken.
        equals.set(found.column, found.value);
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
  return { equals, sets };
}

/** Behind ORDER BY and LIMIT another query may follow. */
function restIsPlain({ tokens, at }: TokenCursor): boolean {
  return !tokens.slice(at).some((token) => isSelect(token) || looseWords.has(token.upper));
}

function isSelect({ kind, upper }: Token): boolean {
  return kind === 'word' && upper === 'SELECT';
}

/** `[name.]column = integer`, if that is a whole condition; moves behind it. */
function equality(
  text: string,
  cursor: TokenCursor,
  names: readonly string[],
): { readonly column: string; readonly value: string } | null {
  const start = cursor.at;
  let column = cursor.name();
  if (column !== null && cursor.accept('.')) {
    const named = names.includes(column.toLowerCase());
    column = named ? cursor.name() : null;
  }
  if (column !== null && cursor.accept('=')) {
    const value = canonicalInteger(text, cursor.tokens[cursor.at]);
    cursor.at += 1;
    if (value !== null && (cursor.done || ends.has(cursor.upper()))) return { column: column.toLowerCase(), value };
  }
  cursor.at = start;
  return null;
}

/** 5 or '5': written as the server would write it, so that equal keys are equal texts. null for 05, 5.0, 1e1, '5abc'. */
function canonicalInteger(text: string, token: Token | undefined): string | null {
  if (token === undefined) return null;
  const written =
    token.kind === 'number'
      ? text.slice(token.start, token.end)
      : token.kind === 'string' && text.charAt(token.start) === "'"
        ? text.slice(token.start + 1, token.end - 1)
        : '';
  // Up to 2^53 a comparison by floating point, should the server make one, is exact.
  return /^(0|[1-9][0-9]{0,15})$/.test(written) && Number.isSafeInteger(Number(written)) ? written : null;
}
