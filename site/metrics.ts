import { Counter, Gauge, type Registry } from 'prom-client';
import type { ProxyNumbers } from './proxy-tally';
import { registerQueryTimes } from './query-times';
import { lags, type SiteStatus } from './status';

/** Metrics of the proxy, of all threads that relay; `numbers` is asked at each scrape. */
export function registerProxyMetrics(registry: Registry, numbers: () => ProxyNumbers): void {
  const plain = (): ProxyNumbers['plain'] => numbers().plain;
  registerQueryTimes(registry, () => numbers().durations);
  const counted = (name: string, help: string, label: string, counts: () => Readonly<Record<string, number>>): void =>
    counter(registry, name, help, [label], () =>
      Object.entries(counts()).map(([key, value]) => ({ labels: { [label]: key }, value })),
    );
  counted('duara_proxy_queries_total', 'Commands of clients by kind.', 'kind', () => numbers().queries);
  const refusedHelp = 'Clients sent away before they were let in, by reason.';
  counted('duara_proxy_connections_refused_total', refusedHelp, 'reason', () => numbers().refused);
  gauge(registry, 'duara_proxy_connections', 'Client connections now.', () => plain().connections);
  gauge(registry, 'duara_cache_bytes', 'Memory of cached replies and their keys.', () => plain().cacheBytes);
  const counters: readonly (readonly [string, string, () => number])[] = [
    [
      'duara_proxy_relay_unclassified_total',
      'Statements relayed without being understood.',
      () => plain().unclassified,
    ],
    ['duara_cache_hits_total', 'SELECTs answered from memory.', () => plain().cacheHits],
    ['duara_cache_misses_total', 'Cacheable SELECTs that went to the database.', () => plain().cacheMisses],
    ['duara_cache_invalidations_total', 'Cached replies thrown away.', () => plain().cacheInvalidations],
  ];
  for (const [name, help, value] of counters) counter(registry, name, help, [], () => [{ labels: {}, value: value() }]);
  const bypassHelp = 'SELECTs not looked up or not kept, by reason.';
  counted('duara_cache_bypass_total', bypassHelp, 'reason', () => numbers().bypassed);
  registerBackends(registry, plain);
}

/** Metrics of the connections to the database. */
function registerBackends(registry: Registry, plain: () => ProxyNumbers['plain']): void {
  labelled(registry, 'duara_backend_connections', 'Connections to the database by state.', ['state'], () => [
    { labels: { state: 'lent' }, value: plain().backendsLent },
    { labels: { state: 'idle' }, value: plain().backendsIdle },
  ]);
  counter(
    registry,
    'duara_backend_logins_total',
    'Clients by the connection to the database that they got: a used one, a new one, or a new one in its place; and those that got a used one without being judged anew.',
    ['connection'],
    () => [
      { labels: { connection: 'used' }, value: plain().loginsUsed },
      { labels: { connection: 'remembered' }, value: plain().loginsRemembered },
      { labels: { connection: 'new' }, value: plain().loginsNew },
      { labels: { connection: 'renewed' }, value: plain().loginsRenewed },
    ],
  );
}

