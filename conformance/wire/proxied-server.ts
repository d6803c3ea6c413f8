import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Connection, createConnection, type RowDataPacket } from 'mysql2/promise';
import type { ProxyOptions } from '../../proxy/io/proxy-options';
import { type RunningProxy, startProxy } from '../../proxy/io/proxy-server';
import type {
  Catalog,
  KeyDemand,
  KeyReservation,
  KeySource,
  ProxyCounters,
  TableInfo,
  TableVersionBoard,
} from '../../proxy/ports';
import { DatabaseServer } from '../../site/lab/database-server';
import type { ServerBinary } from '../../site/lab/find-server';
import { readServerDefaults } from '../../site/server-defaults';
import { zeroCounters } from '../../proxy/zero-counters';

/** Counts up from `next`, for all tables alike; a bulk run takes a million. Settles are kept for the tests to look at. */
export class CountingKeys implements KeySource {
  next = 1_000_000_000_000n;
  readonly explicit: bigint[] = [];
  readonly settled: { readonly first: bigint; readonly rows: bigint }[] = [];
  readonly demands: KeyDemand[] = [];
  /** When set, the next reservation has to wait for it. */
  waitFor: Promise<void> | null = null;

  reserve(table: TableInfo, demand: KeyDemand): KeyReservation {
    if (this.waitFor !== null) {
      const ready = this.waitFor;
      this.waitFor = null;
      return { kind: 'wait', ready };
    }
    if (table.table === 'exhausted') return { kind: 'refused', message: `no keys left for ${table.table}` };
    const first = this.next;
    this.next += demand.kind === 'rows' ? BigInt(demand.count) : 1_000_000n;
    this.demands.push(demand);
    return { kind: 'keys', first, settle: (rows) => void this.settled.push({ first, rows }) };
  }

  sawExplicitKey(_table: TableInfo, key: bigint): void {
    this.explicit.push(key);
  }
}

/** One slot for each table; keeps what was called, in order. */
export class RecordingVersions implements TableVersionBoard {
  readonly calls: string[] = [];
  healthy = true;
  private generation = 0;
  private readonly names: string[] = [];

  slot(schema: string, table: string): number {
    const name = `${schema}.${table}`;
    const at = this.names.indexOf(name);
    return at >= 0 ? at : this.names.push(name) - 1;
  }
  unknownRowsSlot(schema: string, table: string): number {
    return this.slot(schema, `${table} rows`);
  }
  rowSlot(schema: string, table: string, key: readonly string[]): number {
    return this.slot(schema, `${table} row ${key.join(',')}`);
  }
  version(): number {
    return 0;
  }
  moves(): number {
    return 0;
  }
  busy(): boolean {
    return false;
  }
  beginWrite(slot: number): void {
    this.calls.push(`begin ${this.names[slot]}`);
  }
  endWrite(slot: number): void {
    this.calls.push(`end ${this.names[slot]}`);
  }
  beginDoubt(): void {
    this.calls.push('begin doubt');
  }
  endDoubt(written: boolean): void {
    this.calls.push(written ? 'end doubt, written' : 'end doubt');
  }
  doubtful(): boolean {
    return false;
  }
  beginAll(): void {
    this.calls.push('begin all');
  }
  endAll(): void {
    this.calls.push('end all');
  }
  flushAll(): void {
    this.calls.push('flush');
  }
  settingsGeneration(): number {
    return this.generation;
  }
  settingsChanged(): void {
    this.generation += 1;
    this.calls.push('settings');
  }
  beginSettings(): void {}
  endSettings(): void {
    this.settingsChanged();
  }
  captureHealthy(): boolean {
    return this.healthy;
  }
}

/** Reads the backend's information_schema when a table is asked for. Everything in schema `app` is replicated. */
export class InformationSchemaCatalog implements Catalog {
  private readonly tables = new Map<string, TableInfo | null>();

  constructor(private readonly connection: Connection) {}

  find(schema: string, table: string): TableInfo | null | undefined {
    return this.tables.get(`${schema}.${table}`);
  }

  async load(schema: string, table: string): Promise<void> {
    const rows = async (sql: string): Promise<Record<string, unknown>[]> => {
      const [result] = await this.connection.query(sql, [schema, table]);
      return result as Record<string, unknown>[];
    };
    const where = 'table_schema = ? AND table_name = ?';
    const [found] = await rows(`SELECT table_type AS type FROM information_schema.tables WHERE ${where}`);
    const columns = await rows(
      `SELECT column_name AS name, extra, column_type AS type, column_key AS k FROM information_schema.columns WHERE ${where} ORDER BY ordinal_position`,
    );
    const triggers = await rows(
      `SELECT action_timing AS timing, event_manipulation AS event, action_statement AS body FROM information_schema.triggers WHERE event_object_schema = ? AND event_object_table = ?`,
    );
    const index = columns.findIndex(({ extra }) => String(extra).includes('auto_increment'));
    const column = columns[index];
    const info: TableInfo | null =
      found === undefined
        ? null
        : {
            schema,
            table,
            kind: found['type'] === 'VIEW' ? 'view' : 'base',
            replicated: schema === 'app',
            columns: columns.map(({ name }) => String(name)),
            autoIncrement:
              column === undefined
                ? null
                : {
                    name: String(column['name']),
                    index,
                    bits: 64,
                    unsigned: String(column['type']).includes('unsigned'),
                  },
            primaryKey: columns.filter(({ k }) => k === 'PRI').map(({ name }) => String(name)),
            hasTriggers: triggers.length > 0,
            hasBeforeInsertTrigger: triggers.some(
              ({ timing, event, body }) => timing === 'BEFORE' && event === 'INSERT' && /insert/i.test(String(body)),
            ),
            hasCascades: false,
          };
    this.tables.set(`${schema}.${table}`, info);
  }

