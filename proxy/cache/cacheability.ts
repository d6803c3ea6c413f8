import type { BypassReason, Catalog, FullName } from '../ports';
import type { ParsedText, Statement } from '../sql/classifier';
import { bytesOf, nameOf } from '../sql/names';
import type { TableName } from '../sql/token-cursor';
import { defaultSqlMode } from '../sql/sql-mode';
import { type Token, tokenize } from '../sql/tokenizer';
import { bypassWords, deterministicFunctions, wordsBeforeParenthesis } from './deterministic-functions';
import { rowOf } from './row-of';
import { baseTables } from './touched-tables';

/** What the decision needs to know of the session. */
export interface SessionFacts {
  /** Default schema; null for none. In the tokens' bytes (latin1). */
  readonly schema: string | null;
  readonly autocommit: boolean;
  readonly inTransaction: boolean;
  /** Each statement of the open transaction sees what was committed before it, as READ COMMITTED does. */
  readonly readsCommitted: boolean;
  /** The session sees what others have not committed: its replies are not for anyone. */
  readonly readsUncommitted: boolean;
  readonly optedOut: boolean;
  /** The session has made temporary tables, or locked tables. */
  readonly hasOwnTables: boolean;
  /** False when a statement changed the session in a way that is not understood. */
  readonly understood: boolean;
}

/** What a reply depends on. */
export interface Dependencies {
  readonly tables: readonly FullName[];
  /** If it has a row: only on that one of the first table, by its primary key. */
  readonly row: readonly string[] | null;
}

export type Cacheability =
  | ({ readonly cacheable: true } & Dependencies)
  | { readonly cacheable: false; readonly reason: BypassReason }
  /** The catalog has not loaded this table yet, of those that the text reads or by way of them. */
  | { readonly cacheable: 'load'; readonly load: FullName; readonly reads: readonly FullName[] };

const timeTypes = new Set(['DATE', 'DATETIME', 'TIMESTAMP', 'TIME']);
/** Schemas whose rows change by themselves. */
const serverSchemas = new Set(['information_schema', 'performance_schema', 'mysql', 'sys', 'duara']);

/** A text and what is read out of it. */
export interface CacheQuestion {
  readonly text: string;
  readonly parsed: ParsedText;
}

/**
 * Whether the reply to a text command may be kept and given to others: only if all of it is understood (WIRE.md, "Read
 * cache"). Anything else goes to the server.
 */
export function cacheability({ text, parsed }: CacheQuestion, session: SessionFacts, catalog: Catalog): Cacheability {
  const reason = sessionReason(session) ?? textReason(parsed);
  if (reason !== null) return no(reason);
  const [statement] = parsed.statements;
  const reads = statement?.tables.reads ?? null;
  if (statement === undefined || reads === null) return no('not_plain');
  if (reads.length === 0) return no('no_table');
  const full = fullNames(reads, session.schema);
  return full === null ? no('table_unknown') : knownTables(full, { text, statement }, catalog);
}

/** Full names of tables; null when one has no schema. */
function fullNames(reads: readonly TableName[], schema: string | null): readonly FullName[] | null {
  const names: FullName[] = [];
  for (const read of reads) {
    const owner = read.schema ?? schema;
    if (owner === null) return null;
    names.push({ schema: nameOf(owner), table: nameOf(read.table) });
  }
  return names;
}

function no(reason: BypassReason): Cacheability {
  return { cacheable: false, reason };
}

/** Why nothing of this session is looked up or kept now. */
export function sessionReason(session: Omit<SessionFacts, 'schema'>): BypassReason | null {
  if (session.optedOut) return 'opted_out';
  if (!session.understood) return 'session_unknown';
  if (!session.autocommit) return 'autocommit_off';
  // A hit would not open the snapshot that a transaction of another level reads from.
  if (session.readsUncommitted || (session.inTransaction && !session.readsCommitted)) return 'isolation';
  if (session.hasOwnTables) return 'own_tables';
  return null;
}

/** Asked for each miss: texts are parsed once, and judged once. */
const judged = new WeakMap<ParsedText, BypassReason | null>();

function textReason(text: ParsedText): BypassReason | null {
  const known = judged.get(text);
  if (known !== undefined) return known;
  const reason = readReason(text);
  if (text.kept === true) judged.set(text, reason);
  return reason;
}

