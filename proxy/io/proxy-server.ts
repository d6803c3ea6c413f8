import { rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import type { ReadCache } from '../cache/read-cache';
import type { Catalog, KeySource, ProxyCounters, TableVersionBoard } from '../ports';
import type { ProxyServices } from '../session/proxy-services';
import { StatementCache } from '../sql/statement-cache';
import type { BackendAddress } from './backend-connection';
import { ClientConnection } from './client-connection';

export interface ProxyLog {
  warn(message: string): void;
  error(message: string): void;
}

export interface ProxyOptions {
  /** A TCP address; port 0 takes a free one. */
  readonly listen: { readonly host: string; readonly port: number } | null;
  /** Path of a unix socket. */
  readonly socket: string | null;
  readonly backend: BackendAddress;
  readonly catalog: Catalog;
  readonly keys: KeySource;
  readonly versions: TableVersionBoard;
  /** null or absent: nothing is cached. */
  readonly cache?: ReadCache | null;
  readonly counters: ProxyCounters;
  readonly log: ProxyLog;
  /** How long a client's connect waits for a backend that is away, before it gets an error. */
  readonly backendWaitMs: number;
}

export interface RunningProxy {
  /** The TCP port; 0 without `listen`. */
  readonly port: number;
  /** Stops listening and ends all connections. */
  close(): Promise<void>;
}

/** Starts to accept clients. Rejects with the system's error (EADDRINUSE, EACCES) when it cannot listen. */
export async function startProxy(options: ProxyOptions): Promise<RunningProxy> {
  const { catalog, keys, versions, counters } = options;
  const services: ProxyServices = {
    catalog,
    keys,
    versions,
    counters,
    statements: new StatementCache(),
    cache: options.cache ?? null,
    globalsSet: 0,
    defaultSqlMode: null,
  };
  const connections = new Set<ClientConnection>();
  const accept = (client: Socket): void => {
    const connection = new ClientConnection(client, options, services, () => {
      if (connections.delete(connection)) options.counters.connections -= 1;
    });
    connections.add(connection);
    options.counters.connections += 1;
    connection.start();
  };
  const servers: Server[] = [];
  const close = async (): Promise<void> => {
    const closed = servers.map((server) => new Promise<void>((resolve) => server.close(() => resolve())));
    for (const connection of [...connections]) connection.close();
    await Promise.all(closed);
  };
  let port = 0;
  try {
    if (options.listen !== null) {
      const server = await listening(accept, options.listen);
      servers.push(server);
      const address = server.address();
      if (address !== null && typeof address === 'object') port = address.port;
    }
    if (options.socket !== null) {
      // Left over by a process that was killed; a listener that is alive keeps its own lock on the data directory.
      rmSync(options.socket, { force: true });
      servers.push(await listening(accept, { path: options.socket }));
    }
  } catch (error) {
    await close();
    throw error;
  }
  return { port, close };
}

function listening(accept: (client: Socket) => void, where: object): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, accept);
    server.once('error', reject);
    server.listen({ ...where, backlog: 1024 }, () => resolve(server));
  });
}
