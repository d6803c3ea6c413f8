import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Connection, type ConnectionOptions, createConnection } from 'mysql2/promise';
import { TableVersions } from '../../proxy/cache/table-versions';
import { KeyMarksFile } from '../../proxy/io/key-marks-file';
import { SiteKeySource } from '../../proxy/io/key-source';
import { startProxy } from '../../proxy/io/proxy-server';
import { KeyBoard } from '../../proxy/keys/key-board';
import { grantLease, type Lease, type LeaseRequest } from '../../proxy/keys/key-leases';
import type { KeyDemand, KeyReservation, KeySource, TableInfo } from '../../proxy/ports';
import { duaraAccountSql } from '../../site/accounts';
import { InformationSchemaCatalog } from '../../site/catalog';
import { DatabasePool } from '../../site/database-pool';
import { KeyTriggers } from '../../site/key-triggers';
import { ProxyTally } from '../../site/proxy-tally';
import { DatabaseServer } from '../../site/lab/database-server';
import type { ServerBinary } from '../../site/lab/find-server';
import { largestKey, patientLargestKey } from '../../site/site-keys';
import { smallestKey } from '../../site/smallest-key';
import { appAccount, RecordingVersions } from '../wire/proxied-server';
import { startRelayThreads } from '../wire/relay-threads';

/** Blocks of narrow columns as the ring would grant them, of which every other one goes to another site. */
class Whiteboard {
  private readonly registers = new Map<string, string>();
  readonly granted = new Map<string, Lease[]>();

  constructor(private readonly scope: number) {}

  lease(request: LeaseRequest): Promise<Lease | { readonly refused: string }> {
    const name = `${request.schema}.${request.table}`;
    this.grant(name, { ...request, scope: this.scope + 1 });
    const lease = this.grant(name, { ...request, scope: this.scope });
    if (lease === null) return Promise.resolve({ refused: 'the column holds no further keys' });
    this.granted.set(name, [...(this.granted.get(name) ?? []), lease]);
    return Promise.resolve(lease);
  }

  private grant(name: string, request: LeaseRequest & { readonly scope: number }): Lease | null {
    const decision = grantLease(this.registers.get(name) ?? null, request);
    if (decision.kind === 'exhausted') return null;
    this.registers.set(name, decision.next);
    return decision.lease;
  }
}

export interface KeyedSiteOptions {
  /** Puts another source before the clients: a mutant. */
  readonly wrapKeys?: (keys: KeySource) => KeySource;
  readonly leaseKeys?: Readonly<Record<number, bigint>>;
  /** Clients are relayed by another thread than the one that gives the keys. */
  readonly otherThread?: boolean;
}

/**
 * One server and what a site puts before it for keys: the real catalog, key source with marks on disk, key triggers and
 * proxy. Clients are `app`; schemas `app` and `склад` are replicated. The clock can be set; everything of ours can be started again.
 */
export class KeyedSite {
  static readonly scope = 7;
  readonly dir = mkdtempSync(join(tmpdir(), 'duara-keys-'));
  readonly server: DatabaseServer;
  readonly errors: string[] = [];
  readonly alarms: string[] = [];
  readonly whiteboard = new Whiteboard(KeyedSite.scope);
  private readonly marks = new KeyMarksFile(join(this.dir, 'key-marks'));
  private writing: Promise<void> = Promise.resolve();
  /** Added to the machine's clock. */
  clockOffsetMs = 0;
  board = KeyBoard.create(() => this.nowMs());
  private life: Life | null = null;
  private starts = 0;
  private readonly connections: Connection[] = [];

  private constructor(
    binary: ServerBinary,
    private readonly options: KeyedSiteOptions,
  ) {
    const extra = ['--local-infile=1', '--event-scheduler=ON'];
    this.server = new DatabaseServer({ binary, dir: join(this.dir, 'db'), serverId: 1, durable: false, extra });
  }

  static async start(binary: ServerBinary, options: KeyedSiteOptions = {}): Promise<KeyedSite> {
    const site = new KeyedSite(binary, options);
    await site.server.start();
    const root = await createConnection({ socketPath: site.server.socket, user: 'root', multipleStatements: true });
    await root.query(
      `CREATE DATABASE app; CREATE DATABASE склад; CREATE DATABASE direct; CREATE DATABASE duara; CREATE DATABASE elsewhere; CREATE USER app@localhost IDENTIFIED BY 'secret';
       GRANT ALL ON app.* TO app@localhost; GRANT ALL ON склад.* TO app@localhost; GRANT ALL ON direct.* TO app@localhost; GRANT ALL ON elsewhere.* TO app@localhost`,
    );
    const account = {
      user: 'duara',
      host: 'localhost',
      password: 'secret',
      schemas: ['app', 'склад'],
      flavour: binary.flavour,
    };
    for (const statement of duaraAccountSql(account)) await root.query(statement);
    await root.end();
    await site.restart();
    return site;
  }

  nowMs(): number {
    return Date.now() + this.clockOffsetMs;
  }

  get socket(): string {
    return this.alive.socket;
  }

  get catalog(): InformationSchemaCatalog {
    return this.alive.catalog;
  }

  get triggers(): KeyTriggers {
    return this.alive.triggers;
  }

  /** As `app`, if not said otherwise; ends with the site, if not before. */
  connect(options: ConnectionOptions = {}): Promise<Connection> {
    return this.open({ socketPath: this.socket, ...options });
  }

  /** Past the proxy. */
  direct(options: ConnectionOptions = {}): Promise<Connection> {
    return this.open({ socketPath: this.server.socket, ...options });
  }

