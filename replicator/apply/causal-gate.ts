import type { ChangeSet, Incarnation, VersionVector } from '../change-set';
import { covers } from '../version-vector';

/**
 * Holds received change sets until everything they depend on is applied (G5). The caller bounds what it offers: the
 * spool keeps what is not offered yet.
 */
export class CausalGate {
  /** For each origin the waiting change sets by seq. */
  private readonly waiting = new Map<Incarnation, Map<bigint, ChangeSet>>();
  private count = 0;

  /** Number of change sets that wait. */
  get size(): number {
    return this.count;
  }

  /** Takes a change set, in any order; a repeat of a waiting one is dropped. */
  offer(changeSet: ChangeSet): void {
    let ofOrigin = this.waiting.get(changeSet.origin);
    if (ofOrigin === undefined) this.waiting.set(changeSet.origin, (ofOrigin = new Map<bigint, ChangeSet>()));
    if (ofOrigin.has(changeSet.seq)) return;
    ofOrigin.set(changeSet.seq, changeSet);
    this.count++;
  }

  /**
   * Takes out what can be applied on top of `applied`, in an order in which each one's causes are applied or stand
   * before it; at most `most`. What is applied already is dropped. Whoever cannot apply them all offers the rest again.
   */
  ready(applied: VersionVector, most = Number.POSITIVE_INFINITY): ChangeSet[] {
    const reached = new Map(applied);
    const result: ChangeSet[] = [];
    this.dropApplied(applied);
    let progress = true;
    while (progress && result.length < most) {
      progress = false;
      for (const [origin, ofOrigin] of this.waiting) {
        while (result.length < most) {
          const next = ofOrigin.get((reached.get(origin) ?? 0n) + 1n);
          if (next === undefined || !covers(reached, next.dependencies)) break;
          this.take(next);
          reached.set(origin, next.seq);
          result.push(next);
          progress = true;
        }
      }
    }
    return result;
  }

  private dropApplied(applied: VersionVector): void {
    for (const [origin, ofOrigin] of this.waiting) {
      const last = applied.get(origin) ?? 0n;
      for (const changeSet of ofOrigin.values()) if (changeSet.seq <= last) this.take(changeSet);
    }
  }

  private take(changeSet: ChangeSet): void {
    const ofOrigin = this.waiting.get(changeSet.origin);
    if (!ofOrigin?.delete(changeSet.seq)) return;
    this.count--;
    if (ofOrigin.size === 0) this.waiting.delete(changeSet.origin);
  }
}
