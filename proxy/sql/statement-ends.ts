import { TokenCursor } from './token-cursor';
import type { Token } from './tokenizer';

/** A statement of a text. */
export interface StatementTokens {
  readonly tokens: readonly Token[];
  /** The `;` behind it. */
  readonly separator: Token | null;
}

/**
 * The statements of a text, cut at `;`. Empty ones are left out. One that holds statements (a block, the body
 * of a routine) ends behind its last END: an INSERT in a routine must not get a key of its own, which every call would use again.
 * Where the end is not certain it is taken to be later rather than sooner.
 */
export function splitStatements(tokens: readonly Token[]): StatementTokens[] {
  const statements: StatementTokens[] = [];
  for (let from = 0; from < tokens.length;) {
    const end = holdsStatements(tokens, from) ? endOfBlocks(tokens, from) : nextSeparator(tokens, from);
    if (end > from) statements.push({ tokens: tokens.slice(from, end), separator: tokens[end] ?? null });
    from = end + 1;
  }
  return statements;
}

function nextSeparator(tokens: readonly Token[], from: number): number {
  for (let at = from; at < tokens.length; at++) if (tokens[at]?.kind === 'separator') return at;
  return tokens.length;
}

/** What a block may begin with, where a statement begins. (DECLARE and the last two in sql_mode ORACLE.) */
const blockHeads = new Set(['IF', 'CASE', 'LOOP', 'WHILE', 'REPEAT', 'FOR', 'DECLARE', 'PROCEDURE', 'FUNCTION']);
const HEAD_MAX = 20;

function holdsStatements(tokens: readonly Token[], from: number): boolean {
  const cursor = new TokenCursor(tokens, from);
  if (cursor.acceptSequence('SET', 'STATEMENT')) {
    const end = nextSeparator(tokens, from);
    while (cursor.at < end && cursor.upper() !== 'FOR') cursor.at += 1;
    cursor.at += 1;
  }
  if (cursor.upper() === 'BEGIN') return !beginsTransaction(cursor);
  if (blockHeads.has(cursor.upper()) || cursor.upper(1) === ':' || cursor.upper() === '<<') return true;
  if (!cursor.accept('CREATE', 'ALTER')) return false;
  for (let ahead = 0; ahead < HEAD_MAX && cursor.kind(ahead) !== 'separator'; ahead++) {
    if (/^(PROCEDURE|FUNCTION|TRIGGER|EVENT|PACKAGE)$/.test(cursor.upper(ahead))) return true;
    if (/^(TABLE|VIEW|INDEX|DATABASE|SCHEMA|USER)$/.test(cursor.upper(ahead))) return false;
  }
  return false;
}

/** Behind any other BEGIN statements follow. */
export function beginsTransaction(cursor: TokenCursor): boolean {
  const next = cursor.kind(1);
  return next === null || next === 'separator' || cursor.upper(1) === 'WORK';
}

/** Index of the `;` behind all blocks that are begun from `from` on. */
function endOfBlocks(tokens: readonly Token[], from: number): number {
  let open = 0;
  for (let at = from; at < tokens.length; at++) {
    if (tokens[at]?.kind === 'separator') {
      if (open <= 0) return at;
    } else if (tokens[at]?.kind === 'word' && tokens[at - 1]?.upper !== '.') {
      if (closes(tokens, at)) open -= 1;
      else if (opens(new TokenCursor(tokens, at))) open += 1;
    }
  }
  return tokens.length;
}

/** Not the END of a CASE within an expression. */
function closes(tokens: readonly Token[], at: number): boolean {
  if (tokens[at]?.upper !== 'END') return false;
  const before = tokens[at - 1];
  return (
    before?.kind === 'separator' ||
    before?.upper === 'BEGIN' ||
    before?.upper === 'ATOMIC' ||
    tokens[at + 1]?.upper === 'REPEAT'
  );
}

function opens(cursor: TokenCursor): boolean {
  const word = cursor.upper();
  if (cursor.tokens[cursor.at - 1]?.upper === 'END') return false;
  switch (word) {
    case 'BEGIN':
    case 'LOOP':
    case 'WHILE':
      return true;
    case 'REPEAT':
      return cursor.upper(1) !== '(';
    case 'FOR':
      return cursor.upper(2) === 'IN';
    case 'IF':
      return !isExistsClause(cursor) && wordsAhead(cursor).includes('THEN');
    case 'CASE':
      return isCaseStatement(cursor);
    default:
      return false;
  }
}

/** Of a definition, as in CREATE PROCEDURE IF NOT EXISTS p. */
function isExistsClause(cursor: TokenCursor): boolean {
  const exists = cursor.upper(1) === 'NOT' ? 2 : 1;
  return cursor.upper(exists) === 'EXISTS' && cursor.upper(exists + 1) !== '(';
}

/** Within an expression its END comes before the next `;`. */
function isCaseStatement(cursor: TokenCursor): boolean {
  let open = 1;
  let before = '';
  for (const word of wordsAhead(cursor)) {
    if (word === 'CASE' && before !== 'END') open += 1;
    if (word === 'END') open -= 1;
    if (open === 0) return false;
    before = word;
  }
  return true;
}

/** Those behind the current one, up to the next `;`. */
function wordsAhead({ tokens, at }: TokenCursor): string[] {
  const ahead = tokens.slice(at + 1, nextSeparator(tokens, at));
  return ahead.map(({ kind, upper }) => (kind === 'word' ? upper : ''));
}
