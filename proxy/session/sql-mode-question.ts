import { charsetNamed } from '../sql/client-charset';
import { ownQuery } from '../wire/command';
import { PacketFramer } from '../wire/packet-framer';
import { decodeError, type ErrorPacket } from '../wire/response';
import type { CommandOutcome } from './command-outcome';
import { type ServerReply, swallowedReply } from './pending-reply';
import { type Isolation, isolationOf } from './session-fingerprint';
import { queryAttributes, type SessionState } from './session-state';
import { sqlModeExpression, withSqlMode } from './settings';
import { withEntry } from './sparse';
import { rowOf } from './text-row';

/** What sessions begin with. */
export interface SessionDefaults {
  readonly sqlMode: string;
  /** null: not told. */
  readonly commandBytesMax: number | null;
  readonly isolation: Isolation;
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