interface Sample {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** Metrics of replication and ring, taken from the status at each scrape. */
export function registerReplicationMetrics(registry: Registry, status: () => SiteStatus | null): void {
  const report = (): SiteStatus['replication'] => status()?.replication ?? null;
  const own = (): bigint => BigInt(report()?.capture?.localSeq ?? '0');
  counter(registry, 'duara_keys_foreign_total', "Keys outside this site's ranges.", [], () => [
    { labels: {}, value: Number(status()?.keys.foreign ?? '0') },
  ]);
  labelled(registry, 'duara_keys_remaining', 'Keys left in leased blocks.', ['table'], () =>
    (status()?.keys.remaining ?? []).map(({ table, keys }) => ({ labels: { table }, value: Number(keys) })),
  );
  gauge(registry, 'duara_capture_lag_seconds', 'How long what was committed waits for capture.', () => {
    return status()?.captureLagSeconds ?? 0;
  });
  counter(registry, 'duara_change_sets_captured_total', 'Change sets of this site.', [], () => [
    { labels: {}, value: Number(own()) },
  ]);
  counter(registry, 'duara_change_sets_applied_total', 'Change sets of others applied here.', ['origin'], () =>
    (report()?.ring?.members ?? [])
      .filter(({ scope }) => scope !== report()?.scope)
      .map(({ site, scope }) => ({
        labels: { origin: site },
        value: Number(report()?.appliedCounts[String(scope)] ?? '0'),
      })),
  );
  labelled(registry, 'duara_apply_lag_change_sets', 'Change sets of others not yet applied here.', ['origin'], () => {
    const now = status();
    return now === null
      ? []
      : lags(now).map(({ site, changeSets }) => ({ labels: { origin: site }, value: Number(changeSets) }));
  });
  labelled(registry, 'duara_apply_lag_seconds', 'Age of the oldest change set here not yet applied.', ['origin'], () =>
    (report()?.lag ?? []).map(({ scope, seconds }) => ({
      labels: { origin: siteOf(report(), scope) },
      value: seconds,
    })),
  );
  gauge(registry, 'duara_oldest_unapplied_seconds', 'The same, of any origin.', () =>
    Math.max(0, ...(report()?.lag ?? []).map(({ seconds }) => seconds)),
  );
  counter(registry, 'duara_link_bytes_total', 'Bytes on ring links.', ['peer', 'direction'], () =>
    (report()?.ring?.links ?? []).flatMap(({ peer, bytesIn, bytesOut }) => [
      { labels: { peer, direction: 'in' }, value: bytesIn },
      { labels: { peer, direction: 'out' }, value: bytesOut },
    ]),
  );
  labelled(registry, 'duara_link_up', '1 while the link to the peer stands.', ['peer'], () =>
    (report()?.ring?.links ?? []).map(({ peer, up }) => ({ labels: { peer }, value: up ? 1 : 0 })),
  );
  gauge(registry, 'duara_spool_bytes', 'Change sets on disk.', () => report()?.spoolBytes ?? 0);
  registerRing(registry, report);
}

function registerRing(registry: Registry, report: () => SiteStatus['replication']): void {
  counter(registry, 'duara_conflicts_total', 'Values that lost a merge, by rule.', ['rule'], () =>
    Object.entries(report()?.conflicts ?? {}).map(([rule, value]) => ({ labels: { rule }, value })),
  );
  gauge(registry, 'duara_parked_total', 'Rows and values parked by M9.', () => report()?.parked ?? 0);
  counter(registry, 'duara_paxos_rounds_total', 'Changes of whiteboards by outcome.', ['outcome'], () =>
    Object.entries(report()?.ring?.paxosRounds ?? {}).map(([outcome, value]) => ({ labels: { outcome }, value })),
  );
  gauge(registry, 'duara_ring_epoch', 'Epoch of the membership.', () => report()?.ring?.epoch ?? 0);
  labelled(registry, 'duara_ring_members', 'Members of the ring, this site among them.', ['state'], () => {
    const ring = report()?.ring;
    if (ring === null || ring === undefined) return [];
    const up = new Set(ring.links.filter((link) => link.up).map((link) => link.peer));
    const self = ring.members.find((member) => member.scope === report()?.scope)?.site;
    const linked = ring.members.filter(({ site }) => site === self || up.has(site)).length;
    return [
      { labels: { state: 'linked' }, value: linked },
      { labels: { state: 'away' }, value: ring.members.length - linked },
    ];
  });
}

/** The member's name; its scope when the membership is not known yet. */
function siteOf(report: SiteStatus['replication'], scope: number): string {
  return report?.ring?.members.find((member) => member.scope === scope)?.site ?? String(scope);
}

function gauge(registry: Registry, name: string, help: string, value: () => number): void {
  labelled(registry, name, help, [], () => [{ labels: {}, value: value() }]);
}

function labelled(
  registry: Registry,
  name: string,
  help: string,
  labelNames: string[],
  samples: () => readonly Sample[],
): void {
  new Gauge({
    name,
    help,
    labelNames,
    registers: [registry],
    collect() {
      this.reset();
      for (const { labels, value } of samples()) this.set(labels, value);
    },
  });
}

function counter(
  registry: Registry,
  name: string,
  help: string,
  labelNames: string[],
  samples: () => readonly Sample[],
): void {
  new Counter({
    name,
    help,
    labelNames,
    registers: [registry],
    collect() {
      this.reset();
      for (const { labels, value } of samples()) this.inc(labels, value);
    },
  });
}
