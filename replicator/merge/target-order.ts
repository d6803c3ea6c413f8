import type { RowKey, UniqueKey } from '../change-set';
import type { RowTarget } from './operation';

/** Unique values that a row lets go of and those it takes, when it is brought to its target. */
export interface UniqueMove {
  readonly gives: readonly UniqueKey[];
  readonly takes: readonly UniqueKey[];
}

/**
 * The targets in an order in which a unique value leaves one row before another takes it, as far as that is possible:
 * in a swap no order does, and whoever writes the rows must first take one of them away. Otherwise as they were.
 */
export function orderByUniques(targets: readonly RowTarget[], moves: ReadonlyMap<RowKey, UniqueMove>): RowTarget[] {
  const giver = new Map<UniqueKey, RowTarget>();
  for (const target of targets) for (const key of moves.get(target.key)?.gives ?? []) giver.set(key, target);
  if (giver.size === 0) return [...targets];
  const ordered: RowTarget[] = [];
  const visited = new Set<RowTarget>();
  const visit = (first: RowTarget): void => {
    // Depth first without recursion: a chain of values may be as long as the change set.
    const path = [first];
    while (path.length > 0) {
      const target = path.at(-1)!;
      visited.add(target);
      const before = (moves.get(target.key)?.takes ?? []).map((key) => giver.get(key));
      const next = before.find((other) => other !== undefined && !visited.has(other));
      if (next !== undefined) path.push(next);
      else ordered.push(path.pop()!);
    }
  };
  for (const target of targets) if (!visited.has(target)) visit(target);
  return ordered;
}
