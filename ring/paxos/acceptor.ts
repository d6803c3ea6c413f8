import { compareBallots, type Ballot } from './ballot';

/** A register's value, with enough of its lineage for a proposer to find out whether its own change is in it. */
export interface RegisterValue {
  readonly text: string;
  /** How many changes led to this value. */
  readonly changes: number;
  /** Ballots of the last changes, newest last, at most RECENT_CHANGES_MAX. */
  readonly recent: readonly Ballot[];
}

export const RECENT_CHANGES_MAX = 16;

export interface Accepted {
  readonly ballot: Ballot;
  readonly value: RegisterValue;
}

/** What an acceptor must never forget about a register. accepted.ballot <= promised. */
export interface RegisterState {
  readonly promised: Ballot | null;
  readonly accepted: Accepted | null;
}

export const EMPTY_REGISTER: RegisterState = { promised: null, accepted: null };

/** Phase 1. Undefined: refused, what was promised stands. The new state must be on disk before the answer leaves. */
export function prepare(state: RegisterState, ballot: Ballot): RegisterState | undefined {
  // Equal is refused too: a proposer that restarted may come with a ballot it used before.
  if (compareBallots(ballot, state.promised) <= 0) return undefined;
  return { promised: ballot, accepted: state.accepted };
}

/** Phase 2. Undefined: refused, a higher ballot was promised. The new state must be on disk before the answer leaves. */
export function accept(state: RegisterState, { ballot, value }: Accepted): RegisterState | undefined {
  if (compareBallots(ballot, state.promised) < 0) return undefined;
  return { promised: ballot, accepted: { ballot, value } };
}
