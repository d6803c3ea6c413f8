import { Capability, ServerStatus } from '../wire/constants';
import { asUtf8, type BeginningCharset, beginsInUtf8, charsetAtLogin } from '../sql/client-charset';
import { defaultSqlMode, type SqlMode } from '../sql/sql-mode';
import type { Residue } from '../reuse/residue';
import { type DeniedUsers, nobodyDenied } from './denied-users';
import type { ErrorPacket } from '../wire/response';
import type { ParsedText, Statement } from '../sql/classifier';
import type { ReplySummary } from './reply-summary';
import { noEntries, noMembers } from './sparse';

/** What is known of a session. Names are latin1, one character a byte of UTF-8, whatever the client's character set. */
export interface SessionState {
  /** The time of what is being handled, from the runner's monotonic clock. */
  nowMs: number;
  user: string;
  /** The client's address, when the server is told of it and may choose the account by it; else '': all come from us. */
  clientHost: string;
  deniedUsers: DeniedUsers;
  /** The client's link is TLS and the backend's plain TCP over a network: what the client may say in clear, we may not. */
  onlyClientSecure: boolean;
  /** The default schema; null when there is none. */
  schema: string | null;
  /** What both sides agreed on. */
  capabilities: number;
  mariaDbCapabilities: number;
  /** The server takes several statements in one text. */
  multiStatements: boolean;
  /** Character set id of the client's handshake response; negative after a reset, which may have changed it. */
  charset: number;
  begins: BeginningCharset;
  mode: SqlMode;
  /** ServerStatus flags of the last reply that had some. */
  status: number;
  /** An error in a transaction, since which no reply had any: the transaction may have ended with it. */
  statusDoubtful: boolean;
  /** The server may still tell of warnings or an error of a statement before. */
  warned: boolean;
  /** The last reply was an error by which nothing had run. */
  refused: boolean;
  /** A SET insert_id of the client waits for its next INSERT. */
  ownInsertId: boolean;
  /** A SET TRANSACTION holds for the next transaction, which any statement may be that reads a table. */
  nextTransactionSet: boolean;
  /** Prepared by COM_STMT_PREPARE, by statement id. */
  prepared: ReadonlyMap<number, PreparedStatement>;
  /** Tokens kept in `prepared`, about 100 bytes each. */
  preparedTokens: number;
  /** Prepared by PREPARE … FROM, by name (see looseName); null: the text is not known. */
  named: ReadonlyMap<string, NamedStatement | null>;
  /** Temporary tables, as schema.table: they hide tables of that name. */
  temporary: ReadonlySet<string>;
  /** Locks held beside those of transactions, as far as its texts tell. */
  locks: number;
  /** Values of expressions that were asked for the command at hand, by their text. */
  answers: ReadonlyMap<string, string | null>;
  /** Such a question ended with it, and it has ended more than the question: the command at hand ends with it as well. */
  questionError: ErrorPacket | null;
  /** The command at hand has waited for the catalog in vain: it is to be judged without. */
  catalogAway: boolean;
  /** Id that the last COM_STMT_PREPARE got: -1 in a later command means it (MariaDB). */
  lastPrepared: number;
  /** What the commands so far may have left on the connection, besides what stands above. */
  residue: Residue;
  /** No text of the client's was sent since its login over a connection that another client left. */
  usedConnection: boolean;
}

/** A text and its statements. */
export interface NamedStatement {
  readonly text: string;
  readonly statements: readonly Statement[];
  /** The default schema when it was prepared, in which it runs, and how it was read. */
  readonly schema: string | null;
  readonly mode: SqlMode;
  /** What it was prepared as: see foldedName. */
  readonly name?: string;
}

export interface PreparedStatement {
  readonly text: string;
  /** The default schema when it was prepared, which its names stay with. */
  readonly schema: string | null;
  readonly mode: SqlMode;
  /** SessionFingerprint's, then. */
  readonly reading: string;
  /** What it can be read as by again: see PreparedReadings. `reading`: null, that was not kept. */
  readonly readAs: { readonly schema: string | null; readonly reading: number | null };
  /** null: to be read anew for each execution, since the session has prepared too much to keep it. */
  readonly parsed: ParsedText | null;
  /** Those of `parsed`, as SessionState.preparedTokens counts them. */
  readonly tokens: number;
  readonly parameterCount: number;
  /** The text was changed to take its key from `keyVariable`. */
  readonly keyed: boolean;
  /** Types of its parameters, as last sent. */
  types: Buffer | null;
  /** Parameters whose values were sent ahead of the next execution. */
  readonly long: Set<number>;
}

