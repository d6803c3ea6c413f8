import { TokenCursor, type TableName } from './token-cursor';
import type { Token } from './tokenizer';

/** One value as it is written, by what it means for an auto-increment column. */
export type ValueShape =
  /** NULL or DEFAULT: the server generates. */
  | { readonly kind: 'null' | 'default' }
  /** An integer literal. A 0 generates unless sql_mode has NO_AUTO_VALUE_ON_ZERO. */
  | { readonly kind: 'integer'; readonly value: bigint }
  | { readonly kind: 'parameter' }
  /** One string literal; `stringValue` reads it. */
  | { readonly kind: 'string' }
  /** Known only to the server. */
  | { readonly kind: 'expression' };

export type InsertSource =
  | {
      readonly kind: 'values';
      /** Token index of the first token of each row, behind its '('. */
      readonly rows: readonly number[];
    }
  | { readonly kind: 'set'; /** Token index of each column's value. */ readonly values: readonly number[] }
  | {
      readonly kind: 'select';
      /** Token indexes of the query: [from, to). */ readonly from: number;
      readonly to: number;
    }
  | {
      readonly kind: 'load';
      /** Token index behind its SET; null without one. */
      readonly assignmentsAt: number | null;
    };

/** An INSERT, REPLACE or LOAD DATA statement, as far as its keys are concerned. */
export interface InsertShape {
  readonly verb: 'insert' | 'replace' | 'load';
  readonly table: TableName;
  /** The column list as written; null when there is none (then all columns in table order). */
  readonly columns: readonly string[] | null;
  readonly source: InsertSource;
  readonly ignore: boolean;
  readonly onDuplicateKey: boolean;
  /** Token index of the first assignment of ON DUPLICATE KEY UPDATE; null without it. */
  readonly updatesAt: number | null;
  readonly returning: boolean;
  /** Index of the token behind the table's name. */
  readonly behindTable: number;
  /** The statement's tokens; the indexes in `source` refer to them. */
  readonly tokens: readonly Token[];
}

const modifiers = ['LOW_PRIORITY', 'DELAYED', 'HIGH_PRIORITY', 'CONCURRENT'];

/** The shape of the statement whose verb stands at `from`; null when it is not understood. */
export function insertShape(tokens: readonly Token[], from: number): InsertShape | null {
  const cursor = new TokenCursor(tokens, from);
  if (cursor.accept('LOAD')) return loadShape(cursor);
  const verb = cursor.accept('REPLACE') ? 'replace' : cursor.accept('INSERT') ? 'insert' : null;
  if (verb === null) return null;
  while (cursor.accept(...modifiers));
  const ignore = cursor.accept('IGNORE');
  cursor.accept('INTO');
  const table = cursor.tableName();
  if (table === null) return null;
  const behindTable = cursor.at;
  if (cursor.accept('PARTITION') && !cursor.skipGroup()) return null;
  const body = insertBody(cursor);
  if (body === null) return null;
  // What follows the source; a SELECT's own ON clauses are told apart by the words behind ON.
  let updatesAt: number | null = null;
  let returning = false;
  let sourceEnd = tokens.length;
  while (cursor.seek('ON', 'RETURNING') !== null) {
    const at = cursor.at;
    if (cursor.acceptSequence('ON', 'DUPLICATE', 'KEY', 'UPDATE')) updatesAt = cursor.at;
    else if (cursor.accept('RETURNING')) returning = true;
    else {
      cursor.at += 1;
      continue;
    }
    sourceEnd = Math.min(sourceEnd, at);
  }
  const source = body.source.kind === 'select' ? { ...body.source, to: sourceEnd } : body.source;
  const { columns } = body;
  const onDuplicateKey = updatesAt !== null;
  return { verb, table, behindTable, columns, source, ignore, onDuplicateKey, updatesAt, returning, tokens };
}

type Body = Pick<InsertShape, 'columns' | 'source'>;

function insertBody(cursor: TokenCursor): Body | null {
  if (cursor.accept('SET')) return setBody(cursor);
  let columns: readonly string[] | null = null;
  if (cursor.upper() === '(' && !startsQuery(cursor, 1)) {
    columns = columnList(cursor);
    if (columns === null) return null;
  }
  if (cursor.accept('VALUES', 'VALUE')) {
    const rows = valueRows(cursor);
    return rows === null ? null : { columns, source: { kind: 'values', rows } };
  }
  return startsQuery(cursor, 0)
    ? { columns, source: { kind: 'select', from: cursor.at, to: cursor.tokens.length } }
    : null;
}

function startsQuery(cursor: TokenCursor, ahead: number): boolean {
  while (cursor.upper(ahead) === '(') ahead += 1;
  return ['SELECT', 'WITH', 'TABLE'].includes(cursor.upper(ahead));
}

/** `(a, t.b, c)`; an empty list gives []. */
function columnList(cursor: TokenCursor): string[] | null {
  const columns: string[] = [];
  if (!cursor.accept('(')) return null;
  while (!cursor.accept(')')) {
    let name = cursor.name();
    while (cursor.accept('.')) name = cursor.name();
    if (name === null) return null;
    columns.push(name);
    if (!cursor.accept(',') && cursor.upper() !== ')') return null;
  }
  return columns;
}

