import type { Statement } from './classifier';
import { TokenCursor } from './token-cursor';
import type { Token } from './tokenizer';

/** One assignment of a SET statement. */
export interface Assignment {
  readonly scope: 'session' | 'global' | 'user';
  /** In lower case. */
  readonly name: string;
  /** The value's tokens. */
  readonly value: readonly Token[];
  /** Bytes of the whole assignment. */
  readonly start: number;
  readonly end: number;
}

/** Several ask for them, and the same statement comes again and again. */
const known = new WeakMap<Statement, readonly Assignment[] | null>();

/** The assignments of a SET statement; SET NAMES and SET CHARACTER SET count as `names`. null for other forms. */
export function setAssignments(statement: Statement): readonly Assignment[] | null {
  let list = known.get(statement);
  if (list === undefined) known.set(statement, (list = readAssignments(statement)));
  return list;
}

function readAssignments(statement: Statement): readonly Assignment[] | null {
  const { tokens } = statement;
  const cursor = new TokenCursor(tokens, statement.body);
  if (!cursor.accept('SET')) return null;
  return assignmentList(cursor, tokens.length);
}

/** The assignments of the list in front of a `SET STATEMENT … FOR`. */
export function prefixAssignments(statement: Statement): readonly Assignment[] {
  const { prefix } = statement;
  if (prefix === null) return [];
  return assignmentList(new TokenCursor(statement.tokens.slice(0, prefix.to), prefix.from), prefix.to) ?? [];
}

const globalScopes = ['GLOBAL', 'PERSIST', 'PERSIST_ONLY'];
const sessionScopes = ['SESSION', 'LOCAL'];

function assignmentList(cursor: TokenCursor, to: number): readonly Assignment[] | null {
  const list: Assignment[] = [];
  let global = false;
  while (cursor.at < to) {
    const first = cursor.tokens[cursor.at];
    // The keyword holds for all names behind it that bring none (not for @@names, nor for NAMES).
    if (globalScopes.includes(cursor.upper())) global = true;
    else if (sessionScopes.includes(cursor.upper())) global = false;
    const target = assignmentTarget(cursor, global);
    if (first === undefined || target === null) return null;
    const from = cursor.at;
    cursor.seek(',');
    const last = cursor.tokens[cursor.at - 1];
    if (last === undefined) return null;
    list.push({ ...target, value: cursor.tokens.slice(from, cursor.at), start: first.start, end: last.end });
    cursor.accept(',');
  }
  return list;
}

function assignmentTarget(cursor: TokenCursor, global: boolean): Pick<Assignment, 'scope' | 'name'> | null {
  const token = cursor.tokens[cursor.at];
  if (token === undefined) return null;
  if (cursor.accept('NAMES', 'CHARSET')) return { scope: 'session', name: 'names' };
  if (cursor.acceptSequence('CHARACTER', 'SET')) return { scope: 'session', name: 'names' };
  let scope: Assignment['scope'] = 'session';
  let name: string | null;
  if (token.kind === 'userVariable') {
    cursor.at += 1;
    scope = 'user';
    name = token.text;
  } else if (token.kind === 'systemVariable') {
    cursor.at += 1;
    name = token.text;
    if (cursor.accept('.')) {
      if (globalScopes.includes(name.toUpperCase())) scope = 'global';
      name = cursor.name();
    }
  } else {
    if (!cursor.accept(...globalScopes)) cursor.accept(...sessionScopes);
    if (global) scope = 'global';
    name = cursor.name();
  }
  // Otherwise SET TRANSACTION, SET PASSWORD FOR, SET ROLE x, SET DEFAULT ROLE, …
  if (name === null || !cursor.accept('=', ':=')) return null;
  return { scope, name: name.toLowerCase() };
}
