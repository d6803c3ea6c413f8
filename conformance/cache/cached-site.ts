import { join } from 'node:path';
import { type Connection, type ConnectionOptions, type RowDataPacket, createConnection } from 'mysql2/promise';
import { TableVersions } from '../../proxy/cache/table-versions';
import { type RunningProxy, startProxy } from '../../proxy/io/proxy-server';
import type { ProxyCounters } from '../../proxy/ports';
import { zeroCounters } from '../../proxy/zero-counters';
import { InformationSchemaCatalog } from '../../site/catalog';
import type { SqlRow } from '../../site/database-pool';
import type { ServerBinary } from '../../site/lab/find-server';
import type { RelayHost } from '../../site/threads/relay-host';
import { type TestSite, type TestSites, settle, startSites, until } from '../replication/test-sites';
import { CountingKeys } from '../wire/proxied-server';
import { startRelayThreads } from '../wire/relay-threads';
import { cacheOf, type Mutant, proxyBoard, ReplicatorBoard, THREADS_MUTANT } from './mutants';

/** Rows of each family of tables. */
export const ROWS = 4;

const numbers = Array.from({ length: ROWS }, (_, at) => at);
const values = (row: (at: number) => string): string => numbers.map((at) => `(${row(at)})`).join(', ');

/** parent.n is unique, so rows are told apart by the last digits. */
export const parentValue = (n: number, row: number): number => n * 100 + row;

const schema = [
  'CREATE TABLE app.local_counter (id BIGINT PRIMARY KEY, name VARCHAR(20) UNIQUE, n BIGINT)',
  `INSERT INTO app.local_counter VALUES ${values((at) => `${at}, 'k${at}', 0`)}`,
  'CREATE VIEW app.local_counter_view AS SELECT id, n FROM app.local_counter',
  'CREATE PROCEDURE app.set_n(row_id BIGINT, value BIGINT) UPDATE app.local_counter SET n = value WHERE id = row_id',
  'CREATE TABLE app.local_traced (id BIGINT PRIMARY KEY, n BIGINT)',
  'CREATE TABLE app.local_mirror (id BIGINT PRIMARY KEY, n BIGINT)',
  `INSERT INTO app.local_traced VALUES ${values((at) => `${at}, 0`)}`,
  `INSERT INTO app.local_mirror VALUES ${values((at) => `${at}, 0`)}`,
  'CREATE TRIGGER app.trace AFTER UPDATE ON app.local_traced FOR EACH ROW UPDATE app.local_mirror SET n = NEW.n WHERE id = NEW.id',
  'CREATE TABLE app.local_parent (id BIGINT PRIMARY KEY, n BIGINT UNIQUE)',
  'CREATE TABLE app.local_child (id BIGINT PRIMARY KEY, n BIGINT, FOREIGN KEY (n) REFERENCES app.local_parent (n) ON UPDATE CASCADE)',
  `INSERT INTO app.local_parent VALUES ${values((at) => `${at}, ${parentValue(0, at)}`)}`,
  `INSERT INTO app.local_child VALUES ${values((at) => `${at}, ${parentValue(0, at)}`)}`,
  'CREATE TABLE app.remote (id BIGINT PRIMARY KEY, n BIGINT)',
  'CREATE TABLE app.local_bypass (id BIGINT PRIMARY KEY, n BIGINT)',
  `INSERT INTO app.local_bypass VALUES ${values((at) => `${at}, 0`)}`,
  'CREATE TABLE app.local_scene (id BIGINT PRIMARY KEY, n BIGINT)',
  'INSERT INTO app.local_scene VALUES (0, 0)',
  'CREATE TABLE app.local_shape (id BIGINT PRIMARY KEY, c0 INT)',
  'INSERT INTO app.local_shape VALUES (1, 1)',
  // A view that a procedure makes one of the other table.
  ...['a', 'b'].flatMap((name) => [
    `CREATE TABLE app.local_shown_${name} (id BIGINT PRIMARY KEY, n BIGINT)`,
    `INSERT INTO app.local_shown_${name} VALUES (0, 0)`,
    `CREATE PROCEDURE app.show_${name}() CREATE OR REPLACE VIEW app.local_shown AS SELECT n FROM app.local_shown_${name}`,
  ]),
  'CREATE VIEW app.local_shown AS SELECT n FROM app.local_shown_a',
  'CREATE TABLE app.local_big (x INT PRIMARY KEY)',
  'INSERT INTO app.local_big SELECT seq FROM app.seq_1_to_300',
  "CREATE USER web@localhost IDENTIFIED BY 'web'",
  'GRANT ALL ON app.* TO web@localhost',
];

/** Two sites; the second has a proxy with a cache before it, and its capture and apply tell that of writes. */
export class CachedSite {
  private sites!: TestSites;
  private proxy: RunningProxy | null = null;
  private readonly board = new ReplicatorBoard();
  private socket = '';
  private opened: Connection[] = [];
  /** Other threads that relay. */
  private others: RelayHost[] = [];
  private connects = 0;
  private counters!: ProxyCounters;
  readonly errors: string[] = [];

