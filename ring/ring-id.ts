import { createHash } from 'node:crypto';

/** Size of the identifier circle, N. */
export const RING_SIZE = 2n ** 64n;

/** A place on the circle: the first 64 bits of the SHA-1 of a site's (or register's) name. */
export function ringIdOf(name: string): bigint {
  return createHash('sha1').update(name, 'utf8').digest().readBigUInt64BE(0);
}

/** Steps clockwise from `from` to `to`: 0 when they are the same place. */
export function clockwiseDistance(from: bigint, to: bigint): bigint {
  return (((to - from) % RING_SIZE) + RING_SIZE) % RING_SIZE;
}
