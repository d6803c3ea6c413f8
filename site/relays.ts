import type { TableVersions } from '../proxy/cache/table-versions';
import type { ProxyLog, ProxyOptions } from '../proxy/io/proxy-options';
import { type RunningProxy, startProxy } from '../proxy/io/proxy-server';
import type { ClientTlsOptions } from '../proxy/io/tls-channel';
import type { Catalog, KeySource } from '../proxy/ports';
import type { IdleLimits } from '../proxy/reuse/idle-pool';
import type { DeniedUsers } from '../proxy/session/denied-users';
import type { RulesConfig } from './rules';
import type { Query } from './database-pool';
import { added, type ProxyNumbers, ProxyTally } from './proxy-tally';
import { readServerDefaults } from './server-defaults';
import { smallestKey } from './smallest-key';
import { openCache } from './thread-cache';
import { ClientCount } from './threads/client-count';
import type { RelayHost } from './threads/relay-host';
import type { RelaySettings } from './threads/relay-messages';

export interface RelaysOptions {
  readonly listen: ProxyOptions['listen'];
  readonly socket: string | null;
  /** How many threads relay, this one among them. */
  readonly threads: number;
  readonly settings: RelaySettings;
  readonly replicate: RulesConfig;
  /** Of all threads. */
  readonly cacheBytes: number;
  readonly versions: TableVersions;
  readonly catalog: Catalog;
  readonly keys: KeySource;
  readonly log: ProxyLog;
  /** For the catalogs of the other threads, and what sessions begin with. */
  readonly query: Query;
  readonly deniedUsers: () => DeniedUsers;
  /** A thread died: its clients are gone, and what they had begun counts as in flight for ever. The process is to end. */
  readonly onDeath: (reason: string) => void;
}

/** The proxy: in this thread, and in others that listen on the same sockets. */
export class Relays {
  private readonly others: RelayHost[] = [];

  private constructor(
    private readonly own: RunningProxy,
    private readonly tally: ProxyTally,
  ) {}

  /** Resolves when clients can connect, in all threads. Rejects with the system's error when it cannot listen. */
  static async start(options: RelaysOptions): Promise<Relays> {
    const { threads, settings, versions } = options;
    const tally = new ProxyTally();
    const count = threads > 1 && typeof settings.maxConnections === 'number' ? new ClientCount() : null;
    const cacheBytes = Math.floor(options.cacheBytes / threads);
    const own = await startProxy({
      ...settings,
      ...withIdle(settings.idle, threads, 0),
      listen: options.listen,
      socket: options.socket,
      catalog: options.catalog,
      keys: options.keys,
      versions,
      sharedDefaults: versions,
      cache: openCache(versions, cacheBytes, tally),
      counters: tally,
      readDefaults: () => readServerDefaults(options.query),
      smallestKey: smallestKey(options.query),
      log: options.log,
      refused: (reason) => tally.refused(reason),
      deniedUsers: options.deniedUsers,
      ...(count === null ? {} : { clientCount: count }),
    });
    tally.backends = own.backends;
    const relays = new Relays(own, tally);
    const others = Array.from({ length: threads - 1 }, (_, at) =>
      relays.another(options, at + 1, { count, cacheBytes }),
    );
    const failures: unknown[] = [];
    for (const outcome of await Promise.allSettled(others)) {
      if (outcome.status === 'fulfilled') relays.others.push(outcome.value);
      else failures.push(outcome.reason);
    }
    if (failures.length === 0) return relays;
    await relays.close(AbortSignal.timeout(0));
    throw failures[0];
  }

  /** What all threads counted; what the others did, as they last told. */
  numbers(): ProxyNumbers {
    const others = this.others.map(({ numbers }) => numbers);
    return added(
      this.tally.numbers(),
      others.filter((each) => each !== null),
    );
  }

  connectionsByThread(): readonly number[] {
    return [this.tally.connections, ...this.others.map(({ numbers }) => numbers?.plain.connections ?? 0)];
  }

  /** Asks the other threads what they counted. */
  async ask(): Promise<void> {
    await Promise.all(this.others.map((other) => other.ask()));
  }

  /** See RunningProxy.useTls. */
  useTls(tls: ClientTlsOptions | null): void {
    this.own.useTls(tls);
    for (const other of this.others) other.tell({ kind: 'tls', tls });
  }

  /** The users that nobody may log in as are others now. */
  deny(users: DeniedUsers): void {
    for (const other of this.others) other.tell({ kind: 'deniedUsers', users });
  }

  /** See RunningProxy.drain. */
  async drain(withinMs: number): Promise<number> {
    const all = [...this.others, this.own].map((each) => each.drain(withinMs));
    return (await Promise.all(all)).reduce((sum, cut) => sum + cut, 0);
  }

  /** See RelayHost.close. */
  async close(hurry: AbortSignal): Promise<void> {
    await Promise.all([this.own.close(), ...this.others.map((other) => other.close(hurry))]);
  }

  private async another(
    { settings, replicate, versions, deniedUsers, keys, query, log, onDeath, threads }: RelaysOptions,
    at: number,
    { count, cacheBytes }: { readonly count: ClientCount | null; readonly cacheBytes: number },
  ): Promise<RelayHost> {
    const start = {
      settings: { ...settings, ...withIdle(settings.idle, threads, at) },
      replicate,
      cacheBytes,
      listeners: this.own.listeners(),
      tableVersions: versions.buffer,
      clientCount: count?.buffer ?? null,
      deniedUsers: deniedUsers(),
    };
    // Not held in memory where one thread is enough.
    const { RelayHost } = await import('./threads/relay-host.js');
    return RelayHost.start({ start, keys, query, log, onDeath });
  }
}

/** One thread's share of the connections that are kept for the next clients. */
function withIdle(idle: IdleLimits | null | undefined, threads: number, at: number): { idle: IdleLimits | null } {
  if (idle === null || idle === undefined) return { idle: null };
  const rest = idle.connectionsMax % threads;
  const connectionsMax = Math.floor(idle.connectionsMax / threads) + (at < rest ? 1 : 0);
  return { idle: { ...idle, connectionsMax } };
}
