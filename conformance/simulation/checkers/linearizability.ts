/**
 * Whether a history of one whiteboard is linearizable. Every change appends its own id to the list that the register
 * holds, so that a value tells which changes came before it: the version order is visible, and the search of Wing and
 * Gong comes down to looking at pairs (the idea of Elle's list-append, Kingsbury and Alvaro 2020).
 */

export type HistoryOutcome =
  /** The list after the operation: for a change it ends in its own id; for a read it is what was read. */
  | { readonly kind: 'value'; readonly list: readonly string[] }
  /** It certainly did not happen. */
  | { readonly kind: 'failed' }
  /** It may or may not have happened, then or later. */
  | { readonly kind: 'unknown' };

export interface HistoryEntry {
  readonly id: string;
  readonly site: string;
  readonly kind: 'append' | 'read';
  readonly invokedMs: number;
  /** Infinity while unknown. */
  readonly returnedMs: number;
  readonly outcome: HistoryOutcome;
}

/** Why there is no order of the operations that explains what was seen; null: there is one. */
export function linearizabilityProblem(history: readonly HistoryEntry[]): string | null {
  const seen = history.flatMap((entry) =>
    entry.outcome.kind === 'value' ? [{ entry, list: entry.outcome.list }] : [],
  );
  const longest = seen.reduce<readonly string[]>((most, { list }) => (list.length > most.length ? list : most), []);
  if (new Set(longest).size < longest.length) return `a change took effect twice in [${longest.join(' ')}]`;
  for (const { entry, list } of seen) {
    if (list.some((id, i) => id !== longest[i])) {
      return `${describe(entry)} saw [${list.join(' ')}], another saw [${longest.join(' ')}]`;
    }
    if (entry.kind === 'append' && list.at(-1) !== entry.id) {
      return `${describe(entry)} was reported done, but left [${list.join(' ')}]`;
    }
  }
  for (const entry of history) {
    const happened = longest.includes(entry.id);
    if (happened && entry.outcome.kind === 'failed') return `${describe(entry)} was reported as failed, but happened`;
  }
  return orderProblem(history, longest);
}

/** Real time: what had returned before another was invoked comes before it. */
function orderProblem(history: readonly HistoryEntry[], longest: readonly string[]): string | null {
  const placed = history.flatMap((entry) => {
    if (entry.outcome.kind === 'value') return [{ entry, version: entry.outcome.list.length, returned: true }];
    const at = entry.kind === 'append' ? longest.indexOf(entry.id) : -1;
    return at < 0 ? [] : [{ entry, version: at + 1, returned: false }];
  });
  for (const earlier of placed) {
    if (!earlier.returned) continue;
    for (const later of placed) {
      if (earlier.entry.returnedMs >= later.entry.invokedMs) continue;
      const isBehind =
        later.entry.kind === 'append' ? later.version <= earlier.version : later.version < earlier.version;
      if (!isBehind) continue;
      return `${describe(later.entry)} stands at version ${later.version}, though ${describe(earlier.entry)} had returned version ${earlier.version} before it began`;
    }
  }
  return null;
}

function describe({ id, site, kind, invokedMs, returnedMs }: HistoryEntry): string {
  return `${kind} ${id} at ${site} (${invokedMs} to ${returnedMs} ms)`;
}
