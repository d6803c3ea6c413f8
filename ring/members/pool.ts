import { firstDistinct, symmetricPoints } from '../chord/ring-order';
import { ringIdOf } from '../ring-id';
import type { Acceptor, MembershipRecord } from './membership';

/** The pool of a register over a run of epochs in which it was the same acceptors. */
export interface PoolSpan {
  readonly since: number;
  readonly pool: readonly Acceptor[];
}

/**
 * The acceptors of a register: the first R distinct anchors met walking on from each `(id + i·N/R) mod N`.
 * The size is odd: an even pool needs a larger majority and survives no more failures. With one or two anchors the oldest
 * (the founder) decides alone: of two, neither could go on without the other.
 */
export function poolOf(register: string, anchors: readonly Acceptor[], replicas: number): Acceptor[] {
  const size = Math.min(replicas, anchors.length);
  const oddSize = size % 2 === 0 ? size - 1 : size;
  if (oddSize < 3) return [...anchors].sort((a, b) => a.scope - b.scope).slice(0, 1);
  const placed = anchors.map((acceptor) => ({ ringId: ringIdOf(acceptor.site), acceptor }));
  return firstDistinct(symmetricPoints(ringIdOf(register), oddSize), placed).map(({ acceptor }) => acceptor);
}

/** The register's pools of all epochs up to `epoch`, newest first; neighbouring epochs with the same pool are one span. */
export function poolSpans(record: MembershipRecord, register: string, epoch: number): PoolSpan[] {
  const spans: PoolSpan[] = [];
  for (const { since, anchors } of record.spans) {
    if (since > epoch) break;
    const pool = poolOf(register, anchors, record.replicas);
    const last = spans.at(-1);
    if (last === undefined || !samePool(last.pool, pool)) spans.push({ since, pool });
  }
  return spans.reverse();
}

/** The register's pool at the record's own epoch. */
export function currentPool(record: MembershipRecord, register: string): readonly Acceptor[] {
  return poolOf(register, record.spans.at(-1)?.anchors ?? [], record.replicas);
}

export function majorityOf(pool: readonly Acceptor[]): number {
  return Math.floor(pool.length / 2) + 1;
}

function samePool(a: readonly Acceptor[], b: readonly Acceptor[]): boolean {
  return a.length === b.length && a.every((acceptor) => b.some((other) => other.scope === acceptor.scope));
}
