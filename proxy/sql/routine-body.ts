import { calledFunctions, isBuiltinFunction } from './builtin-functions';
import { type InsertShape, insertShape } from './insert-shape';
import type { SqlMode } from './sql-mode';
import type { TableName } from './token-cursor';
import { type Token, tokenize } from './tokenizer';

/** What the body of a trigger, routine or event may insert into. */
export interface BodyInserts {
  /** Tables named behind INSERT, REPLACE or LOAD DATA. */
  readonly targets: readonly InsertTarget[];
  /** It calls procedures or functions, which may insert as well. */
  readonly calls: boolean;
  /** It runs texts that only come to be when it does. */
  readonly dynamic: boolean;
}

export interface InsertTarget extends TableName {
  /** The statement calls stored functions, which may insert between its rows. */
  readonly calls: boolean;
}

/** `body` holds one character a byte, as everywhere in this folder. Finds too much rather than too little. */
export function bodyInserts(body: string, mode: SqlMode): BodyInserts {
  const { tokens, broken } = tokenize(body, mode);
  const targets: InsertTarget[] = [];
  let calls = broken;
  let dynamic = broken;
  tokens.forEach((token, at) => {
    if (token.kind !== 'word') return;
    if (token.upper === 'CALL') calls = true;
    else if (token.upper === 'EXECUTE') dynamic = true;
    else if (startsInsert(tokens, at)) {
      const shape = insertShape(statementFrom(tokens, at), 0);
      // Not a form we know: then it may be any table.
      if (shape === null) dynamic = true;
      else targets.push({ ...shape.table, calls: callsStored(shape) });
    }
  });
  calls ||= calledFunctions(tokens, 0).some((name) => !isBuiltinFunction(name) && !isTarget(name, targets));
  return { targets, calls, dynamic };
}

/** Whether an INSERT calls functions that are not the server's own. */
export function callsStored({ tokens, behindTable }: InsertShape): boolean {
  // `INSERT INTO t (a)` looks like a call of t.
  return !calledFunctions(tokens, behindTable).every(isBuiltinFunction);
}

/** INSERT( and REPLACE( are functions. */
function startsInsert(tokens: readonly Token[], at: number): boolean {
  const upper = tokens[at]?.upper;
  const next = tokens[at + 1];
  if (upper === 'LOAD') return next?.upper === 'DATA' || next?.upper === 'XML';
  if (upper !== 'INSERT' && upper !== 'REPLACE') return false;
  if (next === undefined || (next.kind !== 'word' && next.kind !== 'name')) return false;
  // CREATE TRIGGER … BEFORE INSERT ON, CREATE OR REPLACE …
  return next.upper !== 'ON' && tokens[at - 1]?.upper !== 'OR';
}

function statementFrom(tokens: readonly Token[], at: number): readonly Token[] {
  const end = tokens.findIndex((token, index) => index > at && token.kind === 'separator');
  return tokens.slice(at, end < 0 ? undefined : end);
}

/** `INSERT INTO t (a) …` looks like a call of t. */
function isTarget(called: string, targets: readonly InsertTarget[]): boolean {
  const name = called.replace(/^.*\./, '').toLowerCase();
  return targets.some(({ table }) => table.toLowerCase() === name);
}