function readReason(text: ParsedText): BypassReason | null {
  const [statement] = text.statements;
  if (text.broken || text.statements.length !== 1 || statement === undefined) return 'several_statements';
  if (statement.kind !== 'select' || statement.effect !== 'read') return 'not_plain';
  if (statement.prefix !== null) return 'not_plain';
  // Also not one that begins with a parenthesis.
  if (statement.tokens[statement.body]?.upper !== 'SELECT') return 'not_plain';
  return tokensReason(statement);
}

/** Why the value of what these tokens say may change by itself; null: it does not. */
export function tokensReason({ tokens, body }: Pick<Statement, 'tokens' | 'body'>): BypassReason | null {
  for (let at = body; at < tokens.length; at++) {
    const token = tokens[at];
    if (token === undefined) break;
    const reason = tokenReason(token, tokens[at + 1], tokens[at - 1]);
    if (reason !== null) return reason;
  }
  return null;
}

/** Whether an SQL expression, as the server writes it down, has the same value for the same row whenever it is read. */
export function isConstantExpression(expression: string): boolean {
  const { tokens, broken } = tokenize(bytesOf(expression), defaultSqlMode);
  return !broken && tokensReason({ tokens, body: 0 }) === null;
}

const sequenceValues = new Set(['NEXTVAL', 'CURRVAL', 'LASTVAL']);

function tokenReason(token: Token, next: Token | undefined, previous: Token | undefined): BypassReason | null {
  if (token.kind === 'userVariable' || token.kind === 'systemVariable') return 'variable';
  if (token.kind === 'parameter') return 'prepared';
  if (token.kind === 'symbol' && token.text === ':=') return 'variable';
  // {t '10:00:00'} is a TIME literal (ODBC).
  if (token.kind === 'symbol' && token.text === '{') return 'function';
  const calls = next?.kind === 'symbol' && next.text === '(';
  const qualified = previous?.kind === 'symbol' && previous.text === '.';
  if (token.kind === 'name') return calls ? 'function' : null;
  if (token.kind !== 'word') return null;
  if (calls && qualified) return 'function';
  if (calls && !deterministicFunctions.has(token.upper) && !wordsBeforeParenthesis.has(token.upper)) {
    // An alias before a list, "t(…)" after AS, falls here too: rare, and bypassing costs nothing but speed.
    return 'function';
  }
  // s.NEXTVAL, in sql_mode ORACLE.
  if (qualified) return sequenceValues.has(token.upper) ? 'function' : null;
  if (bypassWords.has(token.upper)) return 'keyword';
  // A time of day is given today's date where a date is wanted, as in CAST(t AS DATE) or DATE(TIME '10:00:00').
  if (token.upper === 'TIME' && next?.kind === 'string') return 'function';
  const inCast = previous?.upper === 'AS' || (previous?.kind === 'symbol' && previous.text === ',');
  if (inCast && next?.text === ')' && timeTypes.has(token.upper)) return 'function';
  // FOR UPDATE, FOR SYSTEM_TIME; SUBSTRING(a FROM 1 FOR 2) bypasses with them.
  return token.upper === 'FOR' ? 'keyword' : null;
}

function knownTables(
  reads: readonly FullName[],
  { text, statement }: { readonly text: string; readonly statement: Statement },
  catalog: Catalog,
): Cacheability {
  const bases = baseTables(reads, catalog);
  if (bases.kind === 'load') return { cacheable: 'load', load: bases.load, reads };
  if (bases.kind === 'unknown') return no('view');
  const { tables } = bases;
  // A view of no table: nothing would tell that it was made anew.
  if (tables.length === 0) return no('no_table');
  for (const { schema, table } of tables) {
    if (serverSchemas.has(schema.toLowerCase())) return no('system_schema');
    const info = catalog.find(schema, table);
    if (info === null || info === undefined) return no('table_unknown');
    const { foreignRows, unordered, timesOfDay } = info;
    if (foreignRows === true || unordered === true || timesOfDay === true) return no('table_kind');
  }
  const [only] = reads;
  const info = only !== undefined && reads.length === 1 ? catalog.find(only.schema, only.table) : null;
  const row = info === null || info === undefined ? null : rowOf(text, statement, info);
  return { cacheable: true, tables, row };
}
