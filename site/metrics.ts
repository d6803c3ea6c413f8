import type { Registry } from 'prom-client';
import type { ProxyNumbers } from './proxy-tally';
import { registerQueryTimes } from './query-times';
import { registerMetric, Rises, type Sample, single } from './registered';
import { lags, type SiteStatus } from './status';

/** Metrics of the proxy, of all threads that relay; `numbers` is asked at each scrape. */
export function registerProxyMetrics(registry: Registry, numbers: () => ProxyNumbers): void {
  const plain = (): ProxyNumbers['plain'] => numbers().plain;
  registerQueryTimes(registry, () => numbers().durations);
  const counted = (name: string, help: string, label: string, counts: () => Readonly<Record<string, number>>): void =>
    counter(registry, name, help, () =>
      Object.entries(counts()).map(([key, value]) => ({ labels: { [label]: key }, value })),
    );
  counted('duara_proxy_queries_total', 'Commands of clients by kind.', 'kind', () => numbers().queries);
  const refusedHelp = 'Clients sent away before they were let in, by reason.';
  counted('duara_proxy_connections_refused_total', refusedHelp, 'reason', () => numbers().refused);
  gauge(registry, 'duara_proxy_connections', 'Client connections now.', () => single(plain().connections));
  const bytesHelp = 'Bytes of memory that cached replies and their keys take.';
  gauge(registry, 'duara_cache_bytes', bytesHelp, () => single(plain().cacheBytes));
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
  for (const [name, help, value] of counters) counter(registry, name, help, () => single(value()));
  const bypassHelp = 'SELECTs not looked up or not kept, by reason.';
  counted('duara_cache_bypass_total', bypassHelp, 'reason', () => numbers().bypassed);
  registerBackends(registry, plain);
}

/** Metrics of the connections to the database. */
function registerBackends(registry: Registry, plain: () => ProxyNumbers['plain']): void {
  gauge(registry, 'duara_backend_connections', 'Connections to the database by state.', () => [
    { labels: { state: 'lent' }, value: plain().backendsLent },
    { labels: { state: 'idle' }, value: plain().backendsIdle },
  ]);
  counter(
    registry,
    'duara_backend_logins_total',
    'Clients by the connection to the database that they got: a used one, a new one, or a new one in its place; and those that got a used one without being judged anew.',
    () => [
      { labels: { connection: 'used' }, value: plain().loginsUsed },
      { labels: { connection: 'remembered' }, value: plain().loginsRemembered },
      { labels: { connection: 'new' }, value: plain().loginsNew },
      { labels: { connection: 'renewed' }, value: plain().loginsRenewed },
    ],
  );
}

/** Metrics of replication and ring, taken from the status at each scrape. */
export function registerReplicationMetrics(registry: Registry, status: () => SiteStatus | null): void {
  const report = (): SiteStatus['replication'] => status()?.replication ?? null;
  registerSite(registry, status);
  counter(registry, 'duara_keys_foreign_total', "Keys outside this site's ranges that were written here.", () =>
    single(Number(status()?.keys.foreign ?? '0')),
  );
  gauge(registry, 'duara_keys_remaining', 'Keys left in the leased blocks of tables with narrow key columns.', () =>
    (status()?.keys.remaining ?? []).map(({ table, keys }) => ({ labels: { table }, value: Number(keys) })),
  );
  const lagHelp = 'How long what the database committed has waited for capture.';
  gauge(registry, 'duara_capture_lag_seconds', lagHelp, () => single(status()?.captureLagSeconds));
  counter(registry, 'duara_change_sets_captured_total', 'Change sets of this site.', () => {
    const last = report()?.capture?.localSeq;
    return single(last === undefined ? null : Number(last));
  });
  registerApply(registry, status);
  counter(registry, 'duara_link_bytes_total', 'Bytes on ring links.', () =>
    (report()?.ring?.links ?? []).flatMap(({ peer, bytesIn, bytesOut }) => [
      { labels: { peer, direction: 'in' }, value: bytesIn },
      { labels: { peer, direction: 'out' }, value: bytesOut },
    ]),
  );
  gauge(registry, 'duara_link_up', '1 while the link to the peer stands.', () =>
    (report()?.ring?.links ?? []).map(({ peer, up }) => ({ labels: { peer }, value: up ? 1 : 0 })),
  );
  const spoolHelp = 'Bytes on disk that the change sets of all sites take.';
  gauge(registry, 'duara_spool_bytes', spoolHelp, () => single(report()?.spoolBytes));
  registerConflicts(registry, report);
  registerRing(registry, report);
}

