import { withSqlMode } from '../proxy/session/settings';
import { hiddenDefinitions } from '../proxy/sql/hidden-definitions';
import { bytesOf, nameOf } from '../proxy/sql/names';
import { defaultSqlMode } from '../proxy/sql/sql-mode';
import { tokenize } from '../proxy/sql/tokenizer';
import type { Query, SqlRow } from './database-pool';

const proceduresSql =
  'SELECT routine_schema AS s, routine_name AS name, routine_definition AS body, sql_mode AS mode ' +
  "FROM information_schema.routines WHERE routine_type = 'PROCEDURE' AND routine_schema NOT IN ('sys', 'mysql')";

/** Two that the server may tell apart share a key: then both have to be quiet. */
export function procedureKey(schema: string, procedure: string): string {
  return `${schema}\0${procedure}`.toLowerCase();
}

/**
 * Keys of the procedures that leave definitions, rights and what sessions begin with as they are, and call only such ones. (A
 * function or a trigger cannot but do so.) Those of the server's own schemas are not looked into.
 */
export async function quietProcedures(query: Query): Promise<ReadonlySet<string>> {
  const calls = new Map<string, string[]>();
  const loud = new Set<string>();
  for (const row of await query(proceduresSql)) {
    const key = procedureKey(String(row['s']), String(row['name']));
    const called = calledQuietly(row);
    if (called === null) loud.add(key);
    else calls.set(key, [...(calls.get(key) ?? []), ...called]);
  }
  for (const key of loud) calls.delete(key);
  for (let before = -1; before !== calls.size;) {
    before = calls.size;
    for (const [key, called] of calls) if (!called.every((each) => calls.has(each))) calls.delete(key);
  }
  return new Set(calls.keys());
}

/** Keys of what it calls; null: it is not quiet itself, or the account may not read it. */
function calledQuietly({ s, body, mode }: SqlRow): readonly string[] | null {
  if (typeof body !== 'string') return null;
  const { tokens, broken } = tokenize(bytesOf(body), withSqlMode(defaultSqlMode, String(mode ?? '')));
  const { defines, calls } = hiddenDefinitions(tokens);
  if (broken || defines) return null;
  return calls.map(({ schema, table }) => procedureKey(schema === null ? String(s) : nameOf(schema), nameOf(table)));
}