function valueRows(cursor: TokenCursor): number[] | null {
  const rows: number[] = [];
  do {
    cursor.accept('ROW');
    if (cursor.upper() !== '(') return null;
    rows.push(cursor.at + 1);
    if (!cursor.skipGroup()) return null;
  } while (cursor.accept(','));
  return rows;
}

function setBody(cursor: TokenCursor): Body | null {
  const columns: string[] = [];
  const values: number[] = [];
  do {
    let name = cursor.name();
    while (cursor.accept('.')) name = cursor.name();
    if (name === null || !cursor.accept('=', ':=')) return null;
    columns.push(name);
    values.push(cursor.at);
    cursor.seek(',', 'ON', 'RETURNING');
  } while (cursor.accept(','));
  return { columns, source: { kind: 'set', values } };
}

function loadShape(cursor: TokenCursor): InsertShape | null {
  if (!cursor.accept('DATA', 'XML')) return null;
  while (cursor.accept('LOW_PRIORITY', 'CONCURRENT', 'LOCAL'));
  if (!cursor.accept('INFILE') || cursor.kind() !== 'string') return null;
  cursor.at += 1;
  const ignore = cursor.accept('IGNORE');
  const replace = !ignore && cursor.accept('REPLACE');
  if (!cursor.acceptSequence('INTO', 'TABLE')) return null;
  const table = cursor.tableName();
  if (table === null) return null;
  return {
    verb: replace ? 'replace' : 'load',
    table,
    behindTable: cursor.at,
    ...loadedColumns(cursor),
    ignore,
    onDuplicateKey: false,
    updatesAt: null,
    returning: false,
    tokens: cursor.tokens,
  };
}

/** Behind the table's name: the columns of the file, where they are listed, and what SET gives others. */
function loadedColumns(cursor: TokenCursor): Pick<InsertShape, 'columns' | 'source'> {
  let columns: readonly string[] | null = null;
  let assignmentsAt: number | null = null;
  if (cursor.accept('PARTITION')) cursor.skipGroup();
  while (!cursor.done) {
    if (cursor.acceptSequence('CHARACTER', 'SET')) continue;
    if (cursor.upper() === '(') {
      const list = new TokenCursor(cursor.tokens, cursor.at);
      cursor.skipGroup();
      columns = fileColumns(list, cursor.at);
    } else if (cursor.accept('SET')) {
      assignmentsAt = cursor.at;
      break;
    } else cursor.at += 1;
  }
  return { columns, source: { kind: 'load', assignmentsAt } };
}

/** `(a, @b, c)` without the variables. */
function fileColumns({ tokens, at }: TokenCursor, end: number): string[] {
  return tokens.slice(at, end).flatMap(({ kind, text }) => (kind === 'word' || kind === 'name' ? [text] : []));
}

/**
 * Token index of what stands in column `position` of the row that starts at token `start`; null when the row has fewer
 * values. `()` (all defaults) has none.
 */
export function valueStart(tokens: readonly Token[], start: number, position: number): number | null {
  const cursor = new TokenCursor(tokens, start);
  for (let skipped = 0; skipped < position; skipped++) {
    if (cursor.seek(',', ')') !== ',') return null;
    cursor.at += 1;
  }
  return cursor.upper() === ')' ? null : cursor.at;
}

/** Numbers, from 0, of the parameters of a statement by their token index. */
export function parameterNumbers(tokens: readonly Token[]): ReadonlyMap<number, number> {
  const numbers = new Map<number, number>();
  tokens.forEach(({ kind }, at) => {
    if (kind === 'parameter') numbers.set(at, numbers.size);
  });
  return numbers;
}

const endsOfValue = ['', ',', ')'];

/** The value that starts at token `start` and ends before a comma, a closing parenthesis, ON, RETURNING or the end. */
export function valueAt(tokens: readonly Token[], start: number): ValueShape {
  const cursor = new TokenCursor(tokens, start);
  const negative = cursor.accept('-');
  const token = tokens[cursor.at];
  cursor.at += 1;
  const ends = cursor.done || (cursor.kind() === 'symbol' && endsOfValue.includes(cursor.upper()));
  if (token === undefined || (!ends && !['ON', 'RETURNING'].includes(cursor.upper()))) return { kind: 'expression' };
  if (!negative) {
    if (token.kind === 'parameter') return { kind: 'parameter' };
    if (token.kind === 'string') return { kind: 'string' };
    if (token.kind === 'word' && token.upper === 'NULL') return { kind: 'null' };
    if (token.kind === 'word' && token.upper === 'DEFAULT') return { kind: 'default' };
  }
  if (token.kind !== 'number' || !/^\d+$/.test(token.text)) return { kind: 'expression' };
  const value = BigInt(token.text);
  return { kind: 'integer', value: negative ? -value : value };
}
