import type { ParsedText } from '../sql/classifier';
import { type Assignment, setAssignments } from '../sql/set-assignments';
import { transactionSetting } from './session-fingerprint';

const charsets = new Set(['names', 'character_set_client']);

/** UTF-8 is what nearly all clients ask for themselves: see ClientCharset.perhapsUtf8 for the others. */
function keepsMode(text: string, { scope, name, value }: Assignment): boolean {
  if (scope === 'user') return true;
  if (!charsets.has(name)) return !modes.has(name);
  const [charset] = value;
  return charset !== undefined && /^['"]?utf8(mb[34])?['"]?$/i.test(text.slice(charset.start, charset.end));
}

const modes = new Set(['sql_mode', 'tx_isolation', 'transaction_isolation']);

/**
 * Whether sessions begin with the server's own sql_mode and isolation level, though the server has done this for
 * them first (init_connect, which it does not do for accounts with many rights).
 */
export function keepsModes(text: string, { statements, broken }: ParsedText): boolean {
  if (broken) return false;
  return statements.every((statement) => {
    if (statement.kind !== 'set') return statement.effect === 'read' || statement.effect === 'write';
    if (transactionSetting(statement) !== null) return false;
    const assignments = setAssignments(statement);
    return assignments !== null && assignments.every((one) => keepsMode(text, one));
  });
}
