import { convergenceProblem } from './convergence';
import { linearizabilityProblem, type HistoryEntry } from './linearizability';
import type { Incarnation } from '../../../replicator/change-set';
import { row } from '../../../replicator/merge/testing/model-site';

const done = (id: string, [invokedMs, returnedMs]: [number, number], list: string): HistoryEntry => ({
  ...{ id, site: 's', kind: id.startsWith('r') ? 'read' : 'append', invokedMs, returnedMs },
  outcome: { kind: 'value', list: list === '' ? [] : list.split(' ') },
});
const open = (id: string, invokedMs: number, kind: 'failed' | 'unknown'): HistoryEntry => ({
  ...{ id, site: 's', kind: 'append', invokedMs, returnedMs: kind === 'failed' ? invokedMs + 1 : Infinity },
  outcome: { kind },
});

test.each<[string, HistoryEntry[]]>([
  ['nothing happened', []],
  ['one after the other', [done('a1', [0, 1], 'a1'), done('r2', [2, 3], 'a1'), done('a3', [4, 5], 'a1 a3')]],
  ['overlapping changes in either order', [done('a1', [0, 9], 'a2 a1'), done('a2', [0, 9], 'a2')]],
  [
    'a read beside a change may see it or not',
    [done('a1', [0, 9], 'a1'), done('r2', [1, 8], ''), done('r3', [1, 8], 'a1')],
  ],
  ['an unknown change took effect later', [open('a1', 0, 'unknown'), done('r2', [5, 6], ''), done('r3', [7, 8], 'a1')]],
  ['an unknown change never took effect', [open('a1', 0, 'unknown'), done('a2', [5, 6], 'a2')]],
  ['a failed change did not happen', [open('a1', 0, 'failed'), done('r2', [5, 6], '')]],
])('linearizable: %s', (_reason, history) => {
  expect(linearizabilityProblem(history)).toBeNull();
});

test.each<[string, HistoryEntry[], string]>([
  ['a stale read', [done('a1', [0, 1], 'a1'), done('r2', [2, 3], '')], 'before it began'],
  [
    'time runs backwards for two readers',
    [done('a1', [0, 9], 'a1'), done('r2', [1, 2], 'a1'), done('r3', [3, 4], '')],
    'before it began',
  ],
  ['two truths', [done('a1', [0, 1], 'a1'), done('a2', [2, 3], 'a2')], 'another saw'],
  ['a change took effect twice', [done('a1', [0, 1], 'a1'), done('r2', [2, 3], 'a1 a1')], 'twice'],
  ['a failed change happened', [open('a1', 0, 'failed'), done('r2', [2, 3], 'a1')], 'but happened'],
  ['a change before it was asked for', [done('r1', [0, 1], 'a2'), done('a2', [5, 6], 'a2')], 'before it began'],
  [
    'an unknown change before it was asked for',
    [done('r1', [0, 1], 'a2'), open('a2', 5, 'unknown')],
    'before it began',
  ],
  ['a change that is not there', [done('a1', [0, 1], 'a2'), done('a2', [0, 1], 'a2')], 'was reported done'],
])('not linearizable: %s', (_reason, history, problem) => {
  expect(linearizabilityProblem(history)).toContain(problem);
});

test('convergence: change sets, rows and conflicts are compared, in this order', () => {
  const site = { name: 'a', rows: new Map([['1', row('1', { v: 'a' })]]), conflicts: new Map(), applied: new Map() };
  expect(convergenceProblem([site, { ...site, name: 'b' }])).toBeNull();
  const otherRow = { ...site, name: 'b', rows: new Map([['1', row('1', { v: 'b' })]]) };
  expect(convergenceProblem([site, otherRow])).toMatch(/^rows differ:\n {2}a: 1 a - - - -\n {2}b: 1 b - - - -$/);
  const behind = { ...otherRow, applied: new Map([[1 as Incarnation, 1n]]) };
  expect(convergenceProblem([site, behind])).toMatch(/^change sets differ:\n {2}a: -\n {2}b: 1:1$/);
});