  root(): Promise<Connection> {
    return this.direct({ user: 'root', password: '' });
  }

  /** After DDL: what the site does when it reads of it in the binary log. */
  async schemaChanged(): Promise<void> {
    this.alive.catalog.forget();
    this.alive.keys.forget();
    await this.alive.triggers.reconcile();
    await this.alive.triggers.advance();
  }

  /** The site's process ends (well, or as by kill -9: nothing is written down) and starts again. */
  async restart(how: 'clean' | 'crash' = 'clean'): Promise<void> {
    const known = this.life !== null;
    await this.end(how);
    this.board = KeyBoard.create(() => this.nowMs());
    this.life = await this.begin(known ? 'known' : 'new');
    await this.schemaChanged();
  }

  async stop(): Promise<void> {
    await Promise.all(this.connections.map((each) => each.end()));
    await this.end('clean');
    await this.server.stop();
    rmSync(this.dir, { recursive: true, force: true });
  }

  private async open(options: ConnectionOptions): Promise<Connection> {
    const connection = await createConnection({ ...appAccount, ...options });
    this.connections.push(connection);
    return connection;
  }

  private get alive(): Life {
    if (this.life === null) throw new Error('the site is not running');
    return this.life;
  }

  private async end(how: 'clean' | 'crash'): Promise<void> {
    const { life } = this;
    this.life = null;
    if (life === null) return;
    await Promise.all(life.relays.map((each) => each.close()));
    await life.triggers.advance();
    if (how === 'clean') await life.keys.close();
    // A process that is killed writes no more; this one would, into what the next one writes.
    life.process.killed = true;
    await this.writing;
    await life.database.close();
  }

  private async begin(incarnation: 'new' | 'known'): Promise<Life> {
    const { board } = this;
    const versions = TableVersions.create();
    const database = new DatabasePool({
      host: 'localhost',
      port: 0,
      socketPath: this.server.socket,
      user: 'duara',
      password: 'secret',
    });
    const catalog = new InformationSchemaCatalog({
      query: (sql, values) => database.rows(sql, values),
      isReplicated: (schema) => schema === 'app' || schema === 'склад',
      shared: versions,
    });
    const { leaseKeys } = this.options;
    const process = { killed: false };
    const keys = await SiteKeySource.open({
      scope: KeyedSite.scope,
      incarnation,
      board,
      store: {
        read: (scope, known) => this.marks.read(scope, known),
        write: (marks) => (process.killed ? never : (this.writing = this.marks.write(marks))),
      },
      largestKey: (table, range) => largestKey(database, table, range),
      leases: this.whiteboard,
      serveNested: (table, mixed) => this.life?.triggers.serve(table, mixed) ?? null,
      nowMs: () => this.nowMs(),
      ...(leaseKeys === undefined ? {} : { leaseKeys }),
    });
    const triggers = new KeyTriggers({
      query: (sql, values) => database.rows(sql, values),
      catalog,
      schemas: ['app', 'склад'],
      scope: KeyedSite.scope,
      board,
      leases: this.whiteboard,
      largestKey: (table, range) => patientLargestKey(database, table, range),
      alarm: ({ message }) => void this.alarms.push(message),
      ...(leaseKeys === undefined ? {} : { leaseKeys }),
    });
    const socket = join(this.dir, `proxy-${this.starts++}.sock`);
    const given = this.options.wrapKeys?.(keys) ?? keys;
    const error = (message: string): void => void this.errors.push(message);
    if (this.options.otherThread === true) {
      const relays = await startRelayThreads({
        threads: 1,
        path: socket,
        backendSocket: this.server.socket,
        tableVersions: versions.buffer,
        cacheBytes: 0,
        keys: given,
        query: (sql, values) => database.rows(sql, values),
        error,
      });
      return { process, database, catalog, keys, triggers, socket, relays };
    }
    const proxy = await startProxy({
      listen: null,
      socket,
      backend: { path: this.server.socket },
      catalog,
      keys: given,
      smallestKey: smallestKey((sql, values) => database.rows(sql, values)),
      versions: new RecordingVersions(),
      counters: new ProxyTally(),
      log: { warn: () => {}, error },
      backendWaitMs: 30_000,
    });
    return { process, database, catalog, keys, triggers, socket, relays: [proxy] };
  }
}

const never = new Promise<void>(() => {});

interface Life {
  readonly process: { killed: boolean };
  readonly database: DatabasePool;
  readonly catalog: InformationSchemaCatalog;
  readonly keys: SiteKeySource;
  readonly triggers: KeyTriggers;
  readonly socket: string;
  /** What clients connect to. */
  readonly relays: readonly { close(): Promise<void> }[];
}

/** Mutant: forgets now and then that it gave a key. */
export class ForgetfulKeys implements KeySource {
  private last: { readonly table: string; readonly first: bigint } | null = null;
  private given = 0;

  constructor(
    private readonly keys: KeySource,
    private readonly every: number,
  ) {}

  reserve(table: TableInfo, demand: KeyDemand): KeyReservation {
    this.given += 1;
    if (this.last?.table === table.table && this.given % this.every === 0) {
      return { kind: 'keys', first: this.last.first, settle: () => {} };
    }
    const reservation = this.keys.reserve(table, demand);
    if (reservation.kind === 'keys') this.last = { table: table.table, first: reservation.first };
    return reservation;
  }

  sawExplicitKey(table: TableInfo, key: bigint): void {
    this.keys.sawExplicitKey(table, key);
  }
}
