import type { HeldLease, Lease } from './key-leases';

/** The mark of a lease stands ahead of what is used by this part of it, at least one key. */
const MARK_STEPS = 32n;

interface OpenLease extends Lease {
  /** The next free key. */
  next: bigint;
  wanted: bigint;
  durable: bigint;
}

/** The leased blocks of one narrow table. In each: next <= mark on disk <= mark wanted <= to. */
export class LeaseLane {
  private leases: OpenLease[];

  /** `held`: as read from disk. */
  constructor(held: readonly HeldLease[]) {
    this.leases = held.map(({ from, to, used }) => ({ from, to, next: used, wanted: used, durable: used }));
  }

  get remaining(): bigint {
    return this.leases.reduce((sum, lease) => sum + (lease.to - lease.next), 0n);
  }

  /** Adds a block; it is used once the marks that name it are on disk. */
  add({ from, to }: Lease): void {
    this.leases.push({ from, to, next: from, wanted: from, durable: from });
  }

  /** The largest key in the table is `largest`: blocks below it are used up to there. */
  read(largest: bigint | null): void {
    for (const lease of this.leases) {
      if (largest !== null && largest >= lease.next && largest < lease.to) this.advance(lease, largest + 1n);
    }
  }

  /** All that is left in the block that has most, or `least`. */
  roomFor(least: bigint): bigint {
    return this.leases.reduce((most, { next, to }) => (to - next > most ? to - next : most), least);
  }

  /** A run of `count` keys above `above`; 'mark': ask again once the marks are on disk; 'lease': no block has room for it. */
  reserve(count: bigint, above: bigint): { readonly first: bigint } | 'mark' | 'lease' {
    const start = ({ next }: OpenLease): bigint => (next > above ? next : above + 1n);
    const lease = this.leases.find((candidate) => candidate.to - start(candidate) >= count);
    if (lease === undefined) return 'lease';
    const first = start(lease);
    if (first + count > lease.durable) {
      if (first + count > lease.wanted) lease.wanted = ahead(lease, first + count);
      return 'mark';
    }
    this.advance(lease, first + count);
    return { first };
  }

  /** A run of unknown length used `affected` keys at most: what it left is given back if no later run begins behind it. */
  giveBack(run: { readonly first: bigint; readonly count: bigint }, affected: bigint): void {
    const lease = this.leases.find((candidate) => run.first >= candidate.from && run.first < candidate.to);
    if (lease?.next === run.first + run.count && affected < run.count) lease.next = run.first + affected;
  }

  owns(key: bigint): boolean {
    return this.leases.some((lease) => key >= lease.from && key < lease.to);
  }

  /** The blocks with their marks, for the disk. Blocks that are used up are forgotten. */
  marksToWrite(): HeldLease[] {
    this.leases = this.leases.filter((lease) => lease.next < lease.to);
    return this.leases.map(({ from, to, wanted }) => ({ from, to, used: wanted }));
  }

  /** What `marksToWrite` gave is on disk. */
  marksWritten(written: readonly HeldLease[]): void {
    for (const { from, used } of written) {
      const lease = this.leases.find((candidate) => candidate.from === from);
      if (lease !== undefined && used > lease.durable) lease.durable = used;
    }
  }

  /** True when a mark is to be written, whether or not somebody waits for it. */
  get wantsMark(): boolean {
    return this.leases.some((lease) => lease.wanted > lease.durable);
  }

  /** The blocks as used, once nothing more will be issued from them. */
  finalMarks(): HeldLease[] {
    return this.leases.filter((lease) => lease.next < lease.to).map(({ from, to, next }) => ({ from, to, used: next }));
  }

  private advance(lease: OpenLease, next: bigint): void {
    lease.next = next;
    const step = ahead(lease, next) - next;
    if (lease.wanted < lease.to && lease.wanted - next < step / 2n) lease.wanted = ahead(lease, next);
  }
}

function ahead(lease: Lease, key: bigint): bigint {
  const step = (lease.to - lease.from) / MARK_STEPS + 1n;
  return key + step < lease.to ? key + step : lease.to;
}
