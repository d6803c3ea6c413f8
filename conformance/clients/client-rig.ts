import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { createConnection } from 'mysql2/promise';
import { ReadCache } from '../../proxy/cache/read-cache';
import { TableVersions } from '../../proxy/cache/table-versions';
import { startProxy } from '../../proxy/io/proxy-server';
import type { ServerBinary } from '../../site/lab/find-server';
import { startProxiedServer } from '../wire/proxied-server';

/** Where a client finds the server: the server itself, or the proxy before it. */
export interface ClientTarget {
  readonly host: string;
  readonly port: number;
  readonly socket: string;
  readonly user: string;
  readonly password: string;
  readonly database: string;
  /** A folder for the client's files. */
  readonly folder: string;
}

/** A server and the proxy before it, read cache included. Users `app` and `app2`, password `secret`, own schema `app`; `app` may make schema `app_shule`. */
export interface ClientRig {
  readonly direct: ClientTarget;
  readonly proxied: ClientTarget;
  readonly dir: string;
  /** What the proxy logged as an error: bugs. */
  readonly errors: string[];
  readonly hits: () => number;
  /** Makes schema and folder empty. */
  reset(): Promise<void>;
  stop(): Promise<void>;
}

const anyHost = ['%', 'localhost'];

export async function startClientRig(binary: ServerBinary): Promise<ClientRig> {
  const versions = TableVersions.create();
  // Whatever is written while a client runs is written through the proxy: a binary log would tell nothing new.
  versions.setCaptureHealthy(true);
  const site = await startProxiedServer(binary, { proxy: { versions } });
  const { server, dir, catalog, keys, counters, errors } = site;
  const admin = await createConnection({ socketPath: server.socket, user: 'root', multipleStatements: true });
  for (const host of anyHost) {
    await admin.query(`CREATE USER app2@'${host}' IDENTIFIED BY 'secret'; GRANT ALL ON app.* TO app2@'${host}'`);
    // As hosters do: an account may make databases whose names begin with its own.
    await admin.query(`GRANT ALL ON \`app\\_%\`.* TO app@'${host}'`);
  }
  const log = { warn: () => {}, error: (message: string) => void errors.push(message) };
  const cache = new ReadCache({ board: versions, maxBytes: 16 << 20, counters });
  const common = { catalog, keys, versions, cache, counters, log, backendWaitMs: 30_000 };
  const socket = join(dir, 'client.sock');
  // Two, so that a client's address is to the server what it would be without us: local, or 127.0.0.1.
  const overSocket = await startProxy({ ...common, listen: null, socket, backend: { path: server.socket } });
  const backend = { host: '127.0.0.1', port: server.port };
  const overTcp = await startProxy({ ...common, listen: { host: '127.0.0.1', port: 0 }, socket: null, backend });
  const folder = join(dir, 'client');
  const account = { host: '127.0.0.1', user: 'app', password: 'secret', database: 'app', folder };
  return {
    direct: { ...account, port: server.port, socket: server.socket },
    proxied: { ...account, port: overTcp.port ?? 0, socket },
    dir,
    errors,
    hits: () => counters.cacheHits,
    reset: async () => {
      await admin.query(
        'DROP DATABASE IF EXISTS app_shule; DROP DATABASE IF EXISTS app; CREATE DATABASE app CHARACTER SET utf8mb4',
      );
      catalog.forget();
      versions.flushAll();
      rmSync(folder, { recursive: true, force: true });
      mkdirSync(folder);
    },
    stop: async () => {
      await Promise.all([overSocket.close(), overTcp.close()]);
      await admin.end();
      await site.stop();
    },
  };
}
