import { grantLease, type Lease, type LeaseRequest } from '../../proxy/keys/key-leases';
import type { Whiteboards } from '../../ring/api';
import type { LeaseAnswer } from './messages';

/** Leases a block of keys from the table's whiteboard. Never rejects: a refusal says why. */
export async function leaseKeys(whiteboards: Whiteboards, scope: number, request: LeaseRequest): Promise<LeaseAnswer> {
  const { schema, table } = request;
  // The change may be tried several times; only the one whose value was committed is a grant.
  const proposed = new Map<string, Lease>();
  try {
    const outcome = await whiteboards.update(`keys/${schema}.${table}`, (current) => {
      const decision = grantLease(current, { ...request, scope });
      if (decision.kind === 'exhausted') return undefined;
      proposed.set(decision.next, decision.lease);
      return decision.next;
    });
    switch (outcome.kind) {
      case 'committed':
        return proposed.get(outcome.value ?? '') ?? { refused: 'another lease was committed in its place' };
      case 'declined':
        return { refused: `the key column of ${schema}.${table} holds no further keys; make it wider (BIGINT)` };
      case 'unavailable':
        return { refused: `too few sites of the ring can be reached for a new lease of keys: ${outcome.reason}` };
      case 'unknown':
        // If it was granted after all, its keys are never used: a gap, and no collision.
        return { refused: `the ring did not answer in time: ${outcome.reason}` };
    }
  } catch (error) {
    return { refused: error instanceof Error ? error.message : String(error) };
  }
}
