import { insertShape, type InsertShape } from './insert-shape';
import type { SqlMode } from './sql-mode';
import { calledFunctions, isBuiltinFunction } from './builtin-functions';
import {
  tablesDeleted,
  tablesRead,
  tablesUpdated,
  type TablesTouched,
  touchesNothing,
  touchesUnknown,
} from './tables-touched';
import { TokenCursor } from './token-cursor';
import { locksTaken } from './locks-taken';
import { beginsTransaction, splitStatements } from './statement-ends';
import { tokensInUtf8 } from './tokens-in-utf8';
import { tokenize, type Token } from './tokenizer';

export type StatementKind =
  | 'select'
  | 'insert'
  | 'replace'
  | 'load'
  | 'update'
  | 'delete'
  | 'call'
  | 'ddl'
  | 'set'
  | 'use'
  | 'begin'
  | 'commit'
  | 'rollback'
  | 'savepoint'
  | 'lock'
  | 'prepare'
  | 'execute'
  | 'deallocate'
  | 'show'
  | 'other';

/**
 * read: changes nothing. write: changes rows of tables. session: changes state of the session only (variables,
 * transaction, prepared statements, default schema). ddl: changes definitions, and commits. unknown: may do anything.
 */
export type StatementEffect = 'read' | 'write' | 'session' | 'ddl' | 'unknown';

/** The list of a `SET STATEMENT … FOR` in front of a statement. */
export interface SetStatementPrefix {
  /** Byte offset where the list's first assignment starts: where another one can be put in front of it. */
  readonly listStart: number;
  /** Token indexes of the list: [from, to). */
  readonly from: number;
  readonly to: number;
}

export interface Statement {
  readonly kind: StatementKind;
  readonly effect: StatementEffect;
  readonly tables: TablesTouched;
  /** For insert, replace and load; null when the form is not understood. */
  readonly insert: InsertShape | null;
  readonly prefix: SetStatementPrefix | null;
  readonly tokens: readonly Token[];
  /** Byte offset of the `;` behind it; null: there is none, or it stands in an executable comment, where the server refuses it. */
  readonly end: number | null;
  /** Index of the token where the statement itself starts, behind a prefix. */
  readonly body: number;
  /** The tokens are those of another text of the same shape: see textShape. */
  readonly ofShape?: boolean;
}

export interface ParsedText {
  readonly statements: readonly Statement[];
  /** The text could not be cut into tokens: nothing about it is known. */
  readonly broken: boolean;
  /** It has more tokens than are read, and an INSERT among those that were. */
  readonly tooLong?: boolean;
  /** Kept for texts to come, so that what is found out about it may be kept too. */
  readonly kept?: boolean;
  /** Locks that it takes less those that it gives back, where it speaks of any: see locksTaken. */
  readonly locks?: number;
}

/** Cuts the text of a COM_QUERY (one character a byte) into statements and says what each does. */
export function parseText(text: string, mode: SqlMode): ParsedText {
  const { tokens: read, broken, tooLong } = tokenize(text, mode);
  if (broken) return { statements: [], broken, tooLong: tooLong && read.some(mayInsert) };
  const named = tokensInUtf8(read, mode.charset);
  const tokens = named ?? read;
  const statements = splitStatements(tokens).map(({ tokens: own, separator }) => {
    const statement = classify(own, separator?.text === ';' ? separator.start : null);
    return named !== null ? statement : withoutTables(statement);
  });
  const locks = locksTaken(tokens);
  return locks === 0 ? { statements, broken } : { statements, broken, locks };
}

/** One SELECT that changes nothing: most of all texts. */
export function onlyReads({ statements, broken, tooLong }: ParsedText): boolean {
  const [statement] = statements;
  if (statement === undefined || statements.length !== 1 || broken || tooLong === true) return false;
  return statement.kind === 'select' && statement.effect === 'read' && statement.prefix === null;
}

