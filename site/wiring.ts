import { mkdirSync, readFileSync } from 'node:fs';
import type { Logger } from 'pino';
import { Registry } from 'prom-client';
import { TableVersions } from '../proxy/cache/table-versions';
import { nobodyDenied } from '../proxy/session/denied-users';
import type { SiteKeySource } from '../proxy/io/key-source';
import { KeyBoard } from '../proxy/keys/key-board';
import type { TableInfo } from '../proxy/ports';
import { type AdminServer, readOrCreateToken, startAdmin } from './admin/admin-server';
import { AlarmList } from './alarms';
import { InformationSchemaCatalog } from './catalog';
import { ConfigError } from './config/config-error';
import type { ConfigFile } from './config/schema';
import { dataFile, databaseAddress, parseAddress, parseBytes } from './config/values';
import { CaptureLag } from './capture-lag';
import { type ClockReading, ClockWatch } from './clock-watch';
import { coalesced } from './coalesced';
import { lockData } from './data-lock';
import { DatabasePool } from './database-pool';
import { DatabaseWatch } from './database-watch';
import { DeferredKeys } from './deferred-keys';
import { KeyTriggers } from './key-triggers';
import { registerProxyMetrics, registerReplicationMetrics } from './metrics';
import { setThreadNice, threadNice } from './niceness';
import { openFilesAlarm, openFilesMax } from './open-files';
import { Relays } from './relays';
import { rulesOf } from './rules';
import { openSiteKeys, patientLargestKey } from './site-keys';
import { SocketAccount } from './socket-account';
import { proxyStatus, type SiteStatus } from './status';
import { CertificateWatch, relaySettings } from './transports';
import { dataFolderOld } from '../replicator/io/folder-mark';
import type { Alarm } from '../replicator/ports';
import type { FromWorker } from './threads/messages';
import { ReplicationHost } from './threads/replication-host';
import { version } from './version';

/** How long an INSERT waits for the ring to let a new site in. */
const scopeWaitMs = 5_000;
const closeWaitMs = 10_000;
const keysRetryMs = 2_000;
const keepAheadEveryMs = 30_000;
const clockEveryMs = 30_000;
const sequencesEveryMs = 250;
const blocksEveryMs = 5_000;

/** One site of a ring, in one process: proxy and admin pages here, replicator and ring in a worker thread. */
export class Site {
  private readonly startedNice = threadNice();
  private readonly versions = TableVersions.create();
  private readonly board = KeyBoard.create(Date.now);
  private readonly alarms = new AlarmList();
  private readonly registry = new Registry();
  private readonly database: DatabasePool;
  private readonly databaseWatch: DatabaseWatch;
  private readonly catalog: InformationSchemaCatalog;
  private readonly keys: DeferredKeys;
  private keySource: SiteKeySource | null = null;
  private opening: Promise<void> = Promise.resolve();
  private keysRetry: NodeJS.Timeout | undefined;
  private readonly host: ReplicationHost;
  private socketAccount: SocketAccount | null = null;
  private relays: Relays | null = null;
  private certificates: CertificateWatch | null = null;
  private draining = false;
  private admin: AdminServer | null = null;
  private lastStatus: SiteStatus | null = null;
  private reason = 'the ring has not granted this site a scope yet';
  private readonly captureLag = new CaptureLag();
  private readonly clock = new ClockWatch(this.readClocks());
  private keyTriggers: KeyTriggers | null = null;
  private readonly timers: readonly NodeJS.Timeout[];

