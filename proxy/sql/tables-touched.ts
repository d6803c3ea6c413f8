import { TokenCursor, type TableName } from './token-cursor';
import type { Token } from './tokenizer';

/** Tables that a statement names; null when that cannot be told. Triggers, views and cascades may widen it. */
export interface TablesTouched {
  readonly reads: readonly TableName[] | null;
  readonly writes: readonly TableName[] | null;
}

const nothing: readonly TableName[] = [];

/** Words behind which a table follows, or a list of them. */
const tableWords = new Set(['FROM', 'JOIN', 'STRAIGHT_JOIN']);
/** Words that may stand between such a word and the table. */
const beforeTable = new Set(['LATERAL']);
const indexWords = new Set(['INDEX', 'KEY']);
/** Words that end a list of tables. */
const clauseWords = new Set(
  'WHERE GROUP HAVING ORDER LIMIT UNION EXCEPT INTERSECT FOR LOCK INTO SET ON USING WINDOW PROCEDURE RETURNING FETCH OFFSET VALUES SELECT'.split(
    ' ',
  ),
);

/** Tables named behind FROM and JOIN anywhere in the tokens, subqueries included; null with common table expressions. */
export function tablesRead(tokens: readonly Token[], from: number): readonly TableName[] | null {
  const cursor = new TokenCursor(tokens, from);
  const tables: TableName[] = [];
  /** What holds outside of each open parenthesis. */
  const groups: { readonly inTables: boolean; readonly functionFrom: boolean }[] = [];
  let inTables = false;
  /** A FROM here belongs to the function. */
  let functionFrom = false;
  let expectTable = false;
  while (!cursor.done) {
    const upper = cursor.upper();
    if (upper === 'WITH' && startsCommonTable(cursor)) return null;
    if (upper === '(') {
      groups.push({ inTables, functionFrom });
      functionFrom = functionsWithFrom.has(cursor.upper(-1));
      // "FROM (a, b)" lists tables, "FROM (SELECT …)" does not.
      inTables = expectTable;
      cursor.at += 1;
    } else if (upper === ')') {
      ({ inTables, functionFrom } = groups.pop() ?? { inTables: false, functionFrom: false });
      expectTable = false;
      cursor.at += 1;
    } else if (tableWords.has(upper) && !(functionFrom && upper === 'FROM') && cursor.upper(-1) !== 'FOR') {
      inTables = true;
      expectTable = true;
      cursor.at += 1;
    } else if (upper === 'FOR' && indexWords.has(cursor.upper(-1))) {
      // USE INDEX FOR JOIN (i), FOR ORDER BY (i): the list of tables goes on behind it.
      cursor.at += cursor.upper(1) === 'JOIN' ? 2 : 3;
    } else if (clauseWords.has(upper)) {
      // "ON" ends a table, but the list goes on behind the condition's comma or JOIN.
      if (upper !== 'ON' && upper !== 'USING') inTables = false;
      if (upper === 'SELECT') functionFrom = false;
      expectTable = false;
      cursor.at += 1;
    } else if (upper === ',') {
      expectTable = inTables;
      cursor.at += 1;
    } else if (expectTable && !beforeTable.has(upper)) {
      const table = cursor.tableName();
      if (table === null) return null;
      // JSON_TABLE(…), a sequence or another table function.
      if (cursor.upper() === '(') return null;
      tables.push(table);
      expectTable = false;
    } else {
      cursor.at += 1;
    }
  }
  return tables;
}

function startsCommonTable(cursor: TokenCursor): boolean {
  const next = cursor.upper(1);
  // WITH ROLLUP, WITH TIES, WITH CONSISTENT SNAPSHOT, WITH PARSER name nothing.
  return next !== 'ROLLUP' && next !== 'TIES' && next !== 'CONSISTENT' && next !== 'PARSER';
}

/** Functions with a FROM of their own: `f(… FROM …)`. */
const functionsWithFrom = new Set(['EXTRACT', 'TRIM', 'SUBSTRING', 'SUBSTR', 'MID', 'TRIM_ORACLE']);

/** UPDATE: every table before SET counts as written, though a join may only read it. */
export function tablesUpdated(tokens: readonly Token[], from: number): TablesTouched {
  const cursor = new TokenCursor(tokens, from + 1);
  while (cursor.accept('LOW_PRIORITY', 'IGNORE'));
  const start = cursor.at;
  if (cursor.seek('SET') === null) return { reads: null, writes: null };
  const from0: Token = { kind: 'word', text: 'FROM', upper: 'FROM', start: 0, end: 0 };
  const writes = tablesRead([from0, ...tokens.slice(start, cursor.at)], 0);
  return { reads: tablesRead(tokens, cursor.at), writes };
}

/** DELETE: every table named behind FROM and USING counts as written; aliases among them do no harm. */
export function tablesDeleted(tokens: readonly Token[], from: number): TablesTouched {
  const asFrom = tokens.slice(from).map((token, index, all) => {
    const using = token.kind === 'word' && token.upper === 'USING' && all[index + 1]?.text !== '(';
    return using ? { ...token, upper: 'FROM' } : token;
  });
  const tables = tablesRead(asFrom, 0);
  return { reads: tables, writes: tables };
}

export const touchesNothing: TablesTouched = { reads: nothing, writes: nothing };
export const touchesUnknown: TablesTouched = { reads: null, writes: null };
