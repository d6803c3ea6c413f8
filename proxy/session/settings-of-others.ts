import type { Statement } from '../sql/classifier';
import { setAssignments } from '../sql/set-assignments';

/** Sessions that begin from here on may have other rights or settings than those that are there, or not be let in. */
export function changesOthers(statement: Statement): boolean {
  return setsGlobal(statement) || changesLogins(statement);
}

function setsGlobal(statement: Statement): boolean {
  return statement.kind === 'set' && (setAssignments(statement)?.some(({ scope }) => scope === 'global') ?? false);
}

/** Sessions that begin from here on may have other rights than those that are there, or not be let in. */
export function changesLogins({ kind, tokens, body }: Statement): boolean {
  const verb = tokens[body]?.upper ?? '';
  if (verb === 'FLUSH' || verb === 'GRANT' || verb === 'REVOKE') return true;
  if (kind !== 'ddl' && kind !== 'set') return false;
  // CREATE OR REPLACE USER, SET DEFAULT ROLE, SET PASSWORD FOR; a login names a schema, too
  return [1, 2, 3].some((ahead) => loginParts.has(tokens[body + ahead]?.upper ?? ''));
}

const loginParts: ReadonlySet<string> = new Set(['USER', 'ROLE', 'PASSWORD', 'SCHEMA', 'DATABASE']);
