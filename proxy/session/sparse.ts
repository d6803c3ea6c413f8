/**
 * Maps and sets that are empty in most sessions: those share one, since an empty one of its own takes 180 bytes in each
 * session, and there are thousands. What is written to is the session's own.
 */

export const noEntries: ReadonlyMap<never, never> = new Map<never, never>();
export const noMembers: ReadonlySet<never> = new Set<never>();

/** `map`, or one in its place, with the entry. */
export function withEntry<Key, Value>(map: ReadonlyMap<Key, Value>, key: Key, value: Value): ReadonlyMap<Key, Value> {
  const own = map === noEntries ? new Map<Key, Value>() : (map as Map<Key, Value>);
  return own.set(key, value);
}

export function withoutEntry<Key, Value>(map: ReadonlyMap<Key, Value>, key: Key): ReadonlyMap<Key, Value> {
  if (map.size === 0 || !map.has(key)) return map;
  if (map.size === 1) return noEntries;
  (map as Map<Key, Value>).delete(key);
  return map;
}

/** A set of its own with these changes; `set` itself when there are none. */
export function changedSet<Member>(
  set: ReadonlySet<Member>,
  { gone, made }: { readonly gone: readonly Member[]; readonly made: readonly Member[] },
): ReadonlySet<Member> {
  if (gone.length === 0 && made.length === 0) return set;
  const changed = new Set(set);
  for (const member of gone) changed.delete(member);
  for (const member of made) changed.add(member);
  return changed.size === 0 ? noMembers : changed;
}