  forget(schema?: string, table?: string): void {
    if (schema === undefined) this.tables.clear();
    else if (table !== undefined) this.tables.delete(`${schema}.${table}`);
    else for (const name of [...this.tables.keys()]) if (name.startsWith(`${schema}.`)) this.tables.delete(name);
  }
}

/** The client's account at a rig, for mysql2. Keys come as text: they may lie beyond what a number can hold. */
export const appAccount = {
  user: 'app',
  password: 'secret',
  database: 'app',
  multipleStatements: true,
  supportBigNumbers: true,
  bigNumberStrings: true,
  // A busy machine.
  connectTimeout: 60_000,
} as const;

/** A real database server and the proxy before it. `appAccount` owns schema `app`. */
export interface ProxiedServer {
  readonly server: DatabaseServer;
  readonly proxy: RunningProxy;
  readonly proxySocket: string;
  readonly dir: string;
  readonly keys: CountingKeys;
  readonly versions: RecordingVersions;
  readonly catalog: InformationSchemaCatalog;
  readonly counters: ProxyCounters;
  /** What the proxy logged as an error: bugs. */
  readonly errors: string[];
  stop(): Promise<void>;
}

export async function startProxiedServer(
  binary: ServerBinary,
  changes: { readonly extra?: readonly string[]; readonly proxy?: Partial<ProxyOptions> } = {},
): Promise<ProxiedServer> {
  const dir = mkdtempSync(join(tmpdir(), 'duara-wire-'));
  const extra = ['--local-infile=1', '--max-allowed-packet=64M', ...(changes.extra ?? [])];
  const server = new DatabaseServer({ binary, dir: join(dir, 'db'), serverId: 1, durable: false, extra });
  await server.start();
  const admin = await createConnection({ socketPath: server.socket, user: 'root', multipleStatements: true });
  await admin.query(
    `CREATE DATABASE app; CREATE USER app@'%' IDENTIFIED BY 'secret'; GRANT ALL ON app.* TO app@'%';
     CREATE USER app@localhost IDENTIFIED BY 'secret'; GRANT ALL ON app.* TO app@localhost;`,
  );
  const keys = new CountingKeys();
  const versions = new RecordingVersions();
  const catalog = new InformationSchemaCatalog(admin);
  const errors: string[] = [];
  const counters = zeroCounters();
  const proxySocket = join(dir, 'proxy.sock');
  const proxy = await startProxy({
    listen: { host: '127.0.0.1', port: 0 },
    socket: proxySocket,
    backend: { path: server.socket },
    catalog,
    keys,
    versions,
    counters,
    readDefaults: () => readServerDefaults(async (sql) => (await admin.query<RowDataPacket[]>(sql))[0]),
    log: { warn: () => {}, error: (message) => void errors.push(message) },
    backendWaitMs: 30_000,
    ...changes.proxy,
  });
  const stop = async (): Promise<void> => {
    await proxy.close();
    await admin.end().catch(() => {});
    await server.stop();
    rmSync(dir, { recursive: true, force: true });
  };
  return { server, proxy, proxySocket, dir, keys, versions, catalog, counters, errors, stop };
}

/** One more proxy before the server of the rig: on TCP, and to the server's unix socket, if `changes` say nothing else. */
export function anotherProxy(site: ProxiedServer, changes: Partial<ProxyOptions> = {}): Promise<RunningProxy> {
  const { catalog, keys, versions, counters } = site;
  return startProxy({
    listen: { host: '127.0.0.1', port: 0 },
    socket: null,
    backend: { path: site.server.socket },
    ...{ catalog, keys, versions, counters },
    log: { warn: () => {}, error: (message) => void site.errors.push(message) },
    backendWaitMs: 30_000,
    ...changes,
  });
}

/**
 * How many seconds the server waits for a client to log in, from the next connection on. Returns what puts it back, over a
 * connection that is there by then: one that had to log in first might be too slow.
 */
export async function waitAtLogin({ socket }: DatabaseServer, seconds: number): Promise<() => Promise<void>> {
  const root = await createConnection({ socketPath: socket, user: 'root' });
  const [rows] = await root.query<RowDataPacket[]>('SELECT @@GLOBAL.connect_timeout AS seconds');
  await root.query(`SET GLOBAL connect_timeout = ${seconds}`);
  return async () => {
    await root.query('SET GLOBAL connect_timeout = ?', [rows[0]?.['seconds']]);
    await root.end();
  };
}
