import { randomFrom } from '../../ring/random';

/** Choices that the seed alone decides. */
export class Chance {
  private readonly next: () => number;

  constructor(seed: number) {
    this.next = randomFrom(seed);
  }

  /** From 0 to `limit` - 1. */
  below(limit: number): number {
    return Math.floor(this.next() * limit);
  }

  oneIn(count: number): boolean {
    return this.next() * count < 1;
  }

  of<T>(list: readonly T[]): T {
    const chosen = list[this.below(list.length)];
    if (chosen === undefined) throw new RangeError('a choice from nothing');
    return chosen;
  }

  bytes(count: number): Buffer {
    const bytes = Buffer.allocUnsafe(count);
    for (let at = 0; at < count; at++) bytes[at] = this.below(256);
    return bytes;
  }

  /** Small mostly, now and then far out: where limits are. */
  length(usual: number): number {
    return this.oneIn(200) ? this.of([250, 251, 252, 255, 256, 65535, 65536]) : this.below(usual);
  }
}

/** The seed of one case of a run: any two cases of any two runs differ. */
export function caseSeed(seed: number, index: number): number {
  return Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b) ^ Math.imul(index + 1, 0xc2b2ae35);
}
