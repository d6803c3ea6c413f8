import type { Catalog } from '../ports';
import type { ParsedText, Statement } from '../sql/classifier';
import type { TableName } from '../sql/token-cursor';
import type { Token } from '../sql/tokenizer';
import { bypassWords, deterministicFunctions, wordsBeforeParenthesis } from './deterministic-functions';

/** What the decision needs to know of the session. */
export interface SessionFacts {
  /** Default schema; null for none. In the tokens' bytes (latin1). */
  readonly schema: string | null;
  readonly autocommit: boolean;
  readonly inTransaction: boolean;
  /** The session has made temporary tables, or locked tables. */
  readonly hasOwnTables: boolean;
  /** False when a statement changed the session in a way that is not understood. */
  readonly understood: boolean;
}

/** A table by its full name. */
export interface FullName {
  readonly schema: string;
  readonly table: string;
}

export type Cacheability =
  | { readonly cacheable: true; readonly tables: readonly FullName[] }
  /** `load`: a table the catalog has not loaded yet; the same statement may be cacheable once it has. */
  | { readonly cacheable: false; readonly reason: string; readonly load?: FullName };

const timeTypes = new Set(['DATE', 'DATETIME', 'TIMESTAMP']);
const serverSchemas = new Set(['information_schema', 'performance_schema', 'mysql', 'sys', 'duara']);

/**
 * Whether the reply to a text command may be kept and given to others: only if all of it is understood (WIRE.md, "Read
 * cache"). Anything else goes to the server.
 */
export function cacheability(text: ParsedText, session: SessionFacts, catalog: Catalog): Cacheability {
  const reason = sessionReason(session) ?? textReason(text);
  if (reason !== null) return no(reason);
  const [statement] = text.statements;
  if (statement === undefined) return no('no statement');
  const { reads } = statement.tables;
  if (reads === null) return no('tables not told apart');
  if (reads.length === 0) return no('no table');
  return knownTables(reads, session.schema, catalog);
}

function no(reason: string): Cacheability {
  return { cacheable: false, reason };
}

function sessionReason(session: SessionFacts): string | null {
  if (!session.understood) return 'session not understood';
  if (!session.autocommit) return 'autocommit off';
  if (session.inTransaction) return 'in a transaction';
  if (session.hasOwnTables) return 'temporary or locked tables';
  return null;
}

function textReason(text: ParsedText): string | null {
  const [statement] = text.statements;
  if (text.broken || text.statements.length !== 1 || statement === undefined) return 'not one statement';
  if (statement.kind !== 'select' || statement.effect !== 'read') return 'not a plain select';
  if (statement.prefix !== null) return 'SET STATEMENT';
  // Also not one that begins with a parenthesis.
  if (statement.tokens[statement.body]?.upper !== 'SELECT') return 'not a plain select';
  return tokensReason(statement);
}

function tokensReason({ tokens, body }: Statement): string | null {
  for (let at = body; at < tokens.length; at++) {
    const token = tokens[at];
    if (token === undefined) break;
    const reason = tokenReason(token, tokens[at + 1], tokens[at - 1]);
    if (reason !== null) return reason;
  }
  return null;
}

function tokenReason(token: Token, next: Token | undefined, previous: Token | undefined): string | null {
  if (token.kind === 'userVariable' || token.kind === 'systemVariable') return 'variable';
  if (token.kind === 'parameter') return 'parameter';
  if (token.kind === 'symbol' && token.text === ':=') return 'variable';
  const calls = next?.kind === 'symbol' && next.text === '(';
  const qualified = previous?.kind === 'symbol' && previous.text === '.';
  if (token.kind === 'name') return calls ? `function ${token.text}` : null;
  if (token.kind !== 'word') return null;
  if (calls && qualified) return `function ${token.text}`;
  if (calls && !deterministicFunctions.has(token.upper) && !wordsBeforeParenthesis.has(token.upper)) {
    // An alias before a list, "t(…)" after AS, falls here too: rare, and bypassing costs nothing but speed.
    return `function ${token.upper}`;
  }
  if (qualified) return null;
  if (bypassWords.has(token.upper)) return token.upper;
  // CAST(t AS DATE) of a time of day takes today's date.
  const inCast = previous?.upper === 'AS' || (previous?.kind === 'symbol' && previous.text === ',');
  if (inCast && next?.text === ')' && timeTypes.has(token.upper)) return 'conversion to a date';
  // FOR UPDATE, FOR SYSTEM_TIME; SUBSTRING(a FROM 1 FOR 2) bypasses with them.
  return token.upper === 'FOR' ? 'FOR' : null;
}

function knownTables(reads: readonly TableName[], schema: string | null, catalog: Catalog): Cacheability {
  const tables: FullName[] = [];
  for (const read of reads) {
    const owner = read.schema ?? schema;
    if (owner === null) return no('no default schema');
    const full = { schema: nameOf(owner), table: nameOf(read.table) };
    if (serverSchemas.has(full.schema.toLowerCase())) return no(`schema ${full.schema}`);
    const info = catalog.find(full.schema, full.table);
    if (info === undefined) return { cacheable: false, reason: 'table not loaded', load: full };
    if (info === null) return no(`no table ${full.table}`);
    if (info.kind !== 'base') return no('view');
    // Who writes them by way of a trigger or a cascade is not followed, in either direction.
    if (info.hasTriggers || info.hasCascades) return no('triggers or cascades');
    tables.push(full);
  }
  return { cacheable: true, tables };
}

/** A name from latin1 bytes to text. */
function nameOf(bytes: string): string {
  return Buffer.from(bytes, 'latin1').toString('utf8');
}
