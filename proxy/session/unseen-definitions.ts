import type { Statement } from '../sql/classifier';
import { type HiddenDefinitions, hiddenDefinitions } from '../sql/hidden-definitions';
import { nameOf } from '../sql/names';
import type { TableName } from '../sql/token-cursor';
import type { ProxyServices } from './proxy-services';
import type { SessionState } from './session-state';
import type { Scope } from './table-lookup';
import type { Waiting } from './waits';

const found = new WeakMap<Statement, HiddenDefinitions>();

/**
 * Whether a statement may change definitions, rights, or what sessions begin with, where nobody sees it: in a procedure or in
 * a compound statement.
 */
export function definesUnseen(
  statement: Statement,
  scope: Scope,
  state: SessionState,
  { catalog }: ProxyServices,
): boolean | Waiting {
  const { kind, effect, tokens, body } = statement;
  if (kind !== 'call' && (kind !== 'other' || effect !== 'unknown')) return false;
  // As a statement of its own it is seen.
  if (tokens[body]?.upper === 'FLUSH') return false;
  let hidden = found.get(statement);
  if (hidden === undefined) found.set(statement, (hidden = hiddenDefinitions(tokens, body)));
  if (hidden.defines) return true;
  for (const called of hidden.calls) {
    const name = procedureName(called, scope);
    const quiet = name === null ? false : (catalog.isQuietProcedure?.(name.schema, name.procedure) ?? null);
    if (quiet === false) return true;
    if (quiet !== null) continue;
    if (catalog.loadProcedures === undefined || state.catalogAway) return true;
    return { kind: 'wait', what: 'procedures', ready: catalog.loadProcedures() };
  }
  return false;
}

function procedureName({ schema, table }: TableName, scope: Scope): { schema: string; procedure: string } | null {
  const owner = schema ?? scope.schema;
  return owner === null ? null : { schema: nameOf(owner), procedure: nameOf(table) };
}
