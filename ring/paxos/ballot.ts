/**
 * Ballots are ordered by epoch, then counter, then the proposer's scope. With the epoch first, a promise made in a new
 * epoch fences every proposer that still lives in an old one.
 */
export interface Ballot {
  readonly epoch: number;
  readonly counter: number;
  readonly scope: number;
}

/** Negative when `a` is below `b`; null (no ballot yet) is below all. */
export function compareBallots(a: Ballot | null, b: Ballot | null): number {
  if (a === null || b === null) return (a === null ? 0 : 1) - (b === null ? 0 : 1);
  return a.epoch - b.epoch || a.counter - b.counter || a.scope - b.scope;
}

export function ballotKey(ballot: Ballot): string {
  return `${ballot.epoch}.${ballot.counter}.${ballot.scope}`;
}
