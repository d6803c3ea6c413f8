/** Random numbers from a seed: what is done is repeated by it; how it interleaves is the machine's. */
export class Chance {
  constructor(private state: number) {}

  below(n: number): number {
    this.state = (Math.imul(this.state, 1_103_515_245) + 12_345) & 0x7fffffff;
    return (this.state >> 8) % n;
  }

  of<T>(choices: readonly T[]): T {
    return choices[this.below(choices.length)] as T;
  }
}
