import { rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { Flights } from '../cache/flights';
import type { IdleLimits } from '../reuse/idle-pool';
import type { ProxyServices } from '../session/proxy-services';
import { StatementCache } from '../sql/statement-cache';
import { connectBackend } from './backend-connection';
import { BackendSupply, type BackendCounts } from './backend-supply';
import { Clients } from './clients';
import { isLoopback } from './client-place';
import type { ProxyLog, ProxyOptions } from './proxy-options';

export interface RunningProxy {
  /** The TCP port; 0 without `listen`. */
  readonly port: number;
  readonly backends: BackendCounts;
  /**
   * Stops listening, ends sessions that would not be missed, and the others as soon as they have come to such a point, or
   * `withinMs` have passed. Resolves with the number of those that were cut then; at once after `close`.
   */
  drain(withinMs: number): Promise<number>;
  /** Stops listening and ends all connections. */
  close(): Promise<void>;
}

/** The largest that the protocol's documents allow for max_allowed_packet; until the server's own is known. */
const COMMAND_BYTES_MAX = 1 << 30;

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
    flights: new Flights((ms, action) => void setTimeout(action, ms).unref()),
    defaultSqlMode: null,
    defaultsAskedMs: 0,
    defaultIsolation: 'unknown',
    commandBytesMax: COMMAND_BYTES_MAX,
  };
  const supply = new BackendSupply(
    () => connectBackend(options.backend, options.backendWaitMs),
    usedAgain(options) ?? nothingIsKept,
  );
  const clients = new Clients(options, services, supply);
  const accept = (client: Socket): void => clients.accept(client);
  const servers: Server[] = [];
  const stopListening = (): Promise<unknown> => {
    const closed = servers.splice(0).map((server) => new Promise<void>((resolve) => server.close(() => resolve())));
    return Promise.all(closed);
  };
  const drain = async (withinMs: number): Promise<number> => {
    void stopListening();
    supply.close();
    return clients.drain(withinMs);
  };
  const close = async (): Promise<void> => {
    const closed = stopListening();
    clients.close();
    supply.close();
    await closed;
  };
  let port = 0;
  try {
    if (options.listen !== null) {
      const server = await listening(accept, options.listen, options.log);
      servers.push(server);
      const address = server.address();
      if (address !== null && typeof address === 'object') port = address.port;
    }
    if (options.socket !== null) {
      // Left over by a process that was killed; a listener that is alive keeps its own lock on the data directory.
      rmSync(options.socket, { force: true });
      servers.push(await listening(accept, { path: options.socket }, options.log));
    }
  } catch (error) {
    await close();
    throw error;
  }
  return { port, backends: supply, drain, close };
}

const nothingIsKept: IdleLimits = { connectionsMax: 0, idleMs: 0, lifeMs: 0 };

/** Two clients are shown one scramble, so nobody may listen on the way to the backend. */
function usedAgain({ backend, idle }: ProxyOptions): IdleLimits | null {
  return 'path' in backend || isLoopback(backend.host) ? (idle ?? null) : null;
}

function listening(accept: (client: Socket) => void, where: object, log: ProxyLog): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, accept);
    server.once('error', reject);
    server.listen({ ...where, backlog: 1024 }, () => {
      // No file descriptor or memory left for one client: the others go on.
      server.off('error', reject).on('error', (error) => log.warn(`a client could not be accepted: ${error.message}`));
      resolve(server);
    });
  });
}
