import type { ChangeSet } from '../change-set';
import type { MergeDecision } from '../merge/operation';
import { LocalWatch } from './local-watch';

const local = (seq: bigint): ChangeSet => ({ seq }) as unknown as ChangeSet;
const decision = (folded: boolean): MergeDecision => ({
  targets: [],
  conflictsAdded: [],
  conflictsRemoved: [],
  folded,
});

function watchOf(folded: boolean): { watch: LocalWatch; late: bigint[] } {
  const late: bigint[] = [];
  const window = {
    decide: () => decision(folded),
    takeLocal: () => decision(folded),
    undo: () => undefined,
    touches: () => false,
    merged: () => null,
  };
  return { watch: new LocalWatch(window, ({ seq }) => void late.push(seq)), late };
}

describe('local change sets and the attempts they meet', () => {
  test('one with all its causes before it is nobody’s business', () => {
    const { watch, late } = watchOf(false);
    watch.arrived(local(1n));
    expect(late).toEqual([]);
  });

  test('one that is concurrent with something applied is late, attempt or not', () => {
    const { watch, late } = watchOf(true);
    watch.arrived(local(1n));
    const attempt = watch.begin();
    watch.arrived(local(2n));
    expect(late).toEqual([1n]);
    attempt.settle(() => false);
    expect(late).toEqual([1n, 2n]);
  });

  test('one that met what was undone was seen together with it: it is decided again, and not late', () => {
    const { watch, late } = watchOf(true);
    const attempt = watch.begin();
    watch.arrived(local(1n));
    watch.arrived(local(2n));
    expect(attempt.all().map(({ seq }) => seq)).toEqual([1n, 2n]);
    expect(attempt.some(({ seq }) => seq === 2n)).toBe(true);
    attempt.settle(({ seq }) => seq === 1n);
    expect(late).toEqual([2n]);
    expect(attempt.some(() => true)).toBe(false);
  });

  test('an ended attempt hears no more', () => {
    const { watch, late } = watchOf(true);
    const attempt = watch.begin();
    attempt.end();
    watch.arrived(local(1n));
    expect(attempt.all()).toEqual([]);
    expect(late).toEqual([1n]);
  });
});