function registerSite(registry: Registry, status: () => SiteStatus | null): void {
  const readyHelp =
    '1 when the site is ready, as /readyz says: database reachable, capture at the end of its log, keys.';
  gauge(registry, 'duara_ready', readyHelp, () => {
    const ready = status()?.ready;
    return single(ready === undefined ? null : Number(ready));
  });
  counter(registry, 'duara_alarms_total', 'Alarms raised since the start, repeats among them, by code.', () =>
    Object.entries(status()?.alarmCounts ?? {}).map(([code, value]) => ({ labels: { code }, value })),
  );
}

function registerApply(registry: Registry, status: () => SiteStatus | null): void {
  const report = (): SiteStatus['replication'] => status()?.replication ?? null;
  counter(registry, 'duara_change_sets_applied_total', 'Change sets of others applied here since the start.', () =>
    (report()?.ring?.members ?? [])
      .filter(({ scope }) => scope !== report()?.scope)
      .map(({ site, scope }) => ({
        labels: { origin: site },
        value: Number(report()?.appliedCounts[String(scope)] ?? '0'),
      })),
  );
  gauge(registry, 'duara_apply_lag_change_sets', 'Change sets of others not yet applied here.', () => {
    const now = status();
    return now === null
      ? []
      : lags(now).map(({ site, changeSets }) => ({ labels: { origin: site }, value: Number(changeSets) }));
  });
  gauge(registry, 'duara_apply_lag_seconds', 'Age of the oldest change set here not yet applied.', () =>
    (report()?.lag ?? []).map(({ scope, seconds }) => ({
      labels: { origin: siteOf(report(), scope) },
      value: seconds,
    })),
  );
  const oldestHelp = 'Age of the oldest change set here not yet applied, of any origin; 0: none waits.';
  gauge(registry, 'duara_oldest_unapplied_seconds', oldestHelp, () => {
    const lag = report()?.capture === null ? undefined : report()?.lag;
    return single(lag === undefined ? null : Math.max(0, ...lag.map(({ seconds }) => seconds)));
  });
}

/** Rows of duara.conflicts may go again (a late arrival reverses what was decided). */
function registerConflicts(registry: Registry, report: () => SiteStatus['replication']): void {
  const conflicts = new Rises();
  const parked = new Rises();
  counter(registry, 'duara_conflicts_total', 'Values that lost a merge, by rule.', () => {
    conflicts.observe(report()?.conflicts ?? null);
    return conflicts.sums().map(([rule, value]) => ({ labels: { rule }, value }));
  });
  counter(registry, 'duara_parked_total', 'Rows and values parked by M9.', () => {
    const now = report()?.parked ?? null;
    parked.observe(now === null ? null : { all: now });
    return parked.sums().map(([, value]) => ({ labels: {}, value }));
  });
}

function registerRing(registry: Registry, report: () => SiteStatus['replication']): void {
  counter(registry, 'duara_paxos_rounds_total', 'Changes of whiteboards by outcome.', () =>
    Object.entries(report()?.ring?.paxosRounds ?? {}).map(([outcome, value]) => ({ labels: { outcome }, value })),
  );
  gauge(registry, 'duara_ring_epoch', 'Epoch of the membership.', () => single(report()?.ring?.epoch));
  gauge(registry, 'duara_ring_members', 'Members of the ring, this site among them, by state.', () => {
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

function gauge(registry: Registry, name: string, help: string, samples: () => readonly Sample[]): void {
  registerMetric(registry, { name, help, type: 'gauge' }, samples);
}

function counter(registry: Registry, name: string, help: string, samples: () => readonly Sample[]): void {
  registerMetric(registry, { name, help, type: 'counter' }, samples);
}
