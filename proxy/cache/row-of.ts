import type { TableInfo } from '../ports';
import type { Statement } from '../sql/classifier';
import { pointConditions } from '../sql/point-key';
import { defaultSqlMode } from '../sql/sql-mode';
import { tokenize } from '../sql/tokenizer';

/**
 * The one row that a statement reads or writes, by its primary key's integers in key order; null: any rows. A write that
 * sets a column of the key touches another row too.
 */
export function rowOf(text: string, statement: Statement, info: TableInfo): readonly string[] | null {
  if (info.integerKey !== true || info.kind !== 'base') return null;
  const conditions = pointConditions(text, ownTokens(text, statement));
  if (conditions === null) return null;
  const key: string[] = [];
  for (const name of info.primaryKey) {
    const column = latin1(name).toLowerCase();
    const value = conditions.equals.get(column);
    if (value === undefined || conditions.sets.has(column)) return null;
    key.push(value);
  }
  return key.length === 0 ? null : key;
}

/** With the text's own literals. */
function ownTokens(text: string, statement: Statement): Statement {
  return statement.ofShape === true ? { ...statement, tokens: tokenize(text, defaultSqlMode).tokens } : statement;
}

/** Names in SQL text are bytes, one character each. */
function latin1(name: string): string {
  return Buffer.from(name, 'utf8').toString('latin1');
}
