import { type Connection, createConnection, type RowDataPacket } from 'mysql2/promise';
import { ReadCache } from '../../proxy/cache/read-cache';
import { TableVersions } from '../../proxy/cache/table-versions';
import type { ProxyCounters } from '../../proxy/ports';
import { zeroCounters } from '../../proxy/zero-counters';
import { InformationSchemaCatalog } from '../../site/catalog';
import type { ServerBinary } from '../../site/lab/find-server';
import { appAccount, type ProxiedServer, startProxiedServer } from './proxied-server';

/**
 * Who says it, what, and whether it is said until it is answered from memory (of a proxy, that is). `root` speaks to the
 * server itself, which nothing tells the cache of; `c` comes when it first speaks.
 */
export type Step = readonly ['a' | 'b' | 'c' | 'latin1' | 'root', string, 'kept'?];

/** A server and the proxy with a cache before it, to which the same is said. Nothing tells the cache of writes but the proxy. */
export interface CacheTwin {
  readonly site: ProxiedServer;
  readonly root: Connection;
  readonly catalog: InformationSchemaCatalog;
  readonly counters: ProxyCounters;
  /**
   * What the server answers, row by row or by its error number, to sessions that begin when tables `words` and `other` hold
   * (1, 1), (2, 2), (3, 3), and `reset` has been said. A step that is to be kept must come to be.
   */
  proxied(steps: readonly Step[], reset?: string): Promise<unknown[]>;
  direct(steps: readonly Step[], reset?: string): Promise<unknown[]>;
  /** Ends the sessions. */
  leave(): void;
  stop(): Promise<void>;
}

/** What steps set for all sessions to come. */
const globalsAsNew = 'SET GLOBAL tx_isolation = DEFAULT, GLOBAL group_concat_max_len = DEFAULT';
/** How often a SELECT is said until it comes from memory. */
const TRIES_MAX = 1000;

export async function startCacheTwin(binary: ServerBinary): Promise<CacheTwin> {
  const board = TableVersions.create();
  board.setCaptureHealthy(true);
  const counters = zeroCounters();
  const catalog = new InformationSchemaCatalog({
    query: async (sql, values = []) => (await root.query<RowDataPacket[]>(sql, [...values]))[0],
    isReplicated: () => true,
    shared: board,
  });
  const cache = new ReadCache({ board, maxBytes: 4 << 20, counters });
  const site = await startProxiedServer(binary, {
    proxy: { cache, versions: board, catalog, counters, sharedDefaults: board },
    extra: ['--log-bin-trust-function-creators=1'],
  });
  const root = await createConnection({ socketPath: site.server.socket, user: 'root', multipleStatements: true });
  await root.query(`GRANT ALL ON *.* TO app@localhost; GRANT ALL ON *.* TO app@'%'; USE app;
    CREATE TABLE words (id BIGINT PRIMARY KEY, n INT); CREATE TABLE other LIKE words;`);
  const opened: Connection[] = [];

  const connect = async (socketPath: string, charset = 'UTF8MB4_GENERAL_CI'): Promise<Connection> => {
    const client = await createConnection({ ...appAccount, socketPath, charset });
    opened.push(client);
    return client;
  };

  const answers = async (steps: readonly Step[], socketPath: string, reset: string): Promise<unknown[]> => {
    await root.query(`USE app; ROLLBACK; REPLACE INTO words VALUES (1, 1), (2, 2), (3, 3);
      REPLACE INTO other SELECT * FROM words; ${globalsAsNew}; ${reset}`);
    board.flushAll();
    board.defaultsChanged();
    const clients = {
      a: await connect(socketPath),
      b: await connect(socketPath),
      latin1: await connect(socketPath, 'LATIN1_SWEDISH_CI'),
      root,
    };
    // What sessions begin with is read before a step changes it past the proxy, and not again for ten seconds.
    for (const client of [clients.a, clients.b, clients.latin1]) await client.query('DO 1');
    let late: Connection | null = null;
    const all: unknown[] = [];
    for (const [who, sql, kept] of steps) {
      const client = who === 'c' ? (late ??= await connect(socketPath)) : clients[who];
      let last = await answer(client, sql);
      for (let tries = 0; kept !== undefined && socketPath === site.proxySocket; tries++) {
        const before = counters.cacheHits;
        last = await answer(client, sql);
        if (counters.cacheHits > before) break;
        if (tries === TRIES_MAX) throw new Error(`not kept: ${sql}`);
      }
      all.push([sql, last]);
    }
    return all;
  };

  const leave = (): void => {
    for (const connection of opened.splice(0)) connection.destroy();
  };
  return {
    site,
    root,
    catalog,
    counters,
    proxied: (steps, reset = '') => answers(steps, site.proxySocket, reset),
    direct: (steps, reset = '') => answers(steps, site.server.socket, reset),
    leave,
    stop: async () => {
      leave();
      root.destroy();
      await site.stop();
      if (site.errors.length > 0) throw new Error(`the proxy logged: ${site.errors.join()}`);
    },
  };
}

async function answer(client: Connection, sql: string): Promise<unknown> {
  try {
    const [result] = await client.query({ sql, rowsAsArray: true });
    return Array.isArray(result) ? result.map((row) => (Array.isArray(row) ? row : 'ok')) : 'ok';
  } catch (error) {
    return (error as { errno?: number }).errno ?? String(error);
  }
}
