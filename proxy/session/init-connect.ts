import type { ParsedText } from '../sql/classifier';
import { setAssignments } from '../sql/set-assignments';
import { transactionSetting } from './session-fingerprint';

const modes = new Set(['sql_mode', 'tx_isolation', 'transaction_isolation']);

/**
 * Whether sessions begin with the server's own sql_mode and isolation level, though the server has done this for
 * them first (init_connect, which it does not do for accounts with many rights).
 */
export function keepsModes({ statements, broken }: ParsedText): boolean {
  if (broken) return false;
  return statements.every((statement) => {
    if (statement.kind !== 'set') return statement.effect === 'read' || statement.effect === 'write';
    if (transactionSetting(statement) !== null) return false;
    const assignments = setAssignments(statement);
    return assignments !== null && assignments.every(({ scope, name }) => scope === 'user' || !modes.has(name));
  });
}
