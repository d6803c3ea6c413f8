import type { RaisedAlarm } from './alarms';
import type { ProxyNumbers } from './proxy-tally';
import type { ReplicationStatus, RingReport } from './threads/messages';

/** What `/api/status` answers, and `duara status --json` prints. */
export interface SiteStatus {
  readonly site: string;
  readonly version: string;
  readonly pid: number;
  readonly uptimeSeconds: number;
  readonly ready: boolean;
  /** What keeps the site from being ready; empty when it is. */
  readonly waitingFor: readonly string[];
  readonly proxy: {
    readonly listen: string | null;
    readonly socket: string | null;
    readonly connections: number;
    /** The same by thread, the main one first. */
    readonly connectionsByThread: readonly number[];
    readonly cacheHits: number;
    readonly cacheMisses: number;
    readonly captureHealthy: boolean;
    readonly cacheBytes: number;
    /** Why SELECTs went to the database and their replies were not kept, the most frequent first. */
    readonly cacheBypassed: readonly { readonly reason: string; readonly count: number }[];
  };
  readonly database: {
    readonly reachable: boolean;
    readonly version: string | null;
    /** Why it is not reachable; null when it is. */
    readonly reason: string | null;
  };
  /** How long what the database committed waits for capture; null while one of them does not answer. */
  readonly captureLagSeconds: number | null;
  readonly keys: {
    /** Keys seen that are not from this site's ranges. */
    readonly foreign: string;
    /** Keys left in the leased blocks of narrow tables. */
    readonly remaining: readonly { readonly table: string; readonly keys: string }[];
  };
  /** Null: the replication thread has not answered yet. */
  readonly replication: ReplicationStatus | null;
  /** This site's ring links, as in `replication.ring`. */
  readonly links: RingReport['links'];
  readonly threadRestarts: number;
  readonly alarms: readonly RaisedAlarm[];
  /** How often alarms were raised since the start, by code. */
  readonly alarmCounts: Readonly<Record<string, number>>;
}

/** The proxy's part, of all threads; null: it does not run yet. */
export function proxyStatus(
  numbers: ProxyNumbers | null,
): Pick<SiteStatus['proxy'], 'connections' | 'cacheHits' | 'cacheMisses' | 'cacheBytes' | 'cacheBypassed'> {
  const { connections = 0, cacheHits = 0, cacheMisses = 0, cacheBytes = 0 } = numbers?.plain ?? {};
  const reasons = Object.entries(numbers?.bypassed ?? {}).map(([reason, count]) => ({ reason, count }));
  return { connections, cacheHits, cacheMisses, cacheBytes, cacheBypassed: reasons.sort((a, b) => b.count - a.count) };
}

export interface Lag {
  readonly site: string;
  /** Change sets of that site which it committed, as far as known here, and which are not applied here. */
  readonly changeSets: bigint;
}

/** How far this site is behind each other member, from what the members told. */
export function lags(status: SiteStatus): readonly Lag[] {
  const { replication } = status;
  const members = replication?.ring?.members ?? [];
  return members
    .filter((member) => member.scope !== replication?.scope)
    .map((member) => {
      const scope = String(member.scope);
      const committed = members.map((each) => BigInt(each.held?.[scope] ?? '0')).reduce((a, b) => (a > b ? a : b), 0n);
      const applied = BigInt(replication?.applied[scope] ?? '0');
      return { site: member.site, changeSets: committed > applied ? committed - applied : 0n };
    });
}
