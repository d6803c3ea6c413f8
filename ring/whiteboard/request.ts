import type { WhiteboardOutcome } from '../api';
import type { Change } from '../effects';
import type { Acceptor } from '../members/membership';
import { majorityOf, type PoolSpan } from '../members/pool';
import type { RegisterValue } from '../paxos/acceptor';
import type { Ballot } from '../paxos/ballot';
import type { Answer } from '../paxos/quorum';

/** What a request wants of its register. */
export type Purpose =
  | { readonly kind: 'read' }
  | { readonly kind: 'update'; readonly change: Change }
  /** Carry the value over into the pool of the present epoch, if it is not there yet. */
  | { readonly kind: 'settle' };

/** What is to be said once a majority has accepted. */
export type Verdict =
  | { readonly kind: 'say'; readonly outcome: WhiteboardOutcome }
  /** A decided next epoch was finished for its proposer: go on in it. */
  | { readonly kind: 'again' };

interface Asking {
  readonly epoch: number;
  readonly spans: readonly PoolSpan[];
  readonly asked: Map<number, Acceptor>;
  readonly answers: Map<number, Answer>;
  readonly refused: Set<number>;
  untilMs: number;
}

export interface Querying extends Asking {
  readonly kind: 'query';
}

export interface Preparing extends Asking {
  readonly kind: 'prepare';
  readonly ballot: Ballot;
}

export interface Accepting {
  readonly kind: 'accept';
  readonly ballot: Ballot;
  readonly pool: readonly Acceptor[];
  readonly value: RegisterValue;
  readonly verdict: Verdict;
  readonly asked: Set<number>;
  readonly accepted: Set<number>;
  readonly refused: Set<number>;
  untilMs: number;
}

export interface Waiting {
  readonly kind: 'wait';
  readonly untilMs: number;
}

export type Phase = Querying | Preparing | Accepting | Waiting;

/** A proposal of this request that may have been accepted somewhere. */
export interface Attempt {
  readonly text: string;
  /** `changes` of the value it proposed. */
  readonly changes: number;
}

export interface Request {
  readonly id: bigint;
  readonly register: string;
  readonly purpose: Purpose;
  readonly done: (outcome: WhiteboardOutcome) => void;
  readonly startedMs: number;
  /** By ballot. At most one of them is in any value's lineage: each was based on a value without the others. */
  readonly attempts: Map<string, Attempt>;
  round: number;
  setbacks: number;
  phase: Phase;
}

/** True when some pool that was asked can no longer give a majority. */
export function isHopeless(phase: Asking): boolean {
  return phase.spans.some(({ pool }) => {
    if (!pool.every((acceptor) => phase.asked.has(acceptor.scope))) return false;
    const left = pool.filter((acceptor) => !phase.refused.has(acceptor.scope));
    return left.length < majorityOf(pool);
  });
}
