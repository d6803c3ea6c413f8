import { compareChangeSets } from '../../replicator/change-set';
import { concurrent, foldRules, type FoldRules } from '../../replicator/merge/fold-rules';
import type { Operation } from '../../replicator/merge/operation';

/** Deliberately broken parts, each of which a checker must catch. */
export const MUTANTS = {
  'arrival-order': 'sites merge in the order in which changes reached them',
  'no-validation': 'an apply does not look at what was committed since it was decided',
  'no-gate': 'received change sets are applied without waiting for their causes',
  'position-first': 'capture’s position is saved before what it read is in the spool',
  'stale-read': 'a whiteboard is read from what this site saw last',
  'unknown-as-failed': 'a whiteboard change with an unknown outcome is reported as failed',
  'forgetful-acceptor': 'acceptors forget their promises in a crash',
} as const;

export type Mutant = keyof typeof MUTANTS;

export function isMutant(name: string): name is Mutant {
  return Object.hasOwn(MUTANTS, name);
}

/** Merging rules of one site. */
export function foldRulesOf(mutant: Mutant | null): FoldRules {
  if (mutant !== 'arrival-order') return foldRules;
  const order = new Map<string, number>();
  const arrival = ({ changeSet: { origin, seq } }: Operation): number => {
    const id = `${origin}:${seq}`;
    if (!order.has(id)) order.set(id, order.size);
    return order.get(id)!;
  };
  return {
    ...foldRules,
    compare: (a, b) => (concurrent(a, b) ? arrival(a) - arrival(b) : compareChangeSets(a.changeSet, b.changeSet)),
  };
}
