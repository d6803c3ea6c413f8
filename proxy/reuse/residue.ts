import { calledFunctions } from '../sql/builtin-functions';
import type { ParsedText, Statement } from '../sql/classifier';
import { setAssignments } from '../sql/set-assignments';

/**
 * What a session leaves behind on its connection when its client goes. none: nothing that anyone could notice until
 * COM_CHANGE_USER clears it. reset: what other sessions may wait for or see (locks, an open transaction, temporary tables,
 * prepared statements): COM_RESET_CONNECTION frees it at once, as the end of the connection would. unknown: perhaps
 * something that neither clears; the connection ends.
 */
export type Residue = 'none' | 'reset' | 'unknown';

export function worse(a: Residue, b: Residue): Residue {
  if (a === 'unknown' || b === 'unknown') return 'unknown';
  return a === 'reset' || b === 'reset' ? 'reset' : 'none';
}

/** Asked for each statement of each session: texts are parsed once, and judged once. */
const judged = new WeakMap<ParsedText, Residue>();
let last: { readonly parsed: ParsedText; readonly residue: Residue } | null = null;

/** What running a text may leave behind, whether it succeeds or not. */
export function residueOf(parsed: ParsedText): Residue {
  if (last?.parsed === parsed) return last.residue;
  const residue = judged.get(parsed) ?? judge(parsed);
  // One object for many texts: a burst of what is alike.
  last = { parsed, residue };
  return residue;
}

function judge(parsed: ParsedText): Residue {
  let residue: Residue = parsed.broken ? 'unknown' : 'none';
  for (const statement of parsed.statements) residue = worse(residue, residueOfStatement(statement));
  if (parsed.kept === true) judged.set(parsed, residue);
  return residue;
}

function residueOfStatement(statement: Statement): Residue {
  const { kind, effect, tokens } = statement;
  // A stored function or procedure may set what is not ours to know.
  if (effect === 'unknown') return 'unknown';
  switch (kind) {
    case 'select':
    case 'show':
    case 'use':
    case 'begin':
    case 'commit':
    case 'rollback':
    case 'savepoint':
      return locksLeft(tokens);
    case 'set':
      if (!setClearedByChangeUser(statement)) return 'unknown';
      return endsSessions(statement) ? 'reset' : locksLeft(tokens);
    case 'insert':
    case 'replace':
    case 'load':
    case 'update':
    case 'delete':
    case 'ddl':
    case 'prepare':
    case 'deallocate':
      // A trigger may take a lock or make a temporary table.
      return 'reset';
    case 'call':
    case 'execute':
    case 'lock':
    case 'other':
      return 'unknown';
  }
}

/** SET takes a lock as well as SELECT does, and so does the condition of a SHOW. */
function locksLeft(tokens: Statement['tokens']): Residue {
  return calledFunctions(tokens, 0).includes('GET_LOCK') ? 'reset' : 'none';
}

/**
 * Session variables of which COM_CHANGE_USER was seen to bring the server's own value back, on MariaDB 10.11, with nothing
 * besides that the variable does. (net_write_timeout, for one, is not among them: it is told to the socket when it is set,
 * and only then.)
 */
const cleared = new Set(
  `
  names autocommit sql_mode time_zone timestamp insert_id last_insert_id identity foreign_key_checks unique_checks
  character_set_client character_set_connection character_set_results collation_connection collation_database
  character_set_database tx_isolation transaction_isolation tx_read_only transaction_read_only sql_safe_updates
  sql_select_limit group_concat_max_len max_statement_time lock_wait_timeout innodb_lock_wait_timeout wait_timeout
  interactive_timeout sql_quote_show_create sql_notes sql_warnings sql_big_selects max_join_size optimizer_switch
  sort_buffer_size join_buffer_size tmp_table_size max_heap_table_size lc_time_names div_precision_increment
  auto_increment_increment auto_increment_offset rand_seed1 rand_seed2 sql_auto_is_null sql_log_bin
  `
    .trim()
    .split(/\s+/),
);

function setClearedByChangeUser(statement: Statement): boolean {
  const assignments = setAssignments(statement);
  if (assignments === null) return isTransactionSetting(statement);
  return assignments.every(({ scope, name }) => scope === 'user' || (scope === 'session' && cleared.has(name)));
}

/** What the server does of its own accord, while the next client, who was let in without it, has not asked anything. */
function endsSessions(statement: Statement): boolean {
  return setAssignments(statement)?.some(({ name }) => name === 'wait_timeout') ?? false;
}

/** SET [SESSION | LOCAL] TRANSACTION …. */
function isTransactionSetting({ tokens, body }: Statement): boolean {
  const first = tokens[body + 1]?.upper;
  return (first === 'SESSION' || first === 'LOCAL' ? tokens[body + 2]?.upper : first) === 'TRANSACTION';
}
