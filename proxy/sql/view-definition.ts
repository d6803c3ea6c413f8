import type { SqlMode } from './sql-mode';
import { TokenCursor } from './token-cursor';
import { type Token, tokenize } from './tokenizer';

/** A column of a table, as a view names it. */
export interface SourceColumn {
  readonly schema: string;
  readonly table: string;
  readonly column: string;
}

/**
 * Where each column of a view comes from, by its name; null for what is computed. `definition`: the text in
 * information_schema.views (one character a byte), where every name is quoted and every column has its alias. Columns of a
 * view that is not a plain SELECT are missing.
 */
export function viewColumns(definition: string, mode: SqlMode): ReadonlyMap<string, SourceColumn | null> {
  const columns = new Map<string, SourceColumn | null>();
  const cursor = new TokenCursor(tokenize(definition, mode).tokens);
  if (!cursor.accept('SELECT')) return columns;
  const items: { readonly alias: string; readonly path: readonly string[] | null }[] = [];
  do {
    const from = cursor.at;
    cursor.seek(',', 'FROM');
    const item = cursor.tokens.slice(from, cursor.at);
    const alias = item[item.length - 1];
    if (alias !== undefined) items.push({ alias: alias.text, path: namePath(item.slice(0, -2)) });
  } while (cursor.accept(','));
  if (!cursor.accept('FROM')) return columns;
  const tables = sourceTables(cursor);
  if (tables === null) return columns;
  for (const { alias, path } of items) {
    const column = path?.[path.length - 1];
    const table = path === null ? undefined : tables.get(path.slice(0, -1).join('\0'));
    columns.set(alias, table === undefined || column === undefined ? null : { ...table, column });
  }
  return columns;
}

/** `a`.`b`.`c` alone; null for anything else. */
function namePath(tokens: readonly Token[]): readonly string[] | null {
  const dots = tokens.every(({ kind, text }, at) => (at % 2 === 0 ? kind === 'name' : text === '.'));
  return dots && tokens.length % 2 === 1 ? tokens.filter((_token, at) => at % 2 === 0).map(({ text }) => text) : null;
}

const ends = new Set(['WHERE', 'GROUP', 'HAVING', 'ORDER', 'LIMIT', 'UNION', 'EXCEPT', 'INTERSECT', 'PROCEDURE']);

/** The tables of a FROM clause, by what stands for them in front of a column; null when there is a query among them. */
function sourceTables(
  cursor: TokenCursor,
): ReadonlyMap<string, { readonly schema: string; readonly table: string }> | null {
  const tables = new Map<string, { readonly schema: string; readonly table: string }>();
  while (!cursor.done) {
    const upper = cursor.upper();
    if (ends.has(upper)) return upper === 'WHERE' || upper === 'ORDER' ? tables : null;
    if (upper === 'SELECT') return null;
    if (upper === 'ON' || upper === 'USING') {
      cursor.at += 1;
      if (cursor.upper() === '(') cursor.skipGroup();
      continue;
    }
    if (cursor.kind() !== 'name') {
      cursor.at += 1;
      continue;
    }
    const name = cursor.tableName();
    if (name?.schema === null || name === null) return null;
    const table = { schema: name.schema, table: name.table };
    if (cursor.kind() === 'name') tables.set(cursor.name() ?? '', table);
    else {
      tables.set(`${name.schema}\0${name.table}`, table);
      tables.set(name.table, table);
    }
  }
  return tables;
}
