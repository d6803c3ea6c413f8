import { once } from 'node:events';
import { type Connection, createConnection, type RowDataPacket } from 'mysql2/promise';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ReadCache } from '../../proxy/cache/read-cache';
import { TableVersions } from '../../proxy/cache/table-versions';
import { type RunningProxy, startProxy } from '../../proxy/io/proxy-server';
import type { KeySource, ProxyCounters, ServerDefaults } from '../../proxy/ports';
import { InformationSchemaCatalog } from '../../site/catalog';
import { readServerDefaults } from '../../site/server-defaults';
import type { ServerBinary } from '../../site/lab/find-server';
import { until } from '../lab/lab-process';
import { MtrCapture } from './mtr-capture';
import { MtrServer } from './mtr-server';
import type { TestTarget } from './mysqltest-program';
import { testDirectory } from './test-files';
import { zeroCounters } from '../../proxy/zero-counters';

/** Nothing here is replicated, so nobody may ask. */
const noKeys: KeySource = {
  reserve: () => {
    throw new Error('a key was asked for a table that is not replicated');
  },
  sawExplicitKey: () => {},
};

export interface ProxiedMtrServer {
  readonly server: MtrServer;
  readonly direct: TestTarget;
  readonly proxied: TestTarget;
  /** The same with TLS to the server too, whatever the client speaks: who asks the server for TLS finds it. */
  readonly proxiedTls: TestTarget;
  readonly counters: ProxyCounters;
  /** What the proxy logged as an error: bugs. Taken out by whoever reports them. */
  readonly errors: string[];
  /** Before each test: on a server as new, if the last one left something behind, or `always`. */
  renew(next: TestTarget['name'], always: boolean): Promise<void>;
  stop(): Promise<void>;
}

/** 'told': by the binary log, of what the server writes by itself. Else all writes of a test go through the proxy. */
export type CacheOfRig = 'none' | 'alone' | 'told';

/** A server as mtr starts it and the proxy before it, both on a socket and a TCP port of their own. */
export async function startProxiedMtrServer(
  binary: ServerBinary,
  dir: string,
  cached: CacheOfRig,
): Promise<ProxiedMtrServer> {
  const server = new MtrServer(binary, dir, cached === 'told');
  await server.prepare();
  const questions = new BriefConnection(server.socket);
  const query = (sql: string, values: readonly unknown[] = []): Promise<readonly RowDataPacket[]> =>
    questions.rows(sql, values);
  const readDefaults = (): Promise<ServerDefaults> => readServerDefaults(query);
  const catalog = new InformationSchemaCatalog({
    query,
    isReplicated: () => false,
  });
  const versions = TableVersions.create();
  const counters = zeroCounters();
  versions.setCaptureHealthy(cached === 'alone');
  const capture = cached === 'told' ? new MtrCapture(server, versions, catalog, dir) : null;
  const cache = cached !== 'none' ? new ReadCache({ board: versions, maxBytes: 64 << 20, counters }) : null;
  const errors: string[] = [];
  const log = { warn: () => {}, error: (message: string) => void errors.push(message) };
  const pem = (name: string): Buffer => readFileSync(join(testDirectory, 'std_data', `${name}.pem`));
  // The certificate of mtr's own servers, so that clients find what they find direct.
  const ca = pem('cacert');
  const tls = { cert: pem('server-cert'), key: pem('server-key'), ca, required: false };
  const common = { catalog, readDefaults, keys: noKeys, versions, cache, counters, log, tls, backendWaitMs: 30_000 };
  const socket = join(dir, 'proxy.sock');
  const tlsSocket = join(dir, 'proxy-tls.sock');
  const listen = { host: '127.0.0.1', port: 0 };
  const backend = { host: '127.0.0.1', port: server.port };
  // Two, so that a client's address is to the server what it would be without us: local, or 127.0.0.1.
  const overSocket = await startProxy({ ...common, listen: null, socket, backend: { path: server.socket } });
  const overTcp = await startProxy({ ...common, listen, socket: null, backend });
  // The certificate names no host that a test could use: only who signed it counts.
  const backendTls = { ca, verify: 'ca' } as const;
  const overTls = await startProxy({ ...common, listen, socket: tlsSocket, backend, backendTls });
  return {
    server,
    direct: { name: 'direct', socket: server.socket, port: server.port },
    proxied: { name: 'proxied', socket, port: portOf(overTcp) },
    proxiedTls: { name: 'proxied', socket: tlsSocket, port: portOf(overTls) },
    counters,
    errors,
    renew: async (next, always) => {
      await capture?.stop();
      if (always || (await server.dirty())) await server.restore();
      catalog.forget();
      versions.flushAll();
      // A test sees its connections.
      if (capture === null || next === 'direct') return;
      await capture.start();
      const late = (): string => 'capture has not come to the end of the log';
      await until(() => versions.captureHealthy(), 30_000, late);
    },
    stop: async () => {
      await capture?.stop();
      await Promise.all([overSocket.close(), overTcp.close(), overTls.close()]);
      await server.stop();
    },
  };
}

function portOf({ port }: RunningProxy): number {
  if (port === null) throw new Error('the proxy has no port');
  return port;
}

/** A connection that lives while there are questions, so that none stands in the process list that tests look at. */
class BriefConnection {
  private connection: Promise<Connection> | null = null;
  private users = 0;

  constructor(private readonly socketPath: string) {}

  async rows(sql: string, values: readonly unknown[]): Promise<readonly RowDataPacket[]> {
    this.users += 1;
    this.connection ??= createConnection({ socketPath: this.socketPath, user: 'root', charset: 'utf8mb4_bin' });
    const used = this.connection;
    try {
      const [rows] = await (await used).query<RowDataPacket[]>(sql, [...values]);
      return rows;
    } finally {
      this.users -= 1;
      if (this.users === 0) {
        this.connection = null;
        await used.then(endOf).catch(() => {});
      }
    }
  }
}

/** Ends it, and waits until the server has: a test may count connections next. */
async function endOf(connection: Connection): Promise<void> {
  const ended = once(connection, 'end');
  await connection.end();
  await ended;
}
