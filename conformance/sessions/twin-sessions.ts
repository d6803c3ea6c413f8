import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Connection, createConnection, type RowDataPacket } from 'mysql2/promise';
import { ReadCache } from '../../proxy/cache/read-cache';
import { TableVersions } from '../../proxy/cache/table-versions';
import { zeroCounters } from '../../proxy/zero-counters';
import { InformationSchemaCatalog } from '../../site/catalog';
import { smallestKey } from '../../site/smallest-key';
import type { ServerBinary } from '../../site/lab/find-server';
import { makeCertificate, opensslAvailable } from '../wire/certificate';
import { until } from '../replication/test-sites';
import { startRelayThreads } from '../wire/relay-threads';
import { type ProxiedServer, startProxiedServer } from '../wire/proxied-server';
import { redefines, type Sequence, textOf } from './sequence-generator';
import { accountsSql, rowsSql, tables, tablesSql } from './session-tables';
import { type Heard, PlayedSession } from './played-session';
import { CountedKeys, KeyNames } from './site-keys';

/** As a site keeps them, but a login is remembered for longer, so that a slow machine remembers it too. */
const idle = { connectionsMax: 4, idleMs: 600_000, lifeMs: 600_000, rememberMs: 600_000 };

/** All that was heard in a sequence, command by command, and what stood in the tables behind it. */
export interface Outcome {
  readonly heard: readonly Heard[];
  readonly left: readonly string[];
}

/**
 * One server; what is said to it directly, and then to the proxy before it, begins with equal tables. The proxy has a
 * cache, and uses connections again. Nothing tells the cache of writes but the proxy.
 */
export class TwinSessions {
  private readonly board: TableVersions;
  private replicated = false;
  /** What a sequence did may have made other tables of those that stood there. */
  private redefined = true;

  private constructor(
    private readonly site: ProxiedServer,
    private readonly root: Connection,
    private readonly parts: Parts,
  ) {
    this.board = parts.board;
    parts.isReplicated = () => this.replicated;
  }

  static async start(binary: ServerBinary): Promise<TwinSessions> {
    const dir = mkdtempSync(join(tmpdir(), 'duara-sessions-'));
    const certificate = opensslAvailable() ? makeCertificate(dir) : null;
    const board = TableVersions.create();
    board.setCaptureHealthy(true);
    const counters = zeroCounters();
    const keys = new CountedKeys();
    const reader: { root: Connection | null } = { root: null };
    const query = async (sql: string, values: readonly unknown[] = []): Promise<RowDataPacket[]> => {
      if (reader.root === null) throw new Error('not started');
      const [rows] = await reader.root.query<RowDataPacket[]>(sql, [...values]);
      // A block has several results: its rows are the first.
      const first: unknown = rows[0];
      return Array.isArray(first) ? (first as RowDataPacket[]) : rows;
    };
    const parts: Parts = {
      threadPath: join(dir, 'thread.sock'),
      board,
      counters,
      keys,
      catalog: null,
      isReplicated: () => false,
      hasTls: certificate !== null,
    };
    const catalog = new InformationSchemaCatalog({
      query,
      isReplicated: (schema) => schema === 'app' && parts.isReplicated(),
      shared: board,
    });
    parts.catalog = catalog;
    const site = await startProxiedServer(binary, {
      proxy: {
        ...{
          cache: new ReadCache({ board, maxBytes: 4 << 20, counters }),
          versions: board,
          catalog,
          counters,
          keys,
          smallestKey: smallestKey(query),
          idle,
        },
        sharedDefaults: board,
        tls: certificate === null ? null : { ...certificate, ca: null, required: false },
      },
      // Whoever meets a lock does not wait for it: one row's not at all, a table's for a second.
      extra: [
        ...['--log-bin-trust-function-creators=1', '--innodb-lock-wait-timeout=0', '--lock-wait-timeout=1'],
        ...['--innodb-stats-auto-recalc=0', '--innodb-stats-persistent=0', '--character-set-server=utf8mb4'],
        ...(certificate === null ? [] : [`--ssl-cert=${certificate.certFile}`, `--ssl-key=${certificate.keyFile}`]),
      ],
    });
    const connect = async (): Promise<Connection> => {
      const options = { socketPath: site.server.socket, user: 'root', multipleStatements: true };
      const connection = await createConnection(options);
      await connection.query('SET lock_wait_timeout = 86400, sql_mode = DEFAULT');
      return connection;
    };
    reader.root = await connect();
    const root = await connect();
    await root.query(accountsBefore + accountsSql);
    const relays = await startRelayThreads({
      threads: 1,
      path: parts.threadPath,
      backendSocket: site.server.socket,
      tableVersions: board.buffer,
      cacheBytes: 4 << 20,
      keys,
      query,
      error: (message) => void site.errors.push(message),
    });
    parts.stop = async () => {
      await Promise.all(relays.map((relay) => relay.close()));
      reader.root?.destroy();
      rmSync(dir, { recursive: true, force: true });
    };
    return new TwinSessions(site, root, parts);
  }

