import { clockwiseDistance, RING_SIZE } from '../ring-id';

/** Whatever stands on the ring. */
export interface Placed {
  readonly ringId: bigint;
}

/** True when `id` lies in the half-open arc (from, to], the one Chord's successor is responsible for. */
export function isBetween(id: bigint, from: bigint, to: bigint): boolean {
  if (from === to) return true;
  const distance = clockwiseDistance(from, id);
  return distance > 0n && distance <= clockwiseDistance(from, to);
}

/** All of `placed`, as they are met walking clockwise from `from`, itself included. */
export function walkFrom<T extends Placed>(from: bigint, placed: readonly T[]): T[] {
  return [...placed].sort((a, b) => {
    const distanceA = clockwiseDistance(from, a.ringId);
    const distanceB = clockwiseDistance(from, b.ringId);
    return distanceA < distanceB ? -1 : distanceA > distanceB ? 1 : 0;
  });
}

/** The first of `placed` met after `from` (Chord's successor), or undefined when none is left. */
export function successorOf<T extends Placed>(from: bigint, placed: readonly T[]): T | undefined {
  return walkFrom((from + 1n) % RING_SIZE, placed).find((candidate) => candidate.ringId !== from);
}

/** Symmetric replication (Ghodsi 2005): `count` places at equal distances, the first at `id` itself. */
export function symmetricPoints(id: bigint, count: number): bigint[] {
  return Array.from({ length: count }, (_, i) => (id + (BigInt(i) * RING_SIZE) / BigInt(count)) % RING_SIZE);
}

/** For each point in turn, the first of `placed` met from there that no earlier point has taken. */
export function firstDistinct<T extends Placed>(points: readonly bigint[], placed: readonly T[]): T[] {
  const taken: T[] = [];
  for (const point of points) {
    const met = walkFrom(point, placed).find((candidate) => !taken.includes(candidate));
    if (met !== undefined) taken.push(met);
  }
  return taken;
}
