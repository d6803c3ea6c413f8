import { randomFrom, type Random } from '../../replicator/merge/testing/random-history';

/** Virtual time, chance and the trace of one run: everything in it follows from the seed. */
export class World {
  nowMs = 0;
  readonly random: Random;
  private readonly queue: Happening[] = [];
  private order = 0;
  private readonly lines: string[] = [];

  constructor(readonly seed: number) {
    this.random = randomFrom(seed);
  }

  /** Runs `act` after that many milliseconds; things due at one time happen in the order in which they were asked for. */
  after(delayMs: number, act: () => void): void {
    const happening = { atMs: this.nowMs + delayMs, order: this.order++, act };
    let at = this.queue.push(happening) - 1;
    for (let parent = (at - 1) >> 1; at > 0 && isBefore(happening, this.queue[parent]!); parent = (at - 1) >> 1) {
      this.queue[at] = this.queue[parent]!;
      at = parent;
    }
    this.queue[at] = happening;
  }

  /** Lets time pass until `done` or the end; true when done. */
  runUntil(endMs: number, done: () => boolean = () => false): boolean {
    while (!done()) {
      const next = this.queue[0];
      if (next === undefined || next.atMs > endMs) {
        this.nowMs = endMs;
        return done();
      }
      this.takeFirst();
      this.nowMs = next.atMs;
      next.act();
    }
    return true;
  }

  between(least: number, most: number): number {
    return least + this.random(most - least + 1);
  }

  /** True in `percent` of a hundred cases. */
  chance(percent: number): boolean {
    return this.random(100) < percent;
  }

  pick<Value>(values: readonly Value[]): Value {
    return values[this.random(values.length)]!;
  }

  /** Hex digits, for names that must differ. */
  hex(digits: number): string {
    return Array.from({ length: digits }, () => this.random(16).toString(16)).join('');
  }

  /** A line of the trace, in words. */
  note(text: string): void {
    this.lines.push(`${(this.nowMs / 1000).toFixed(3).padStart(9)} s  ${text}`);
  }

  get trace(): readonly string[] {
    return this.lines;
  }

  private takeFirst(): void {
    const last = this.queue.pop()!;
    const length = this.queue.length;
    if (length === 0) return;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= length) break;
      if (child + 1 < length && isBefore(this.queue[child + 1]!, this.queue[child]!)) child++;
      if (!isBefore(this.queue[child]!, last)) break;
      this.queue[at] = this.queue[child]!;
      at = child;
    }
    this.queue[at] = last;
  }
}

interface Happening {
  readonly atMs: number;
  readonly order: number;
  readonly act: () => void;
}

function isBefore(a: Happening, b: Happening): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);
}
