import type { BackendCounts } from '../proxy/io/backend-supply';
import { type RefusalReason, refusalReasons } from '../proxy/io/refusal';
import type { BypassReason, ProxyCounters } from '../proxy/ports';
import { type Durations, QueryTimes } from './query-times';

type Counts<Name extends string = string> = Readonly<Record<Name, number>>;

/** What one thread that relays has counted, as it passes between threads; or the sum of several. */
export interface ProxyNumbers {
  readonly plain: Counts<
    | 'connections'
    | 'unclassified'
    | 'cacheHits'
    | 'cacheMisses'
    | 'cacheInvalidations'
    | 'cacheBytes'
    | 'backendsLent'
    | 'backendsIdle'
    | 'loginsUsed'
    | 'loginsRemembered'
    | 'loginsNew'
    | 'loginsRenewed'
  >;
  /** Why SELECTs went to the database without being kept. */
  readonly bypassed: Counts;
  /** Clients sent away. */
  readonly refused: Counts;
  readonly queries: Counts;
  readonly durations: Durations;
}

/** The proxy's counters in one thread, kept as plain numbers since they stand on the hot path. */
export class ProxyTally implements ProxyCounters {
  connections = 0;
  unclassified = 0;
  cacheHits = 0;
  cacheMisses = 0;
  cacheInvalidations = 0;
  /** Set once there is a cache. */
  cacheBytes: () => number = () => 0;
  /** Set once the proxy runs. */
  backends: BackendCounts | null = null;
  /** As last told: what is lent is told as used until its client turns out to be remembered, and a counter may not fall. */
  private loginsUsed = 0;
  private readonly bypassed = new Map<BypassReason, number>();
  /** Every reason from the start, so that an alert has something to compare with before the first one. */
  private readonly refusals = new Map<RefusalReason, number>(refusalReasons.map((reason) => [reason, 0]));
  private readonly queriesByKind = new Map<string, { queries: number }>();
  private readonly queryTimes = new QueryTimes();

  cacheBypassed(reason: BypassReason): void {
    this.bypassed.set(reason, (this.bypassed.get(reason) ?? 0) + 1);
  }

  refused(reason: RefusalReason): void {
    this.refusals.set(reason, (this.refusals.get(reason) ?? 0) + 1);
  }

  queries(kind: string, seconds: number): void {
    const count = this.queriesByKind.get(kind);
    if (count === undefined) this.queriesByKind.set(kind, { queries: 1 });
    else count.queries += 1;
    this.queryTimes.observe(seconds);
  }

  numbers(): ProxyNumbers {
    const { connections, unclassified, cacheHits, cacheMisses, cacheInvalidations, backends, queryTimes } = this;
    const none = { reused: 0, opened: 0, renewed: 0, remembered: 0 };
    const { reused, opened, renewed, remembered } = backends?.counts ?? none;
    this.loginsUsed = Math.max(this.loginsUsed, reused - renewed - remembered);
    return {
      plain: {
        ...{ connections, unclassified, cacheHits, cacheMisses, cacheInvalidations },
        cacheBytes: this.cacheBytes(),
        backendsLent: backends?.lent ?? 0,
        backendsIdle: backends?.idle ?? 0,
        loginsUsed: this.loginsUsed,
        loginsRemembered: remembered,
        loginsNew: opened,
        loginsRenewed: renewed,
      },
      bypassed: Object.fromEntries(this.bypassed),
      refused: Object.fromEntries(this.refusals),
      queries: Object.fromEntries([...this.queriesByKind].map(([kind, { queries }]) => [kind, queries])),
      durations: { counts: queryTimes.counts, sum: queryTimes.sum },
    };
  }
}

/** The numbers of several threads together. */
export function added(first: ProxyNumbers, others: readonly ProxyNumbers[]): ProxyNumbers {
  return others.reduce(
    (sum, each) => ({
      plain: addedCounts(sum.plain, each.plain),
      bypassed: addedCounts(sum.bypassed, each.bypassed),
      refused: addedCounts(sum.refused, each.refused),
      queries: addedCounts(sum.queries, each.queries),
      durations: {
        counts: sum.durations.counts.map((count, bucket) => count + (each.durations.counts[bucket] ?? 0)),
        sum: sum.durations.sum + each.durations.sum,
      },
    }),
    first,
  );
}

function addedCounts<Name extends string>(some: Counts<Name>, others: Counts<Name>): Counts<Name> {
  const sum: Record<string, number> = { ...some };
  for (const [name, count] of Object.entries<number>(others)) sum[name] = (sum[name] ?? 0) + count;
  return sum as Counts<Name>;
}
