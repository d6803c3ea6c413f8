import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Connection, type RowDataPacket, createConnection } from 'mysql2/promise';
import type { Alarm, Logger, ReplicationRules, WriteBoard } from '../../replicator/ports';
import type { Replicator } from '../../replicator/io/replicator';
import { startReplicator } from '../../replicator/io/replicator-runner';
import { DatabaseServer } from '../../site/lab/database-server';
import type { ServerBinary } from '../../site/lab/find-server';
import { MemoryNetwork } from './memory-network';

const WAIT_MS = 120_000;

export const plainRules: ReplicationRules = {
  schemas: ['app'],
  isLocalTable: (_schema, table) => table.startsWith('local_'),
  isLocalColumn: () => false,
  columnMerge: (_schema, _table, column) => (column === 'total' ? 'sum' : 'later'),
  columnGroup: (_schema, _table, column) => [column],
};

const silent: Logger = { info: () => undefined, warn: () => undefined, error: () => undefined };

/** One site: a real database server and a real replicator. */
export class TestSite {
  readonly alarms: Alarm[] = [];
  replicator!: Replicator;
  sql!: Connection;

  constructor(
    readonly name: string,
    readonly server: DatabaseServer,
    private readonly dir: string,
    private readonly network: MemoryNetwork,
    private readonly durable: boolean,
    private readonly board: WriteBoard = deafBoard,
  ) {}

  async startServer(schema: readonly string[]): Promise<void> {
    await this.server.start();
    await this.connect();
    for (const statement of ['CREATE DATABASE app', ...schema]) await this.sql.query(statement);
    await this.sql.query('USE app');
  }

  async connect(): Promise<void> {
    this.sql = await createConnection({
      socketPath: this.server.socket,
      user: 'root',
      multipleStatements: true,
      dateStrings: true,
    });
    this.sql.on('error', () => undefined);
  }

  async startReplicator(): Promise<void> {
    this.replicator = await startReplicator({
      site: this.name,
      dataDir: join(this.dir, 'duara'),
      database: {
        host: '127.0.0.1',
        port: this.server.port,
        socketPath: this.server.socket,
        user: 'root',
        password: '',
      },
      rules: plainRules,
      ring: (store) => Promise.resolve(this.network.ring(this.name, store)),
      writeBoard: this.board,
      keyBoard: { raiseFloor: () => undefined, raiseClock: () => undefined, sawForeignKey: () => undefined },
      isOwnKey: () => true,
      log: process.env['DUARA_TEST_LOG'] === undefined ? silent : loud(this.name),
      onAlarm: (alarm) => void this.alarms.push(alarm),
      onSchemaChange: () => undefined,
      overrides: { unsafeDurability: !this.durable },
    });
  }

  async rows(sql: string): Promise<readonly RowDataPacket[]> {
    const [rows] = await this.sql.query<RowDataPacket[]>(sql);
    return rows;
  }

  /** All of a table, in the order of its first column. */
  table(name: string): Promise<readonly RowDataPacket[]> {
    return this.rows(`SELECT * FROM ${name} ORDER BY 1`);
  }

  async stop(): Promise<void> {
    await this.replicator?.close();
    this.sql?.destroy();
    await this.server.stop();
  }
}

export interface TestSites {
  readonly network: MemoryNetwork;
  readonly sites: readonly TestSite[];
  readonly dir: string;
  stop(): Promise<void>;
}

export interface TestSitesOptions {
  readonly binary: ServerBinary;
  readonly names: readonly string[];
  readonly schema: readonly string[];
  readonly durable?: boolean;
  /** Boards of the sites' caches, by name. */
  readonly boards?: Readonly<Record<string, WriteBoard>>;
  /** More options of the servers. */
  readonly extra?: readonly string[];
}

const deafBoard: WriteBoard = {
  beginWrite: () => undefined,
  endWrite: () => undefined,
  flushAll: () => undefined,
  settingsChanged: () => undefined,
  setCaptureHealthy: () => undefined,
};

/** Servers with the same schema, and a replicator beside each. */
export async function startSites(options: TestSitesOptions): Promise<TestSites> {
  const { binary, names, schema, durable = false, boards = {}, extra = [] } = options;
  const dir = await mkdtemp(join(tmpdir(), 'duara-apply-'));
  const network = new MemoryNetwork();
  const sites = names.map((name, i) => {
    const siteDir = join(dir, name);
    const server = new DatabaseServer({ binary, dir: siteDir, serverId: i + 1, durable, extra });
    return new TestSite(name, server, siteDir, network, durable, boards[name]);
  });
  await Promise.all(sites.map((site) => site.startServer(schema)));
  for (const site of sites) await site.startReplicator();
  const stop = async (): Promise<void> => {
    for (const site of sites) await site.stop();
    await rm(dir, { recursive: true, force: true });
  };
  return { network, sites, dir, stop };
}

/** Waits until every site has everything that was committed anywhere before the call. */
export async function settle(sites: readonly TestSite[]): Promise<void> {
  const goals = await Promise.all(sites.map((site) => site.replicator.captured()));
  await until(
    () => Promise.resolve(sites.every(({ replicator }) => goals.every((goal) => replicator.caughtUpTo(goal)))),
    async () =>
      JSON.stringify(
        await Promise.all(
          sites.map(async ({ name, alarms, replicator }) => ({ name, alarms, status: await replicator.status() })),
        ),
        (_key, value: unknown) =>
          typeof value === 'bigint' ? String(value) : value instanceof Map ? [...value] : value,
      ),
  );
}

/** Polls until the condition holds; fails with what `describe` says. */
export async function until(condition: () => Promise<boolean>, describe: () => Promise<string>): Promise<void> {
  const end = Date.now() + WAIT_MS;
  while (!(await condition())) {
    if (Date.now() > end) throw new Error(`not within ${WAIT_MS} ms: ${await describe()}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

function loud(site: string): Logger {
  const say = (fields: object, message: string): void => {
    process.stderr.write(
      `${site}: ${message} ${JSON.stringify(fields)} ${String((fields as { err?: Error }).err?.stack ?? '')}\n`,
    );
  };
  return { info: say, warn: say, error: say };
}
