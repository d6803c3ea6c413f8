/** A pass is followed by a rest of so many times what it took: the server spends a tenth of one thread on it at most. */
const REST_FACTOR = 9;
/** DDL comes in rows, and what a client is answered the binary log says again a few milliseconds later. */
const SETTLE_MS = 50;
/** What failed is not tried again at once. */
const FAILED_REST_MS = 2_000;
/** Schemas in use that are read again after DDL; others are when somebody asks for one of their tables. */
const SCHEMAS_MAX = 16;

/** Reads whole schemas in the background, one at a time: those that are in use, again after each change, but not too often. */
export class ReadAhead {
  /** In use, the last one last. */
  private readonly inUse = new Set<string>();
  private readonly due = new Set<string>();
  private running = false;
  private timer: NodeJS.Timeout | null = null;
  private restUntilMs = 0;

  /** `pass`: what is to be read of a schema; a rejection is taken as a reason to try later. */
  constructor(private readonly pass: (schema: string) => Promise<void>) {}

  /** Somebody wants to know of this schema's tables, which were not read since the last change. */
  want(schema: string): void {
    this.inUse.delete(schema);
    this.inUse.add(schema);
    for (const oldest of this.inUse) {
      if (this.inUse.size <= SCHEMAS_MAX) break;
      this.inUse.delete(oldest);
      this.due.delete(oldest);
    }
    this.due.add(schema);
    this.next();
  }

  /** What was read is void. */
  changed(): void {
    if (this.inUse.size === 0) return;
    this.restUntilMs = Math.max(this.restUntilMs, performance.now() + SETTLE_MS);
    for (const schema of this.inUse) this.due.add(schema);
    this.next();
  }

  /** This schema is not worth it. */
  drop(schema: string): void {
    this.inUse.delete(schema);
    this.due.delete(schema);
  }

  private next(): void {
    if (this.running || this.timer !== null || this.due.size === 0) return;
    const waitMs = this.restUntilMs - performance.now();
    if (waitMs <= 0) return void this.run();
    this.timer = setTimeout(() => {
      this.timer = null;
      this.next();
    }, waitMs);
    // It keeps no process alive.
    this.timer.unref();
  }

  private async run(): Promise<void> {
    // The one that was asked for last, where others follow it.
    const schema = [...this.inUse].findLast((each) => this.due.has(each)) ?? [...this.due][0];
    if (schema === undefined) return;
    this.due.delete(schema);
    this.running = true;
    const beganMs = performance.now();
    let restMs = 0;
    try {
      await this.pass(schema);
    } catch {
      restMs = FAILED_REST_MS;
      this.due.add(schema);
    }
    const endMs = performance.now();
    this.restUntilMs = Math.max(this.restUntilMs, endMs + Math.max(restMs, (endMs - beganMs) * REST_FACTOR));
    this.running = false;
    this.next();
  }
}