/** One UPDATE or DELETE of tables that can be told, without a list of settings before it. */
export function onlyWrites({ statements, broken, tooLong, locks }: ParsedText): boolean {
  const [statement] = statements;
  if (statement === undefined || statements.length !== 1 || broken || tooLong === true || locks !== undefined)
    return false;
  const { kind, tables, prefix } = statement;
  return (kind === 'update' || kind === 'delete') && tables.writes !== null && prefix === null;
}

function mayInsert({ kind, upper }: Token): boolean {
  return kind === 'word' && (upper === 'INSERT' || upper === 'REPLACE' || upper === 'EXECUTE');
}

/** Says what one statement does. */
export function classify(tokens: readonly Token[], end: number | null = null): Statement {
  const prefix = setStatementPrefix(tokens);
  const body = prefix === null ? 0 : prefix.to + 1;
  const cursor = new TokenCursor(tokens, body);
  const make = (
    kind: StatementKind,
    effect: StatementEffect,
    tables = touchesNothing,
    insert: InsertShape | null = null,
  ) => ({
    kind,
    effect,
    tables,
    insert,
    prefix,
    tokens,
    end,
    body,
  });
  while (cursor.upper() === '(') cursor.at += 1;
  const verb = cursor.upper();
  switch (verb) {
    case 'SELECT':
    case 'WITH':
    case 'VALUES':
      return query(make, cursor);
    case 'INSERT':
    case 'REPLACE':
    case 'LOAD': {
      const shape = insertShape(tokens, cursor.at);
      const kind = verb === 'INSERT' ? 'insert' : verb === 'REPLACE' ? 'replace' : 'load';
      if (shape === null) return make(kind, 'unknown', touchesUnknown);
      const tables = { reads: tablesRead(tokens, cursor.at), writes: [shape.table] };
      return make(kind, 'write', widened(tables, tokens, shape.behindTable), shape);
    }
    case 'UPDATE':
      return make('update', 'write', widened(tablesUpdated(tokens, cursor.at), tokens, cursor.at));
    case 'DELETE':
      return make('delete', 'write', widened(tablesDeleted(tokens, cursor.at), tokens, cursor.at));
    case 'ANALYZE': {
      const analyzed = analyzedAt(cursor);
      if (analyzed === null) return make('ddl', 'ddl', touchesUnknown);
      // It runs; only its reply is another.
      const { effect, tables, insert } = classify([...tokens.slice(0, body), ...tokens.slice(analyzed)]);
      return make('other', effect, tables, insert);
    }
    default:
      return make(...administrative(cursor));
  }
}

/** A stored function in the statement, called from token `from` on, may write anywhere. */
function widened(tables: TablesTouched, tokens: readonly Token[], from: number): TablesTouched {
  return calledFunctions(tokens, from).every(isBuiltinFunction) ? tables : { ...tables, writes: null };
}

/** MariaDB: ANALYZE [FORMAT=x] statement. The statement's token; null for ANALYZE TABLE. */
function analyzedAt(cursor: TokenCursor): number | null {
  if (['TABLE', 'TABLES', 'LOCAL', 'NO_WRITE_TO_BINLOG'].includes(cursor.upper(1))) return null;
  return cursor.at + (cursor.upper(1) === 'FORMAT' ? 4 : 1);
}

type Make = (kind: StatementKind, effect: StatementEffect, tables?: TablesTouched) => Statement;

function query(make: Make, cursor: TokenCursor): Statement {
  const { tokens } = cursor;
  const from = cursor.at;
  const words = new Set(tokens.slice(from).map((token) => (token.kind === 'word' ? token.upper : '')));
  // WITH … UPDATE and WITH … DELETE exist too.
  if (words.has('WITH') && (words.has('UPDATE') || words.has('DELETE')))
    return make('other', 'unknown', touchesUnknown);
  // A stored function may write anywhere; a sequence's NEXTVAL writes.
  const harmless = calledFunctions(tokens, from).every(isBuiltinFunction);
  if (!harmless) return make('select', 'unknown', { reads: null, writes: null });
  const reads = tablesRead(tokens, from);
  return make('select', words.has('INTO') ? 'session' : 'read', { reads, writes: [] });
}

