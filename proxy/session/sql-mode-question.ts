import type { Statement } from '../sql/classifier';
import { charsetNamed } from '../sql/client-charset';
import { setAssignments } from '../sql/set-assignments';
import type { ServerVersion } from '../sql/sql-mode';
import { ownQuery } from '../wire/command';
import { PacketFramer } from '../wire/packet-framer';
import { decodeError, type ErrorPacket } from '../wire/response';
import type { CommandOutcome } from './command-outcome';
import { type ServerReply, swallowedReply } from './pending-reply';
import { type Isolation, isolationOf } from './session-fingerprint';
import { queryAttributes, type SessionState } from './session-state';
import { sqlModeExpression, statusTellsMode, withSqlMode } from './settings';
import { withEntry } from './sparse';
import type { StatementPlan } from './statement-plan';
import { rowOf } from './text-row';

/** What sessions begin with. */
export interface SessionDefaults {
  readonly sqlMode: string;
  /** null: not told. */
  readonly commandBytesMax: number | null;
  readonly isolation: Isolation;
}

/** What the session is like behind a text, its reply does not tell. */
export function mustAsk({ statements, effects }: StatementPlan, server: ServerVersion): boolean {
  return effects.some(
    ({ settings: { charset, sqlMode } }) => charset === 'ask' || (sqlMode === 'ask' && !tellsMode(statements, server)),
  );
}

/** A lone SET of nothing else: the status of its reply tells the new sql_mode. */
function tellsMode(statements: readonly Statement[], server: ServerVersion): boolean {
  const [statement] = statements;
  if (statements.length !== 1 || statement?.kind !== 'set' || statement.prefix !== null) return false;
  return setAssignments(statement)?.length === 1 && statusTellsMode(server);
}

/** The command that asks the backend for the session's sql_mode and character set, when the text of a SET does not tell, and more. */
export function askSqlMode(state: SessionState): Buffer {
  const { flavour, number } = state.mode.server;
  const isolation = flavour === 'mysql' || number >= 110_101 ? 'transaction_isolation' : 'tx_isolation';
  const sql = `SELECT @@SESSION.sql_mode, @@GLOBAL.max_allowed_packet, @@SESSION.${isolation}, @@SESSION.character_set_client`;
  return ownQuery(sql, queryAttributes(state));
}

/** The reply to it, which the client does not see. */
export function sqlModeReply(
  state: SessionState,
  learned: (defaults: SessionDefaults) => void = () => {},
): ServerReply {
  const collected: Buffer[] = [];
  const ended: ServerReply['ended'] = (summary) => {
    if (summary === null || summary.errorCode !== null) return;
    const [value, bytes, isolation, charset] = rowOf(Buffer.concat(collected));
    if (value === undefined || value === null) return;
    state.mode = withSqlMode(state.mode, value);
    if (charset) state.mode = { ...state.mode, charset: charsetNamed(charset) };
    learned({ sqlMode: value, commandBytesMax: Number(bytes ?? 0) || null, isolation: isolationOf(isolation) });
  };
  // Bytes of a chunk are lent for the call only.
  return swallowedReply(ended, { push: (bytes) => collected.push(Buffer.from(bytes)) }, true);
}

/**
 * Errors of a question that the statement behind it would have ended with, or that have rolled back its transaction already: sent
 * behind them it would stand alone.
 */
export const endsStatement: ReadonlySet<number> = new Set([
  1020, // ER_CHECKREAD: the row has changed since the transaction's snapshot
  1205, // ER_LOCK_WAIT_TIMEOUT
  1213, // ER_LOCK_DEADLOCK
  1317, // ER_QUERY_INTERRUPTED: KILL QUERY
  1969, // ER_STATEMENT_TIMEOUT (MariaDB)
  3024, // ER_QUERY_TIMEOUT (MySQL)
]);

/**
 * Asks the backend for the value of an expression; it is in `state.answers` when the command is judged again, or the error that
 * answers it in `state.questionError`.
 */
export function askExpression(expression: string, state: SessionState): Extract<CommandOutcome, { kind: 'ask' }> {
  const collected: Buffer[] = [];
  const ended: ServerReply['ended'] = (summary) => {
    const errorCode = summary?.errorCode ?? null;
    if (errorCode !== null && endsStatement.has(errorCode)) state.questionError = errorOf(Buffer.concat(collected));
    const [value] = summary?.errorCode === null ? rowOf(Buffer.concat(collected)) : [];
    state.answers = withEntry(state.answers, expression, value ?? null);
    // An answer that cannot be had is not waited for again.
    if (expression === sqlModeExpression) {
      const { ansiQuotes, noBackslashEscapes } = state.mode;
      state.mode = { ...withSqlMode(state.mode, value ?? ''), ansiQuotes, noBackslashEscapes };
    }
  };
  // As bytes of UTF-8, whatever the session's character sets are.
  const sql = `SELECT CAST(CONVERT(${expression} USING utf8mb4) AS BINARY)`;
  const reply = swallowedReply(ended, { push: (bytes) => collected.push(Buffer.from(bytes)) }, true);
  return { kind: 'ask', bytes: [ownQuery(sql, queryAttributes(state))], replies: [reply] };
}

/** The error that a reply ended with. */
function errorOf(reply: Buffer): ErrorPacket | null {
  const last = new PacketFramer().push(reply).pop();
  return last === undefined ? null : decodeError(last.payload);
}
