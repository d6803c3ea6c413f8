import { compareChangeSets, isCauseOf } from '../change-set';
import type { Incarnation } from '../change-set';
import type { Operation } from './operation';

/**
 * The decisions that the fold asks for, one function each. The production rules are `foldRules`; tests put a broken one
 * in its place to see that they notice.
 */
export interface FoldRules {
  /** The order in which operations take effect. It must extend causal order. */
  compare(a: Operation, b: Operation): number;
  /** The concurrent delete by which an insert or update is lost (M3), null when it lives. */
  lostToDelete(operation: Operation, ofRow: RowHistory): Operation | null;
  /** Whether a unique value held by another row stands in the way of a claim (M9); `holder` null: since before the window. */
  blocks(holder: Operation | null, claim: Operation): boolean;
}

/** All operations on one row, in the order of FoldRules.compare. */
export interface RowHistory {
  readonly operations: readonly Operation[];
  /** The same, each origin's in its own list: in seq order, so that what one follows all after it follow too. */
  readonly byOrigin: ReadonlyMap<Incarnation, readonly Operation[]>;
  readonly deletes: readonly Operation[];
  readonly inserts: readonly Operation[];
}

export function concurrent(a: Operation, b: Operation): boolean {
  return a.changeSet !== b.changeSet && !isCauseOf(a.changeSet, b.changeSet) && !isCauseOf(b.changeSet, a.changeSet);
}

export function isCause(earlier: Operation, later: Operation): boolean {
  return isCauseOf(earlier.changeSet, later.changeSet);
}

export const foldRules: FoldRules = {
  compare: (a, b) => compareChangeSets(a.changeSet, b.changeSet),

  /**
   * M3, pairwise and never from the running state: a delete beats every insert and update concurrent with it, unless
   * the row was inserted again after the delete, concurrently with that operation. (An insert that came after both saw
   * the operation lost already: it does not bring it back. Otherwise a local insert would revive what this site's
   * database no longer holds.)
   */
  lostToDelete(operation, { deletes, inserts }) {
    for (const gone of deletes) {
      if (!concurrent(gone, operation)) continue;
      const again = inserts.some((insert) => isCause(gone, insert) && concurrent(insert, operation));
      if (!again) return gone;
    }
    return null;
  },

  /** M9: whoever claimed it first in the order has it, as long as it is held. */
  blocks: () => true,
};