  private constructor(
    private readonly config: ConfigFile,
    private readonly log: Logger,
    private readonly unlock: () => void,
  ) {
    const rules = rulesOf(config);
    this.database = new DatabasePool(databaseAddress(config));
    this.databaseWatch = new DatabaseWatch((sql, values) => this.database.rows(sql, values));
    this.catalog = new InformationSchemaCatalog({
      query: (sql, values) => this.database.rows(sql, values),
      isReplicated: (schema, table) => rules.schemas.includes(schema) && !rules.isLocalTable(schema, table),
      shared: this.versions,
    });
    this.keys = new DeferredKeys(scopeWaitMs, () => this.reason);
    const ringSecret = readSecret(config);
    this.host = new ReplicationHost({
      start: {
        config,
        ringSecret,
        tableVersions: this.versions.buffer,
        keyBoard: this.board.buffer,
        nice: this.startedNice,
      },
      onMessage: (message) => this.onWorkerMessage(message),
      onDeath: (reason) => this.onWorkerDeath(reason),
    });
    registerReplicationMetrics(this.registry, () => this.lastStatus);
    this.timers = [
      setInterval(() => this.keySource?.keepAhead(), keepAheadEveryMs),
      setInterval(() => this.lookAtClock(), clockEveryMs),
      setInterval(() => void this.advanceSequences(), sequencesEveryMs),
      setInterval(() => void this.refillBlocks(), blocksEveryMs),
    ];
  }

  /** Starts everything; resolves when clients can connect. Rejects when the site cannot run at all. */
  static async start(config: ConfigFile, log: Logger): Promise<Site> {
    // The spool holds rows, which not everybody on this machine may read.
    mkdirSync(config.data, { recursive: true, mode: 0o700 });
    const unlock = lockData(config.data);
    let site: Site;
    try {
      site = new Site(config, log, unlock);
    } catch (error) {
      unlock();
      throw error;
    }
    try {
      await site.listen();
    } catch (error) {
      await site.close();
      throw error;
    }
    return site;
  }

  async status(): Promise<SiteStatus> {
    const [replication, database] = await Promise.all([
      this.host.status(),
      this.databaseWatch.state(),
      this.relays?.ask(),
    ]);
    const { reachable, version: serverVersion, gtid, reason } = database;
    const lagSeconds = this.captureLag.observe(gtid, replication?.capture?.gtid ?? null, performance.now());
    const waitingFor: string[] = [];
    if (this.draining) waitingFor.push('nothing: it ends, and takes no new clients');
    if (!reachable) waitingFor.push(`the database: ${reason}`);
    if (replication?.phase !== 'running') waitingFor.push(`replication: ${replication?.reason ?? 'no answer yet'}`);
    else if (!this.versions.captureHealthy()) waitingFor.push('capture to reach the end of the binary log');
    if (!this.keys.ready) waitingFor.push('keys');
    const { listen, socket } = this.config.proxy;
    this.lastStatus = {
      site: this.config.site,
      version: version(),
      pid: process.pid,
      uptimeSeconds: process.uptime(),
      ready: waitingFor.length === 0,
      waitingFor,
      proxy: {
        listen,
        socket,
        ...proxyStatus(this.relays?.numbers() ?? null),
        connectionsByThread: this.relays?.connectionsByThread() ?? [],
        captureHealthy: this.versions.captureHealthy(),
      },
      database: { reachable, version: serverVersion, reason },
      captureLagSeconds: lagSeconds,
      keys: {
        foreign: String(this.keySource?.foreignKeys() ?? this.board.foreignKeys()),
        remaining: (this.keySource?.remaining() ?? []).map(({ schema, table, keys }) => ({
          table: `${schema}.${table}`,
          keys: String(keys),
        })),
      },
      replication,
      links: replication?.ring?.links ?? [],
      threadRestarts: this.host.restarts,
      alarms: this.alarms.list(),
      alarmCounts: this.alarms.counts(),
    };
    return this.lastStatus;
  }

  /**
   * Takes no new clients, and lets those that are here finish what they are at, within proxy.drainSeconds. Resolves with the
   * number of sessions that were cut; `close` cuts it short.
   */
  async drain(): Promise<number> {
    this.draining = true;
    return (await this.relays?.drain(this.config.proxy.drainSeconds * 1000)) ?? 0;
  }

