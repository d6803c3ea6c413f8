import type { ChangeSet, VersionVector } from '../change-set';
import type { CausalGate } from './causal-gate';

/** Change sets in one database transaction, and their rows: more saves little, and loses more work in a race. */
export const CHANGE_SETS_MAX = 64;
const ROWS_MAX = 2_000;

/** What can be applied next, in order; never more than the limits, except for a single change set beyond them. */
export function nextBatch(gate: CausalGate, applied: VersionVector, most = CHANGE_SETS_MAX): readonly ChangeSet[] {
  const ready = gate.ready(applied, most);
  let rows = 0;
  let taken = 0;
  for (const changeSet of ready) {
    rows += changeSet.rows.length;
    if (taken > 0 && rows > ROWS_MAX) break;
    taken++;
  }
  for (const changeSet of ready.slice(taken)) gate.offer(changeSet);
  return ready.slice(0, taken);
}
