import type { Histogram, Registry } from 'prom-client';

/** Seconds; the proxy answers from memory in tens of microseconds, a report may take minutes. */
const buckets = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 30];

const name = 'duara_proxy_query_seconds';

/** How long queries took. */
export interface Durations {
  /** Queries no slower than the bucket and slower than the one before it; the last: slower than all. */
  readonly counts: readonly number[];
  /** Of all, in seconds. */
  readonly sum: number;
}

/**
 * A histogram that is only added up at a scrape: the library's own costs more for each query than finding the reply in the
 * cache does.
 */
export class QueryTimes implements Durations {
  readonly counts = buckets.map(() => 0).concat(0);
  sum = 0;

  observe(seconds: number): void {
    let bucket = 0;
    while (bucket < buckets.length && seconds > (buckets[bucket] ?? 0)) bucket += 1;
    this.counts[bucket] = (this.counts[bucket] ?? 0) + 1;
    this.sum += seconds;
  }
}

export function registerQueryTimes(registry: Registry, durations: () => Durations): void {
  const help = 'From a command of a client to the end of its reply.';
  const get = () => Promise.resolve({ name, help, type: 'histogram', aggregator: 'sum', values: values(durations()) });
  // All that the registry asks of a metric.
  registry.registerMetric({ name, help, get } as unknown as Histogram);
}

function values({ counts, sum }: Durations) {
  let total = 0;
  const upTo = [...buckets, '+Inf'].map((le, bucket) => {
    total += counts[bucket] ?? 0;
    return { metricName: `${name}_bucket`, labels: { le }, value: total };
  });
  return [
    ...upTo,
    { metricName: `${name}_sum`, labels: {}, value: sum },
    { metricName: `${name}_count`, labels: {}, value: total },
  ];
}
