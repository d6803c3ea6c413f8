import { compareChangeSets } from '../change-set';
import { concurrent, foldRules, isCause } from './fold-rules';
import type { FoldRules } from './fold-rules';
import type { Operation } from './operation';
import { PLAIN_RULES } from './testing/model-site';
import { BrokenPromise, runHistory } from './testing/random-history';
import type { HistoryOptions } from './testing/random-history';

/** Quick; ten times as many passed when the rules were last changed. */
const RUNS = 300;

function firstFailure(runs: number, options: Omit<HistoryOptions, 'seed'>): BrokenPromise | null {
  for (let seed = 1; seed <= runs; seed++) {
    try {
      runHistory({ ...options, seed });
    } catch (error) {
      if (error instanceof BrokenPromise) return error;
      throw error;
    }
  }
  return null;
}

test('any history in any causal order: equal rows and conflicts, the database is the fold, nothing is lost silently', () => {
  expect(firstFailure(RUNS, {})?.message).toBeUndefined();
});

test('origins that list only unique values that changed: letters that are equal give way to another value', () => {
  expect(firstFailure(RUNS, { sparse: true })?.message).toBeUndefined();
});

test('longer histories', () => {
  expect(firstFailure(RUNS / 20, { steps: 60 })?.message).toBeUndefined();
});

test('columns that belong together, with the order of arrival as before', () => {
  const rules = {
    ...PLAIN_RULES,
    columnGroup: (_s: string, _t: string, name: string) => (name === 'v' || name === 'w' ? ['v', 'w'] : [name]),
  };
  expect(firstFailure(RUNS / 3, { rules })?.message).toBeUndefined();
});

/** When each operation first came up in a fold: roughly when it arrived at this site. */
function arrival(): (operation: Operation) => number {
  const order = new Map<string, number>();
  return ({ changeSet }) => {
    const id = `${changeSet.origin}:${changeSet.seq}`;
    if (!order.has(id)) order.set(id, order.size);
    return order.get(id)!;
  };
}

const MUTANTS: [string, () => FoldRules][] = [
  [
    'M2 by order of arrival',
    () => {
      const at = arrival();
      return {
        ...foldRules,
        compare: (a, b) => (concurrent(a, b) ? at(a) - at(b) : compareChangeSets(a.changeSet, b.changeSet)),
      };
    },
  ],
  [
    'M2 by origin, whatever the clock',
    () => ({
      ...foldRules,
      compare: (a, b) =>
        a.changeSet.origin === b.changeSet.origin
          ? Number(a.changeSet.seq - b.changeSet.seq)
          : a.changeSet.origin - b.changeSet.origin,
    }),
  ],
  ['M3 by running state', () => ({ ...foldRules, lostToDelete: () => null })],
  [
    'M3 against every delete: delete and insert at two sites lose both (counter-example 3)',
    () => ({
      ...foldRules,
      lostToDelete: (operation, { deletes }) => deletes.find((gone) => concurrent(gone, operation)) ?? null,
    }),
  ],
  [
    'M3 cancelled by any insert after the delete: a local insert revives what was lost',
    () => ({
      ...foldRules,
      lostToDelete: (operation, { deletes, inserts }) =>
        deletes.find((gone) => concurrent(gone, operation) && !inserts.some((insert) => isCause(gone, insert))) ?? null,
    }),
  ],
  [
    'what a later delete saw takes no effect: its claim no longer parks another row, which a local delete then revives',
    () => ({
      ...foldRules,
      lostToDelete: (operation, history) =>
        history.deletes.find((gone) => isCause(operation, gone)) ?? foldRules.lostToDelete(operation, history),
    }),
  ],
  [
    'M3 lets a concurrent insert live',
    () => ({
      ...foldRules,
      lostToDelete: (operation, history) =>
        operation.change.kind === 'insert' ? null : foldRules.lostToDelete(operation, history),
    }),
  ],
  ['M9 parks nobody', () => ({ ...foldRules, blocks: () => false })],
  [
    'M9 by order of arrival',
    () => {
      const at = arrival();
      return { ...foldRules, blocks: (holder, claim) => holder === null || at(holder) < at(claim) };
    },
  ],
];

test.each(MUTANTS)('notices the mutant: %s', (_name, mutant) => {
  expect(firstFailure(20_000, { mutant })).toBeInstanceOf(BrokenPromise);
});
