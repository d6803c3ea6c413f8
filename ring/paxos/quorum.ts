import type { Acceptor } from '../members/membership';
import { majorityOf, type PoolSpan } from '../members/pool';
import type { Accepted } from './acceptor';
import { compareBallots, type Ballot } from './ballot';

/**
 * Why a register survives changes of the membership (cf. Vertical Paxos, Scatter, RAMBO).
 *
 * Let a proposer work at ballot b of epoch E. It prepares at a majority of the pool of E. If no answer carries a value
 * accepted in E, it also prepares at a majority of the pool of E - 1, and so on back, until the highest value seen was
 * accepted in an epoch whose pool, and every later one's, has answered. Then:
 * 1. Each of those majorities has promised b, and b is above every ballot of an older epoch. So nothing older that it has
 *    not seen can still be chosen there.
 * 2. Had a value been chosen in an epoch k it walked through, its majorities of k would share an acceptor: it was seen.
 * 3. If it stopped at a value accepted at ballot b' of epoch k, then the proposer of b' had done the same for all epochs
 *    below k: b' contains whatever was chosen there, and they were fenced before b' was proposed.
 * So by induction on ballots every proposal contains every change chosen at a lower ballot, across epochs.
 * A value is chosen when a majority of the pool *of its ballot's epoch* accepted it.
 *
 * Old pools are forgotten (forgetOldPools) once each of their acceptors refuses all epochs before the pool of now began and
 * has seen every register it holds a value of chosen in the pool of now: a walk back there would learn nothing more.
 *
 * A read looks without promising. It is valid when the walk's highest value is chosen and nobody in it has promised a
 * ballot of an epoch above the reader's: every value chosen in a later epoch was preceded by such promises at a majority
 * of the reader's pool (1 and 3), which the reader's majority meets.
 */

/** What an acceptor said of a register. */
export interface Answer {
  readonly promised: Ballot | null;
  readonly accepted: Accepted | null;
}

/** By the acceptor's scope. */
export type Answers = ReadonlyMap<number, Answer>;

export type Survey =
  | { readonly kind: 'incomplete'; readonly ask: readonly Acceptor[] }
  | {
      readonly kind: 'complete';
      /** The highest accepted value; null: none was ever chosen. */
      readonly current: Accepted | null;
      /** False: a change that may be half done, to be finished before anything is said about it. */
      readonly chosen: boolean;
    };

/** How far a proposer's (or reader's) walk through the pools is. `spans`: newest first, see poolSpans. */
export function survey(spans: readonly PoolSpan[], answers: Answers): Survey {
  let current: Accepted | null = null;
  for (const answer of answers.values()) {
    if (compareBallots(answer.accepted?.ballot ?? null, current?.ballot ?? null) > 0) current = answer.accepted;
  }
  for (const span of spans) {
    const answered = span.pool.filter((acceptor) => answers.has(acceptor.scope)).length;
    if (answered < majorityOf(span.pool)) return { kind: 'incomplete', ask: span.pool };
    if (current !== null && current.ballot.epoch >= span.since) break;
  }
  return { kind: 'complete', current, chosen: current === null || isChosen(spans, current, answers) };
}

function isChosen(spans: readonly PoolSpan[], current: Accepted, answers: Answers): boolean {
  const pool = spans.find((span) => span.since <= current.ballot.epoch)?.pool ?? [];
  const holders = pool.filter((acceptor) => {
    const accepted = answers.get(acceptor.scope)?.accepted ?? null;
    return accepted !== null && compareBallots(accepted.ballot, current.ballot) === 0;
  });
  return pool.length > 0 && holders.length >= majorityOf(pool);
}
