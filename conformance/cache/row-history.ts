/** A read returned what it may not. */
export class StaleRead extends Error {}

/**
 * What is known of one row, whose number only rises. A read must return at least what was acknowledged, or shown to any
 * reader, before it was sent; and nothing that was not sent yet.
 */
export class RowHistory {
  /** known <= proposed */
  private known = 0;
  private highest = 0;
  private owner: Promise<void> = Promise.resolve();

  constructor(readonly name: string) {}

  /** The least that a read sent now may return. */
  get least(): number {
    return this.known;
  }

  /** Only one writes at a time, so that the order of the numbers is known. */
  async alone(work: () => Promise<void>): Promise<void> {
    const before = this.owner;
    let done = (): void => undefined;
    this.owner = new Promise((resolve) => (done = resolve));
    await before;
    try {
      await work();
    } finally {
      done();
    }
  }

  /** The next number, which is being written from now on. */
  propose(): number {
    this.highest += 1;
    return this.highest;
  }

  acknowledged(value: number): void {
    if (value > this.known) this.known = value;
  }

  /** A read that was sent when `least` was the least returned `value`. */
  returned(value: number | null, least: number, how: string): void {
    if (value === null || value < least) {
      throw new StaleRead(`${this.name}: ${how} returned ${value}, though ${least} was known when it was sent`);
    }
    if (value > this.highest) throw new StaleRead(`${this.name}: ${how} returned ${value}, which nobody has written`);
    this.acknowledged(value);
  }
}