export function newSessionState(): SessionState {
  return {
    nowMs: 0,
    user: '',
    clientHost: '',
    deniedUsers: nobodyDenied,
    onlyClientSecure: false,
    schema: null,
    capabilities: 0,
    mariaDbCapabilities: 0,
    multiStatements: false,
    charset: 0,
    begins: beginsInUtf8,
    mode: defaultSqlMode,
    status: 0,
    statusDoubtful: false,
    warned: false,
    refused: false,
    ownInsertId: false,
    nextTransactionSet: false,
    prepared: noEntries,
    preparedTokens: 0,
    named: noEntries,
    temporary: noMembers,
    locks: 0,
    answers: noEntries,
    questionError: null,
    catalogAway: false,
    lastPrepared: 0,
    residue: 'none',
    usedConnection: false,
  };
}

export interface ConnectionFacts {
  readonly user: string;
  readonly schema: string | null;
  readonly capabilities: number;
  readonly mariaDbCapabilities: number;
  readonly charset: number;
}

/** The client has said who it is. */
export function connected(state: SessionState, facts: ConnectionFacts): void {
  state.user = facts.user;
  state.capabilities = facts.capabilities;
  state.multiStatements = (facts.capabilities & Capability.multiStatements) !== 0;
  state.mariaDbCapabilities = facts.mariaDbCapabilities;
  state.charset = facts.charset;
  state.mode = { ...state.mode, charset: charsetAtLogin(facts.charset, state.begins) };
  enterSchema(state, facts.schema);
}

/** The default schema, as the client's packet names it. */
export function enterSchema(state: SessionState, bytes: string | null): void {
  state.schema = bytes === null || bytes === '' ? null : (asUtf8(bytes, state.mode.charset) ?? bytes);
}

/** COM_RESET_CONNECTION and COM_CHANGE_USER: as after connecting. */
export function reset(state: SessionState, mode: SqlMode): void {
  if (state.charset >= 0) state.charset = -1 - state.charset;
  // Back to what the client connected with, whatever it has SET since.
  state.mode = { ...mode, charset: charsetAtLogin(-1 - state.charset, state.begins) };
  state.ownInsertId = false;
  state.nextTransactionSet = false;
  state.prepared = noEntries;
  state.preparedTokens = 0;
  state.named = noEntries;
  state.temporary = noMembers;
  state.locks = 0;
}

/** Flags of a reply. */
export function noteStatus(state: SessionState, status: number): void {
  state.status = status;
  state.statusDoubtful = false;
  const noBackslashEscapes = (status & ServerStatus.noBackslashEscapes) !== 0;
  if (noBackslashEscapes !== state.mode.noBackslashEscapes) state.mode = { ...state.mode, noBackslashEscapes };
}

/** What the end of a reply says of the session's status. */
export function noteSummary(state: SessionState, summary: ReplySummary): void {
  const { status, errorCode } = summary;
  noteConditions(state, summary);
  if (status !== null) noteStatus(state, status);
  if (errorCode !== null && inTransaction(state)) state.statusDoubtful = true;
}

/** Of the parser, or about names: no access, no database, unknown or ambiguous columns, tables, functions. */
const refusals = new Set([1044, 1046, 1049, 1052, 1054, 1064, 1065, 1066, 1109, 1142, 1143, 1146, 1305, 1370]);

/** Warnings and errors stay until a statement that reads tables, or fails. */
export function noteConditions(state: SessionState, { warned, errorCode, affectedRows }: ReplySummary): void {
  state.refused = errorCode !== null && affectedRows.length === 0 && refusals.has(errorCode);
  if (warned || errorCode !== null) state.warned = true;
}

/** COM_QUERY begins with attributes, and COM_STMT_EXECUTE may have more parameters than its statement. */
export function queryAttributes(state: SessionState): boolean {
  return (state.capabilities & Capability.queryAttributes) !== 0;
}

export function inTransaction(state: SessionState): boolean {
  return (state.status & ServerStatus.inTransaction) !== 0;
}

/** What the session leaves on its connection if it ends now, no reply being due. */
export function residueLeft(state: SessionState): Residue {
  const { residue, status, prepared, named, temporary } = state;
  if (residue !== 'none') return residue;
  const held = inTransaction(state) || (status & ServerStatus.autocommit) === 0;
  return held || prepared.size > 0 || named.size > 0 || temporary.size > 0 ? 'reset' : 'none';
}

/** Nothing of the session would be missed if its connection ended and the client made a new one. */
export function leavesNothing(state: SessionState): boolean {
  return !inTransaction(state) && state.temporary.size === 0 && state.locks === 0;
}