  /**
   * Ends in order: clients first, then replication, which writes down how far it came. Once `hurry` is aborted nothing waits
   * any longer for a database or a thread that does not answer: replication ends as in a crash, and reads the log again.
   */
  async close(hurry: AbortSignal = AbortSignal.timeout(closeWaitMs)): Promise<void> {
    this.socketAccount?.close();
    for (const timer of this.timers) clearInterval(timer);
    await this.admin?.close();
    this.certificates?.close();
    await this.relays?.close(hurry);
    setThreadNice(this.startedNice);
    await Promise.all([this.host.close(hurry), this.database.close(hurry)]);
    await this.opening;
    clearTimeout(this.keysRetry);
    try {
      await this.keySource?.close();
    } catch (error) {
      // A full disk, perhaps. The marks stand above what was used, so that no key comes twice.
      this.log.warn({ err: error }, 'the key marks stay as they were: some keys will never be used');
    }
    this.unlock();
  }

  /** The certificate's files may have changed. */
  reloadCertificates(): void {
    this.certificates?.reload();
  }

  private async listen(): Promise<void> {
    const { proxy, admin } = this.config;
    const address = databaseAddress(this.config);
    this.socketAccount = address.socketPath === null ? null : this.watchSocketAccount(address.socketPath);
    // Threads that relay too are started by this one, and take it over.
    setThreadNice(this.startedNice + proxy.nice);
    const relays = await Relays.start({
      listen: proxy.listen === null ? null : parseAddress(proxy.listen),
      socket: proxy.socket,
      threads: proxy.relayThreads,
      settings: relaySettings(this.config),
      replicate: this.config.replicate,
      cacheBytes: parseBytes(this.config.cache.maxBytes),
      versions: this.versions,
      catalog: this.catalog,
      keys: this.keys,
      log: { warn: (message) => this.log.warn(message), error: (message) => this.log.error(message) },
      query: (sql, values) => this.database.rows(sql, values),
      deniedUsers: () => this.socketAccount?.deniedUsers ?? nobodyDenied,
      onDeath: (reason) => this.onRelayDeath(reason),
    });
    this.relays = relays;
    for (const schema of this.config.replicate.schemas) this.catalog.expect(schema);
    // The answer may have come while the threads started.
    relays.deny(this.socketAccount?.deniedUsers ?? nobodyDenied);
    this.certificates = new CertificateWatch(this.config, relays, {
      info: (message) => this.log.info(message),
      warn: (message) => this.log.warn(message),
    });
    registerProxyMetrics(this.registry, () => relays.numbers());
    this.admin = await startAdmin({
      listen: parseAddress(admin.listen),
      token: readOrCreateToken(dataFile(this.config, admin.tokenFile)),
      registry: this.registry,
      status: () => this.status(),
    });
    const fewFiles = openFilesAlarm(openFilesMax(), proxy.maxConnections);
    if (fewFiles !== null) this.alarm(fewFiles);
    const { listen, socket } = proxy;
    this.log.info({ proxy: listen, socket, admin: this.admin.url, nice: threadNice() }, 'accepting clients');
  }

  private watchSocketAccount(socketPath: string): SocketAccount {
    const onTrusted = (user: string): void => {
      const message =
        `the database lets the operating system user '${user}', as which Duara runs, in without a password: no client can ` +
        `log in as '${user}' through the proxy; run Duara as a user of its own if one has to`;
      this.log.warn({ code: 'DUARA_SOCKET_ACCOUNT' }, message);
    };
    return new SocketAccount(socketPath, onTrusted, (denied) => this.relays?.deny(denied));
  }

  private onWorkerMessage(message: FromWorker): void {
    switch (message.kind) {
      case 'joined':
        this.opening = this.opening.then(() => this.openKeys(message.scope));
        return;
      case 'notStarted':
        this.reason = message.reason;
        // What the marks of its keys say is old, too.
        if (message.code === dataFolderOld) this.keys.withdraw();
        return;
      case 'schemaChanged':
        this.catalog.forget();
        this.keySource?.forget();
        void this.keyTriggers?.reconcile();
        return;
      case 'alarm':
        return this.alarm(message.alarm);
      case 'log':
        this.log[message.level](message.fields, message.message);
        return;
      case 'status':
      case 'lease':
        // Answers; the host keeps them.
        return;
    }
  }

