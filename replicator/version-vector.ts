import type { ChangeSet, Incarnation, VersionVector } from './change-set';

export const EMPTY_VECTOR: VersionVector = new Map<Incarnation, bigint>();

/** Last seq of an incarnation; 0: nothing yet. */
export function seqOf(vector: VersionVector, origin: Incarnation): bigint {
  return vector.get(origin) ?? 0n;
}

/** True when everything in `smaller` is also in `larger`. */
export function covers(larger: VersionVector, smaller: VersionVector): boolean {
  for (const [origin, seq] of smaller) if (seqOf(larger, origin) < seq) return false;
  return true;
}

/** True when the change set is in the vector. */
export function contains(vector: VersionVector, id: Pick<ChangeSet, 'origin' | 'seq'>): boolean {
  return id.seq <= seqOf(vector, id.origin);
}

/** The least vector that covers both. */
export function merge(a: VersionVector, b: VersionVector): VersionVector {
  const merged = new Map(a);
  for (const [origin, seq] of b) if ((merged.get(origin) ?? 0n) < seq) merged.set(origin, seq);
  return merged;
}

/** The vector once the change set is added. */
export function withChangeSet(vector: VersionVector, id: Pick<ChangeSet, 'origin' | 'seq'>): VersionVector {
  if (contains(vector, id)) return vector;
  return new Map(vector).set(id.origin, id.seq);
}

/** "1:5 2:17" in the order of incarnations, for people; "-" when empty. */
export function formatVector(vector: VersionVector): string {
  const parts = [...vector].filter(([, seq]) => seq > 0n).sort(([a], [b]) => a - b);
  return parts.length === 0 ? '-' : parts.map(([origin, seq]) => `${origin}:${seq}`).join(' ');
}
