import type { KeyDemand, KeyReservation, KeySource, TableInfo } from '../proxy/ports';

/** Keys before the ring has granted a scope: an INSERT waits for it a while, then is refused with the reason. */
export class DeferredKeys implements KeySource {
  private source: KeySource | null = null;
  private readonly waiting = new Set<() => void>();
  /** For a while after a wait was in vain, further statements are refused at once. */
  private refusedUntilMs = 0;

  constructor(
    private readonly waitMs: number,
    private readonly why: () => string,
  ) {}

  get ready(): boolean {
    return this.source !== null;
  }

  provide(source: KeySource): void {
    this.source = source;
    for (const resolve of [...this.waiting]) resolve();
  }

  /** From here on keys are refused. */
  withdraw(): void {
    this.source = null;
  }

  reserve(table: TableInfo, demand: KeyDemand): KeyReservation {
    if (this.source !== null) return this.source.reserve(table, demand);
    if (performance.now() < this.refusedUntilMs) {
      const message = `no keys for ${table.schema}.${table.table} yet: ${this.why()}`;
      return { kind: 'refused', message };
    }
    return { kind: 'wait', ready: this.provided() };
  }

  sawExplicitKey(table: TableInfo, key: bigint): void {
    this.source?.sawExplicitKey(table, key);
  }

  private provided(): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        this.waiting.delete(done);
        resolve();
      };
      const timer = setTimeout(() => {
        this.refusedUntilMs = performance.now() + 1_000;
        done();
      }, this.waitMs);
      this.waiting.add(done);
    });
  }
}
