import type { FullName } from '../ports';
import { calledFunctions, isBuiltinFunction } from '../sql/builtin-functions';
import { classify, parseText } from '../sql/classifier';
import { bytesOf, nameOf } from '../sql/names';
import { defaultSqlMode } from '../sql/sql-mode';
import type { TableName } from '../sql/token-cursor';
import { type Token, tokenize } from '../sql/tokenizer';
import { tokensReason } from './cacheability';

/**
 * What the server's own texts of views and triggers say of tables. They are written in the sql_mode of their making, so
 * that one with a backslash or a double quote is not read; what is not read counts as unknown.
 */
function readable(definition: string): string | null {
  const text = bytesOf(definition);
  return text === '' || text.includes('\\') || text.includes('"') ? null : text;
}

/** Tables (or views) that a view reads; null: not known, or its rows depend on more than tables. */
export function tablesOfView(definition: string): readonly FullName[] | null {
  const text = readable(definition);
  if (text === null) return null;
  const { statements, broken } = parseText(text, defaultSqlMode);
  const [statement] = statements;
  if (broken || statements.length !== 1 || statement?.kind !== 'select' || statement.effect !== 'read') return null;
  const { reads } = statement.tables;
  if (reads === null || tokensReason(statement) !== null) return null;
  return fullNames(reads, null);
}

/** Whether a view calls stored functions: the server writes them with their schema, as it does with no other. */
export function viewCallsStored(definition: string): boolean {
  const { tokens, broken } = tokenize(bytesOf(definition), defaultSqlMode);
  return broken || calledFunctions(tokens, 0).some((called) => called.includes('.'));
}

/** Tables that a trigger's body may write; `schema` is the trigger's own. null: not known. */
export function tablesOfTrigger(body: string, schema: string): readonly FullName[] | null {
  const text = readable(body);
  if (text === null) return null;
  const { tokens, broken } = tokenize(text, defaultSqlMode);
  if (broken) return null;
  const written: TableName[] = [];
  const others: Token[] = [];
  for (let at = 0; at < tokens.length;) {
    const token = tokens[at] as Token;
    if (token.kind === 'word' && unfollowed.has(token.upper)) return null;
    if (!writes(tokens, at)) {
      others.push(token);
      at += 1;
      continue;
    }
    const end = tokens.findIndex(({ kind }, index) => index > at && kind === 'separator');
    const statement = classify(tokens.slice(at, end < 0 ? tokens.length : end));
    if (statement.tables.writes === null) return null;
    written.push(...statement.tables.writes);
    at = end < 0 ? tokens.length : end;
  }
  if (!calledFunctions(others, 0).every(isBuiltinFunction)) return null;
  return fullNames(written, schema);
}

/** A procedure, or a text made at run time, may write anywhere. */
const unfollowed = new Set(['CALL', 'EXECUTE', 'PREPARE', 'LOAD']);
const verbs = new Set(['INSERT', 'REPLACE', 'UPDATE', 'DELETE']);

/** Whether a statement that writes starts here: not INSERT(…), not ON DUPLICATE KEY UPDATE. */
function writes(tokens: readonly Token[], at: number): boolean {
  const token = tokens[at];
  if (token?.kind !== 'word' || !verbs.has(token.upper)) return false;
  const previous = tokens[at - 1];
  return tokens[at + 1]?.text !== '(' && previous?.text !== '.' && previous?.upper !== 'KEY';
}

function fullNames(names: readonly TableName[], schema: string | null): readonly FullName[] | null {
  const full: FullName[] = [];
  for (const { schema: own, table } of names) {
    const owner = own === null ? schema : nameOf(own);
    if (owner === null) return null;
    full.push({ schema: owner, table: nameOf(table) });
  }
  return full;
}
