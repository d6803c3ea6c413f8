import { calledFunctions } from './builtin-functions';
import type { Token } from './tokenizer';

/** What another statement before it changes, or what does something each time. */
const notTwice = new Set(
  `
  FOUND_ROWS ROW_COUNT GET_LOCK RELEASE_LOCK RELEASE_ALL_LOCKS SLEEP BENCHMARK MASTER_GTID_WAIT MASTER_POS_WAIT
  SOURCE_POS_WAIT WAIT_FOR_EXECUTED_GTID_SET NEXTVAL LASTVAL SETVAL
  `
    .trim()
    .split(/\s+/),
);

/** Of sequences in sql_mode ORACLE; and what leaves a number for FOUND_ROWS(). */
const words = new Set(['NEXTVAL', 'CURRVAL', 'SQL_CALC_FOUND_ROWS', 'PROCEDURE']);

const pairs = new Set([
  // Locks that other sessions wait for, and waits for theirs.
  'FOR UPDATE',
  'FOR SHARE',
  'LOCK IN',
  // NEXT VALUE FOR, PREVIOUS VALUE FOR: they have no bracket.
  'VALUE FOR',
]);

/**
 * A query that calls none but the server's functions may be run as a SELECT before the INSERT that it is part of: that takes no
 * lock, and what the query finds afterwards is the same. Refuses too much rather than too little.
 */
export function mayBeAskedFirst(query: readonly Token[]): boolean {
  if (calledFunctions(query, 0).some((name) => notTwice.has(name))) return false;
  return query.every((token, at) => {
    // Such as @@identity and @@warning_count.
    if (token.kind === 'systemVariable' || words.has(token.upper)) return false;
    const [next, behind] = [query[at + 1], query[at + 2]];
    if (pairs.has(`${token.upper} ${next?.upper ?? ''}`)) return false;
    // With a value it sets it.
    return token.upper !== 'LAST_INSERT_ID' || next?.text !== '(' || behind?.text === ')';
  });
}
