import type { Statement } from '../sql/classifier';
import { type Assignment, prefixAssignments, setAssignments } from '../sql/set-assignments';
import { charsetNamed, charsetOfCollation, type ClientCharset, unknownCharset } from '../sql/client-charset';
import type { ServerVersion, SqlMode } from '../sql/sql-mode';
import type { TextEdit } from '../sql/text-edit';
import { stringValue } from '../sql/tokenizer';
import { ServerStatus } from '../wire/constants';

/** The sites' key ranges rest on an increment of 1. */
const pinned = new Set(['auto_increment_increment', 'auto_increment_offset']);

/** Values that keep this site's changes visible to capture; any other is refused. */
const guarded: Readonly<Record<string, readonly string[]>> = {
  sql_log_bin: ['1', 'ON', 'TRUE', 'DEFAULT'],
  binlog_format: ['ROW', 'DEFAULT'],
  binlog_row_image: ['FULL', 'DEFAULT'],
  binlog_row_metadata: ['FULL'],
  skip_replication: ['0', 'OFF', 'FALSE', 'DEFAULT'],
};

/** What a statement does to the session's settings. */
export interface SettingChanges {
  /** Name of a variable that may not be set so; null when there is none. */
  readonly refused: string | null;
  readonly edits: readonly TextEdit[];
  /** The session's sql_mode as a literal; 'ask' when only the server knows it; null when it stays. */
  readonly sqlMode: string | 'ask' | null;
  readonly globalSqlMode: boolean;
  /** A variable of sessions to come. */
  readonly global: boolean;
  /** 'ask': only the server knows it; undefined: the client's character set stays. */
  readonly charset: ClientCharset | 'ask' | undefined;
  /** See SqlMode; undefined: that stays. */
  readonly wideText: boolean | undefined;
  readonly insertId: boolean;
}

export const noChanges: SettingChanges = {
  refused: null,
  edits: [],
  sqlMode: null,
  globalSqlMode: false,
  global: false,
  charset: undefined,
  wideText: undefined,
  insertId: false,
};

/** Settings that `statement` (of `text`) changes, and how its text has to be changed for it. */
export function settingChanges(text: string, statement: Statement, mode: SqlMode): SettingChanges {
  if (statement.kind !== 'set' && statement.prefix === null) return noChanges;
  const lasting = statement.kind === 'set' ? (setAssignments(statement) ?? []) : [];
  const all = [...lasting, ...prefixAssignments(statement)].filter(({ scope }) => scope !== 'user');
  const edits: TextEdit[] = [];
  let refused: string | null = null;
  for (const assignment of all) {
    const { name, scope, value } = assignment;
    const first = value[0];
    const last = value[value.length - 1];
    if (scope === 'session' && pinned.has(name) && first !== undefined && last !== undefined) {
      edits.push({ start: first.start, end: last.end, text: '1' });
    }
    const allowed = guarded[name];
    if (allowed !== undefined && !allowed.includes(literal(text, assignment, mode) ?? '')) refused = name;
  }
  return { ...lastingChanges(text, lasting, mode), refused, edits };
}

function lastingChanges(text: string, assignments: readonly Assignment[], mode: SqlMode): SettingChanges {
  let changes = noChanges;
  for (const assignment of assignments) {
    const { name, scope } = assignment;
    if (scope === 'global') changes = { ...changes, global: true };
    if (scope === 'global' && inherited.has(name)) changes = { ...changes, globalSqlMode: true };
    else if (name === 'sql_mode' && scope === 'session') {
      const value = literal(text, assignment, mode);
      const plain = value !== null && /^[A-Z_,]*$/.test(value) && !/(^|,)DEFAULT(,|$)/.test(value);
      changes = { ...changes, sqlMode: plain ? value : 'ask' };
    } else if (scope === 'session' && (name === 'names' || name === 'character_set_client')) {
      const value = literal(text, assignment, mode);
      // SET NAMES takes no expressions.
      if (value !== null || name !== 'names') changes = { ...changes, charset: charsetIn(value) };
      // A client's own character set has no such texts.
      if (name === 'names') changes = { ...changes, wideText: false };
    } else if (scope === 'session' && ofConnection.has(name)) {
      changes = { ...changes, wideText: !narrow.test(literal(text, assignment, mode) ?? '') };
    } else if (scope === 'session' && name === 'insert_id') {
      changes = { ...changes, insertId: literal(text, assignment, mode) !== '0' };
    }
  }
  return changes;
}