function setStatementPrefix(tokens: readonly Token[]): SetStatementPrefix | null {
  const cursor = new TokenCursor(tokens);
  if (!cursor.acceptSequence('SET', 'STATEMENT')) return null;
  const from = cursor.at;
  const first = tokens[from];
  if (first === undefined || cursor.seek('FOR') === null) return null;
  return { listStart: first.start, from, to: cursor.at };
}

const ddlVerbs = new Set('CREATE ALTER DROP RENAME TRUNCATE GRANT REVOKE OPTIMIZE REPAIR INSTALL UNINSTALL'.split(' '));

/** Kind and effect of everything that is neither a query nor a change of rows. */
function administrative(cursor: TokenCursor): Parameters<Make> {
  const verb = cursor.upper();
  if (ddlVerbs.has(verb)) return ['ddl', 'ddl', touchesUnknown];
  switch (verb) {
    case 'SET':
      return setEffect(cursor);
    case 'USE':
      return ['use', 'session'];
    case 'BEGIN':
      return beginsTransaction(cursor) ? ['begin', 'session'] : ['other', 'unknown', touchesUnknown];
    case 'START':
      return cursor.upper(1) === 'TRANSACTION' ? ['begin', 'session'] : ['other', 'unknown', touchesUnknown];
    case 'COMMIT':
      return ['commit', 'session'];
    case 'ROLLBACK':
      return rollsBackToSavepoint(cursor) ? ['savepoint', 'session'] : ['rollback', 'session'];
    case 'SAVEPOINT':
    case 'RELEASE':
      return ['savepoint', 'session'];
    case 'LOCK':
    case 'UNLOCK':
      return ['lock', 'session'];
    case 'PREPARE':
      return ['prepare', 'session'];
    case 'DEALLOCATE':
      return ['deallocate', 'session'];
    case 'EXECUTE':
      return ['execute', 'unknown', touchesUnknown];
    case 'CALL':
      return ['call', 'unknown', touchesUnknown];
    case 'SHOW':
      // SHOW TABLES WHERE f() = 1
      return callsOnlyBuiltin(cursor)
        ? ['show', 'read', { reads: null, writes: [] }]
        : ['other', 'unknown', touchesUnknown];
    case 'DESCRIBE':
    case 'DESC':
    case 'HELP':
    case 'CHECKSUM':
      return ['show', 'read', { reads: null, writes: [] }];
    case 'EXPLAIN':
      return cursor.upper(1) === 'ANALYZE'
        ? ['other', 'unknown', touchesUnknown]
        : ['show', 'read', { reads: null, writes: [] }];
    case 'DO':
      return setEffect(cursor)[1] === 'session' ? ['other', 'session'] : ['other', 'unknown', touchesUnknown];
    case 'KILL':
      return ['other', 'session'];
    default:
      return ['other', 'unknown', touchesUnknown];
  }
}

function rollsBackToSavepoint(cursor: TokenCursor): boolean {
  return [1, 2].some((ahead) => cursor.upper(ahead) === 'TO');
}

/** SET may call a stored function, or read tables. */
function setEffect(cursor: TokenCursor): Parameters<Make> {
  return callsOnlyBuiltin(cursor) ? ['set', 'session'] : ['set', 'unknown', touchesUnknown];
}

function callsOnlyBuiltin({ tokens, at }: TokenCursor): boolean {
  return calledFunctions(tokens, at).every(isBuiltinFunction);
}

/** Of which table the text speaks is not known. */
function withoutTables(statement: Statement): Statement {
  const { reads, writes } = statement.tables;
  return {
    ...statement,
    tables: { reads: reads === null || reads.length > 0 ? null : reads, writes: writes?.length === 0 ? writes : null },
  };
}