  /** SELECTs answered from memory so far. */
  get hits(): number {
    return this.parts.counters.cacheHits;
  }

  /** Sessions on connections that others left behind. */
  get reused(): number {
    return this.site.proxy.backends.counts.reused;
  }

  /** What the proxy logged as an error. */
  get errors(): readonly string[] {
    return this.site.errors;
  }

  /** What `sequence` hears, said to the server or to the proxy. */
  async play(sequence: Sequence, proxied: boolean): Promise<Outcome> {
    await this.renew(sequence.replicated);
    this.redefined = sequence.commands.some(redefines);
    const path = proxied ? this.site.proxySocket : this.site.server.socket;
    const sessions = sequence.clients.map((kind) => {
      const to = proxied && kind.thread === 'other' ? this.parts.threadPath : path;
      return new PlayedSession(to, kind, this.parts.hasTls);
    });
    const heard: Heard[] = [];
    const names = new KeyNames(proxied && sequence.replicated);
    try {
      for (const { who, what } of sequence.commands) {
        const session = sessions[who];
        if (session === undefined) throw new Error(`nobody is session ${who}`);
        heard.push((await session.does(what)).map((line) => names.inLine(line)));
        if ('how' in what || !session.stands) await this.gone(sessions);
      }
      for (const session of sessions) heard.push(await session.does({ how: 'quit' }));
    } catch (error) {
      throw new Error(saidSoFar(sequence, heard.length), { cause: error });
    } finally {
      for (const session of sessions) session.destroy();
    }
    await this.gone(sessions);
    return { heard, left: (await this.left()).map((line) => names.inBytes(line)) };
  }

  async stop(): Promise<void> {
    this.root.destroy();
    await this.parts.stop?.();
    await this.site.stop();
  }

  /** The tables as at the beginning. */
  private async renew(replicated: boolean): Promise<void> {
    const [prepared] = await this.root.query<RowDataPacket[]>('XA RECOVER');
    for (const { data } of prepared) await this.root.query(`XA ROLLBACK '${String(data)}'`);
    const known = !this.redefined && this.replicated === replicated;
    if (this.redefined) await this.root.query(tablesSql);
    await this.root.query(rowsSql);
    this.redefined = false;
    this.replicated = replicated;
    this.board.flushAll();
    this.parts.keys.renew();
    if (known) return;
    this.parts.catalog?.forget();
    for (const table of tables) await this.parts.catalog?.load('app', table);
  }

  /** The server is done with sessions that have ended: they hold no locks any more. */
  private async gone(sessions: readonly PlayedSession[]): Promise<void> {
    const open = sessions.filter(({ stands }) => stands).length;
    const threads = async (): Promise<number> => {
      const [[row]] = await this.root.query<RowDataPacket[]>(
        "SELECT COUNT(*) AS n FROM information_schema.processlist WHERE user NOT IN ('root', 'system user', 'event_scheduler')",
      );
      return Number(row?.['n']);
    };
    await until(
      async () => (await threads()) === open + this.site.proxy.backends.idle,
      async () =>
        `${await threads()} threads, where ${open} sessions are open and ${this.site.proxy.backends.idle} idle`,
    );
  }

  /** A line for each table. */
  private async left(): Promise<readonly string[]> {
    const [found] = await this.root.query<RowDataPacket[]>(
      "SELECT table_name AS t FROM information_schema.tables WHERE table_schema = 'app' AND table_type IN ('BASE TABLE', 'SYSTEM VERSIONED') ORDER BY 1",
    );
    const names = found.map(({ t }) => String(t));
    // A second result, so that one table has a list of results, too.
    const all = names.map((name) => `SELECT * FROM app.${name} ORDER BY 1, 2`).join('; ');
    const [results] = await this.root.query<RowDataPacket[][]>(`SELECT 1; ${all}`);
    return names.map((name, at) => `${name} ${JSON.stringify(results[at + 1])}`);
  }
}

interface Parts {
  readonly board: TableVersions;
  readonly counters: ReturnType<typeof zeroCounters>;
  readonly keys: CountedKeys;
  catalog: InformationSchemaCatalog | null;
  isReplicated: () => boolean;
  stop?: () => Promise<void>;
  /** Where another thread relays. */
  readonly threadPath: string;
  readonly hasTls: boolean;
}

const accountsBefore = 'CREATE DATABASE IF NOT EXISTS second;';

/** For people: where a sequence stands. */
function saidSoFar({ seed, commands }: Sequence, count: number): string {
  const last = commands.slice(Math.max(0, count - 8), count);
  return [`seed ${seed}, command ${count}, the last ones:`, ...last.map((c) => `  ${c.who}: ${textOf(c)}`)].join('\n');
}
