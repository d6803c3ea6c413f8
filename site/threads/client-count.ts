import type { SharedCount } from '../../proxy/io/proxy-options';

/** Clients of all threads together. */
export class ClientCount implements SharedCount {
  private readonly words: Int32Array;

  /** `buffer`: of the count that another thread made. */
  constructor(readonly buffer = new SharedArrayBuffer(4)) {
    this.words = new Int32Array(buffer);
  }

  take(max: number): boolean {
    let seen = Atomics.load(this.words, 0);
    while (seen < max) {
      const before = Atomics.compareExchange(this.words, 0, seen, seen + 1);
      if (before === seen) return true;
      seen = before;
    }
    return false;
  }

  giveBack(): void {
    Atomics.sub(this.words, 0, 1);
  }
}