const ofConnection = new Set(['collation_connection', 'character_set_connection']);
/** Character sets and collations by name whose ASCII is one byte a character. */
const narrow = /^(?!UCS2|UTF16|UTF32)[A-Z][A-Z0-9_]*$/;

/** What new sessions begin with, as far as the first of them asks for it. */
const inherited = new Set(['sql_mode', 'tx_isolation', 'transaction_isolation', 'max_allowed_packet', 'init_connect']);

/** ANSI_QUOTES, and the modes that stand for several, this one among them. */
const quoting = ['ANSI_QUOTES', 'ANSI', 'DB2', 'MAXDB', 'MSSQL', 'ORACLE', 'POSTGRESQL'];

/** A value that is one literal or word, in upper case; null for anything else. SET NAMES x COLLATE y gives x. */
function literal(text: string, assignment: Assignment, mode: SqlMode): string | null {
  const [token] = assignment.value;
  if (token === undefined || (assignment.value.length > 1 && assignment.name !== 'names')) return null;
  if (token.kind === 'string') return stringValue(text, token, mode)?.toUpperCase() ?? null;
  return token.kind === 'word' || token.kind === 'number' ? token.upper : null;
}

/** A value of character_set_client, in upper case; it may be a collation's number too. */
function charsetIn(value: string | null): ClientCharset | 'ask' {
  if (value === null || value === 'DEFAULT' || value === 'NULL') return 'ask';
  if (/^[0-9]+$/.test(value)) return charsetOfCollation(Number(value)) ?? 'ask';
  return charsetNamed(value);
}

/**
 * Whether the status flags of a SET's reply tell what sql_mode is then, as far as texts are read by it. Not those of a CALL:
 * a procedure's own SET is taken back without them.
 */
export function statusTellsMode({ flavour, number }: ServerVersion): boolean {
  return flavour === 'mariadb' && number >= 100_400;
}

/** What is asked for the rest. */
export const sqlModeExpression = '@@SESSION.sql_mode';

type TextChanges = Pick<SettingChanges, 'charset'> & Partial<Pick<SettingChanges, 'wideText'>>;

/** `mode` with the character sets that change; what is to be asked for is asked behind the SET. */
export function withTexts(mode: SqlMode, { charset, wideText: wide }: TextChanges): SqlMode {
  const wideText = wide ?? mode.wideText;
  const client = charset === 'ask' ? unknownCharset : (charset ?? mode.charset);
  return client === mode.charset && wideText === mode.wideText ? mode : { ...mode, charset: client, wideText };
}

/** `mode` with what these flags say; the rest of it is asked for when it matters. */
export function withStatus(mode: SqlMode, status: number): SqlMode {
  return {
    ...mode,
    ansiQuotes: (status & ServerStatus.ansiQuotes) !== 0,
    noBackslashEscapes: (status & ServerStatus.noBackslashEscapes) !== 0,
    noAutoValueOnZero: null,
  };
}

type TextModes = Pick<SqlMode, 'ansiQuotes' | 'noBackslashEscapes' | 'noAutoValueOnZero'>;

/** The last value and what it says: most sessions begin alike. */
let last: { readonly value: string; readonly modes: TextModes } | null = null;

/** `mode` with what the value of sql_mode says. */
export function withSqlMode(mode: SqlMode, value: string): SqlMode {
  if (last?.value !== value) last = { value, modes: textModes(value) };
  const { ansiQuotes, noBackslashEscapes, noAutoValueOnZero } = last.modes;
  return { ...mode, ansiQuotes, noBackslashEscapes, noAutoValueOnZero };
}

function textModes(value: string): TextModes {
  const parts = value.toUpperCase().split(',');
  return {
    ansiQuotes: quoting.some((mode) => parts.includes(mode)),
    noBackslashEscapes: parts.includes('NO_BACKSLASH_ESCAPES'),
    noAutoValueOnZero: parts.includes('NO_AUTO_VALUE_ON_ZERO'),
  };
}