  private constructor(private readonly relayThreads: number) {}

  /** With more than one thread that relays, clients come to the main one and to the others in turn. */
  static async start(binary: ServerBinary, relayThreads = 1): Promise<CachedSite> {
    const site = new CachedSite(relayThreads);
    site.sites = await startSites({
      binary,
      names: ['a', 'b'],
      schema,
      boards: { b: site.board },
      extra: ['--log-bin-trust-function-creators=1'],
    });
    // What both sites began with is the same; the rows that travel are written at one of them.
    await site.origin.sql.query(`INSERT INTO app.remote VALUES ${values((at) => `${at}, 0`)}`);
    await settle(site.sites.sites);
    return site;
  }

  /** Where replicated writes come from. */
  get origin(): TestSite {
    return this.siteAt(0);
  }

  /** The site with the cache; its own client bypasses the proxy. */
  get here(): TestSite {
    return this.siteAt(1);
  }

  /**
   * Puts a new proxy with an empty cache before the server, and ends the clients of the one before. `deaf`: capture and apply
   * do not reach its board. The broken rules of one proxy are shown to clients of one thread.
   */
  async open(mutant: Mutant | null, deaf: boolean): Promise<void> {
    await this.closeProxy();
    const real = TableVersions.create();
    real.setCaptureHealthy(true);
    this.board.connect(deaf ? null : TableVersions.attach(real.buffer, 'replicator'), mutant);
    const versions = proxyBoard(real, mutant);
    this.counters = zeroCounters();
    const { counters, here } = this;
    const reader = await createConnection({ socketPath: here.server.socket, user: 'root' });
    this.opened.push(reader);
    this.socket = join(this.sites.dir, 'proxy.sock');
    const query = async (sql: string, bound: readonly unknown[] = []): Promise<readonly SqlRow[]> => {
      const [rows] = await reader.query<RowDataPacket[]>(sql, [...bound]);
      // A block has several results: its rows are the first.
      const first: unknown = rows[0];
      return Array.isArray(first) ? (first as RowDataPacket[]) : rows;
    };
    this.proxy = await startProxy({
      listen: null,
      socket: this.socket,
      backend: { path: here.server.socket },
      catalog: new InformationSchemaCatalog({
        query,
        isReplicated: () => true,
        shared: real,
      }),
      keys: new CountingKeys(),
      versions,
      sharedDefaults: real,
      cache: cacheOf({ board: versions, maxBytes: 1 << 22, counters }, mutant),
      counters,
      log: { warn: () => undefined, error: (message) => void this.errors.push(message) },
      backendWaitMs: 30_000,
    });
    if (this.relayThreads === 1 || (mutant !== null && mutant !== THREADS_MUTANT)) return;
    let shared = real;
    if (mutant !== null) (shared = TableVersions.create()).setCaptureHealthy(true);
    this.others = await startRelayThreads({
      threads: this.relayThreads - 1,
      path: this.othersSocket,
      backendSocket: here.server.socket,
      tableVersions: shared.buffer,
      cacheBytes: 1 << 22,
      keys: new CountingKeys(),
      query,
      error: (message) => void this.errors.push(message),
    });
  }

  /** SELECTs answered from memory, by any thread. */
  async hits(): Promise<number> {
    await Promise.all(this.others.map((other) => other.ask()));
    return this.others.reduce((sum, { numbers }) => sum + (numbers?.plain.cacheHits ?? 0), this.counters.cacheHits);
  }

  /** A client of the proxy. */
  async connect(options: ConnectionOptions = {}): Promise<Connection> {
    const account = { user: 'web', password: 'web', database: 'app' };
    const main = this.others.length === 0 || this.connects++ % 2 === 0;
    const connection = await createConnection({
      ...account,
      socketPath: main ? this.socket : this.othersSocket,
      multipleStatements: true,
      connectTimeout: 60_000,
      ...options,
    });
    this.opened.push(connection);
    return connection;
  }

  /** Everything has arrived and is applied, and the cache was told. */
  async settle(): Promise<void> {
    await settle(this.sites.sites);
    await until(
      () => Promise.resolve(this.board.inFlight === 0),
      () => Promise.resolve(`${this.board.inFlight} writes in flight`),
    );
  }

  async stop(): Promise<void> {
    await this.closeProxy();
    await this.sites.stop();
  }

  private async closeProxy(): Promise<void> {
    for (const connection of this.opened.splice(0)) connection.destroy();
    await Promise.all([this.proxy, ...this.others.splice(0)].map((each) => each?.close()));
    this.proxy = null;
    await this.settle();
  }

  private get othersSocket(): string {
    return join(this.sites.dir, 'others.sock');
  }

  private siteAt(at: number): TestSite {
    const site = this.sites.sites[at];
    if (site === undefined) throw new Error('not started');
    return site;
  }
}
