import { asExpressions } from '../keys/row-edits';
import type { RowKey } from '../keys/row-keys';
import { runInDoubt, type ToldDoubt } from '../keys/told-doubt';
import type { KeyNeed } from './insert-keys';
import type { HeldKeys } from './key-reservations';
import type { ProxyServices } from './proxy-services';
import type { StatementPlan } from './statement-plan';

/**
 * Whether the reply to a statement tells the key that it has to; null: it does. `held`: all of its command; `execution`: of a
 * prepared statement; `seen` are its rows with their parameters known.
 */
export function doubtOf(
  { needs, keyedByTrigger }: Pick<StatementPlan, 'needs' | 'keyedByTrigger'>,
  held: readonly HeldKeys[],
  { smallestKey }: ProxyServices,
  statement = 0,
  execution: { readonly seen: readonly RowKey[]; readonly bulk: boolean } | null = null,
): ToldDoubt | null {
  if (smallestKey === undefined) return null;
  // Most of all: nothing is left out.
  if (execution === null && needs.length === 1 && needs[0]?.mayLeaveOut === false && keyedByTrigger.length === 0)
    return null;
  const [need, otherNeed] = needs.filter((each) => each.statement === statement);
  const [triggered, otherTriggered] = keyedByTrigger.filter((each) => each.statement === statement);
  if (otherNeed !== undefined || otherTriggered !== undefined) return null;
  if (triggered !== undefined) {
    const { table, mayLeaveOut, single } = triggered;
    const may = need === undefined && mayLeaveOut && (!single || execution?.bulk === true);
    return may ? { kind: 'trigger', table } : null;
  }
  const first = held.find((each) => each.statement === statement)?.first;
  if (need === undefined || first === undefined) return null;
  return runInDoubt(need, execution?.seen ?? asExpressions(need.rows), first);
}

/** `doubtOf` each statement of a text that may leave rows out, by its index. */
export function doubtsOf(
  plan: StatementPlan,
  held: readonly HeldKeys[],
  services: ProxyServices,
): ReadonlyMap<number, ToldDoubt> {
  const doubts = new Map<number, ToldDoubt>();
  for (const { statement, mayLeaveOut } of [...plan.needs, ...plan.keyedByTrigger]) {
    const doubt = mayLeaveOut ? doubtOf(plan, held, services, statement) : null;
    if (doubt !== null) doubts.set(statement, doubt);
  }
  return doubts;
}

/** As `doubtOf`, for a bulk execution that gives its rows their keys as values, whether or not the server would make them. */
export function variantDoubt(
  need: KeyNeed,
  seen: readonly RowKey[],
  first: bigint,
  { smallestKey }: ProxyServices,
): ToldDoubt | null {
  return smallestKey === undefined ? null : runInDoubt({ ...need, mayLeaveOut: true }, seen, first);
}
