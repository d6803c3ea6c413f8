import type { Gauge, Registry } from 'prom-client';

export interface Sample {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/**
 * A metric that is asked for at each scrape. No samples: it is not known now, which is not told as 0 (the library's own
 * counters and gauges always have a value).
 */
export function registerMetric(
  registry: Registry,
  { name, help, type }: { readonly name: string; readonly help: string; readonly type: 'counter' | 'gauge' },
  samples: () => readonly Sample[],
): void {
  const get = () => Promise.resolve({ name, help, type, aggregator: 'sum', values: samples() });
  // All that the registry asks of a metric.
  registry.registerMetric({ name, help, get } as unknown as Gauge);
}

/** One sample without labels; none while the value is not known. */
export function single(value: number | null | undefined): readonly Sample[] {
  return value === null || value === undefined ? [] : [{ labels: {}, value }];
}

/** The sum of all rises of a number that may fall, as a counter must tell it: to Prometheus a fall is a restart. */
export class Rises {
  private readonly seen = new Map<string, { last: number; sum: number }>();

  /** null: not known now. */
  observe(counts: Readonly<Record<string, number>> | null): void {
    if (counts === null) return;
    for (const name of new Set([...this.seen.keys(), ...Object.keys(counts)])) {
      const now = counts[name] ?? 0;
      const { last, sum } = this.seen.get(name) ?? { last: 0, sum: 0 };
      this.seen.set(name, { last: now, sum: sum + Math.max(0, now - last) });
    }
  }

  sums(): readonly (readonly [name: string, sum: number])[] {
    return [...this.seen].map(([name, { sum }]) => [name, sum] as const);
  }
}
