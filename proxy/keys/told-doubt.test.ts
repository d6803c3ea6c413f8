import type { TableInfo } from '../ports';
import type { RowKey } from './row-keys';
import { keysOfRun, keysOfTrigger, runInDoubt } from './told-doubt';

const generated: RowKey = { kind: 'generated', literal: null };
const computed: RowKey = { kind: 'unknown', expression: { start: 0, end: 1 } };
const explicit = (key: bigint): RowKey => ({ kind: 'explicit', key });
const table = {} as TableInfo;
const first = 1000n;

describe('of keys that the server makes from 1000 on', () => {
  const cases: [why: string, rows: RowKey[], anyKeyJumps: boolean, generatedEnd: bigint | null][] = [
    ['it makes them all', [generated, explicit(5n), generated], false, null],
    ['behind a large key they are values', [generated, explicit(5000n), generated], false, 1001n],
    ['behind any key, where updated rows tell theirs', [generated, explicit(5n), generated], true, 1001n],
    ['nothing is generated before the large key', [explicit(5000n), generated, generated], false, null],
    ['perhaps they are values', [generated, generated, computed, generated], false, 1003n],
    ['one row', [computed], false, null],
  ];
  it.each(cases)('%s', (_why, rows, anyKeyJumps, generatedEnd) => {
    const doubt = runInDoubt({ table, anyKeyJumps, mayLeaveOut: true }, rows, first);
    expect(doubt?.kind === 'run' ? doubt.generatedEnd : doubt).toBe(generatedEnd);
  });

  it('there is no doubt where no row can be left out', () => {
    const rows = [generated, explicit(5000n), generated];
    expect(runInDoubt({ table, anyKeyJumps: false, mayLeaveOut: false }, rows, first)).toBeNull();
  });

  it('what it tells of those that it made is sure', () => {
    const keys = keysOfRun({ kind: 'run', table, first, generatedEnd: 1002n, end: 1005n });
    expect(keys.among).toEqual({ from: 1000n, end: 1005n, also: [] });
    expect([999n, 1000n, 1001n, 1002n, 0n].map((told) => keys.sure(told))).toEqual([false, true, true, false, false]);
  });
});

describe('of keys that a trigger gave', () => {
  const cases: [given: string | null, last: string | null, among: unknown][] = [
    ['70,75,76', '71', { from: 70n, end: 72n, also: [75n, 76n] }],
    ['70', '74', null],
    [null, null, null],
    ['70,x', '71', null],
    ['70,75', '', null],
  ];
  it.each(cases)('%s up to %s', (given, last, among) => {
    expect(keysOfTrigger(given, last)?.among ?? null).toEqual(among);
  });
});