  private alarm(alarm: Alarm): void {
    if (this.alarms.raise(alarm)) this.log.warn({ code: alarm.code }, alarm.message);
  }

  private readClocks(): ClockReading {
    return { wallMs: Date.now(), runningMs: performance.now(), hybridMs: this.board.hybridMs() };
  }

  private lookAtClock(): void {
    for (const alarm of this.clock.look(this.readClocks())) this.alarm(alarm);
  }

  /** Once at a time, whatever the database keeps them waiting. */
  private readonly advanceSequences = coalesced(() => this.keyTriggers?.advance() ?? Promise.resolve());
  private readonly refillBlocks = coalesced(() => this.keyTriggers?.refill() ?? Promise.resolve());

  private openKeyTriggers(scope: number): KeyTriggers {
    const { board, database, host, config, catalog } = this;
    return new KeyTriggers({
      query: (sql, values) => database.rows(sql, values),
      catalog,
      schemas: config.replicate.schemas,
      scope,
      board,
      leases: host,
      largestKey: (table, range) => patientLargestKey(database, table, range),
      alarm: (alarm) => this.alarm(alarm),
    });
  }

  /** As when the main thread fails: whoever watches the process starts it again, and nothing it had begun stays half known. */
  private onRelayDeath(reason: string): void {
    this.log.error({ code: 'DUARA_RELAY_DIED', reason }, 'a thread that relays died: the process ends');
    setImmediate(() => {
      throw new Error(`a thread that relays died: ${reason}`);
    });
  }

  private onWorkerDeath(reason: string): void {
    this.versions.ownerDied('replicator');
    const code = 'DUARA_REPLICATION_DIED';
    this.alarms.raise({ code, message: 'the replication thread died and is started again' });
    this.log.error({ code, reason }, 'the replication thread died and is started again; the proxy goes on');
  }

  private async openKeys(scope: number): Promise<void> {
    if (this.keySource !== null) return;
    const { board, database, host, config } = this;
    try {
      const serveNested = (table: TableInfo, mixed: boolean): Promise<void> | null =>
        this.keyTriggers?.serve(table, mixed) ?? null;
      this.keySource = await openSiteKeys({ data: config.data, scope, board, leases: host, database, serveNested });
      this.keys.provide(this.keySource);
      this.keyTriggers = this.openKeyTriggers(scope);
      void this.keyTriggers.reconcile();
    } catch (error) {
      this.reason = error instanceof Error ? error.message : String(error);
      if (this.alarms.raise({ code: 'DUARA_KEYS', message: this.reason })) {
        this.log.error({ err: error }, 'keys cannot be issued: INSERTs that need one are refused');
      }
      // A disk that was full, or marks that were put back: neither is to need a restart.
      this.keysRetry = setTimeout(() => {
        this.opening = this.opening.then(() => this.openKeys(scope));
      }, keysRetryMs);
    }
  }
}

function readSecret(config: ConfigFile): Uint8Array {
  const file = dataFile(config, config.ring.secretFile);
  const cure = `make one with: (umask 077; head -c 32 /dev/urandom | base64 > ${file}), and give every site of the ring a copy`;
  const wrong = (reason: string): ConfigError => {
    const problem = `the ring secret ${reason}; ${cure}`;
    return new ConfigError([{ source: file, line: null, key: 'ring.secretFile', problem }]);
  };
  let secret: string;
  try {
    secret = readFileSync(file, 'utf8').trim();
  } catch (error) {
    throw wrong(`cannot be read (${error instanceof Error ? error.message : String(error)})`);
  }
  if (secret === '') throw wrong('is empty: anyone could be a site of the ring');
  return Buffer.from(secret);
}
