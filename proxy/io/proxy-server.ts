import type { Server } from 'node:net';
import { Flights } from '../cache/flights';
import type { IdleLimits } from '../reuse/idle-pool';
import { type ProxyServices, unasked } from '../session/proxy-services';
import { KnownInserts } from '../session/known-inserts';
import { AnsweredSettings } from '../session/answered-settings';
import { StatementCache } from '../sql/statement-cache';
import type { Arrival } from './arrival';
import { type BackendAttempt, connectBackend } from './backend-connection';
import { BackendSupply, type BackendCounts } from './backend-supply';
import { Clients } from './clients';
import { isLoopback } from './client-place';
import { clearPath, descriptorOf, inherited, listening, type SharedListener, wantsKeepAlive } from './listeners';
import { LinkKinds, type Transports } from './link-kinds';
import { OwnPasswordKey } from './password-key';
import type { ProxyOptions } from './proxy-options';
import { ServerDefaultsReader } from './server-defaults';
import { ClientTls, type ClientTlsOptions } from './tls-channel';

export interface RunningProxy {
  /** The TCP port; 0 without `listen`. */
  readonly port: number;
  readonly backends: BackendCounts;
  /** Its own sockets, for other threads to listen on too (see ProxyOptions.inherited). */
  listeners(): readonly SharedListener[];
  /**
   * Stops listening, ends sessions that would not be missed, and the others as soon as they have come to such a point, or
   * `withinMs` have passed. Resolves with the number of those that were cut then; at once after `close`.
   */
  drain(withinMs: number): Promise<number>;
  /** For clients that connect from here on. Throws when certificate and key do not fit; the old ones then stay in use. */
  useTls(tls: ClientTlsOptions | null): void;
  /** Stops listening and ends all connections. */
  close(): Promise<void>;
}

/** The largest that the protocol's documents allow for max_allowed_packet; until the server's own is known. */
const COMMAND_BYTES_MAX = 1 << 30;

/** Starts to accept clients. Rejects with the system's error (EADDRINUSE, EACCES) when it cannot listen. */
export async function startProxy(options: ProxyOptions): Promise<RunningProxy> {
  const { catalog, keys, versions, counters, readDefaults, smallestKey } = options;
  const supply = supplyOf(options);
  const services: ProxyServices = {
    catalog,
    keys,
    versions,
    counters,
    statements: new StatementCache(),
    inserts: new KnownInserts(),
    settings: new AnsweredSettings(),
    cache: options.cache ?? null,
    flights: new Flights((ms, action) => void setTimeout(action, ms).unref()),
    ...unasked(COMMAND_BYTES_MAX),
    shownIds: supply.shownIds,
    ...(smallestKey === undefined ? {} : { smallestKey }),
    ...(options.sharedDefaults === undefined ? {} : { sharedDefaults: options.sharedDefaults }),
    ...(readDefaults === undefined ? {} : { defaultsReader: new ServerDefaultsReader(() => services, readDefaults) }),
  };
  const stopTicking = ticking(services);
  const transports: Transports = {
    clientTls: options.tls === undefined || options.tls === null ? null : new ClientTls(options.tls),
    links: new LinkKinds(options, new OwnPasswordKey()),
    supply,
  };
  const clients = new Clients(options, services, transports);
  const accept = (client: Arrival): void => clients.accept(client);
  const servers: Server[] = [];
  const { listen, socket } = options;
  const listeners = (): SharedListener[] =>
    servers.map((server) => {
      const keepAlive = listen !== null && server.address() !== socket && wantsKeepAlive(listen);
      return { fd: descriptorOf(server), keepAlive };
    });
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
    stopTicking();
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
      await clearPath(options.socket);
      servers.push(await listening(accept, { path: options.socket }, options.log));
    }
    for (const listener of options.inherited ?? []) servers.push(await inherited(accept, listener, options.log));
  } catch (error) {
    await close();
    throw error;
  }
  const useTls = (tls: ClientTlsOptions | null): void =>
    void (transports.clientTls = tls === null ? null : new ClientTls(tls));
  return { port, backends: supply, listeners, useTls, drain, close };
}

/** How exactly the server knows when a client that is answered from memory was last heard. See StatementHandler.signOfLife. */
const TICK_MS = 1_000;

/** Returns what ends it. */
function ticking(services: ProxyServices): () => void {
  const timer = setInterval(() => (services.tick += 1), TICK_MS).unref();
  return () => clearInterval(timer);
}

function supplyOf(options: ProxyOptions): BackendSupply {
  const { backend, backendWaitMs, versions } = options;
  const connect = (): BackendAttempt => connectBackend(backend, backendWaitMs);
  return new BackendSupply(connect, usedAgain(options) ?? nothingIsKept, versions, backendWaitMs);
}

const nothingIsKept: IdleLimits = { connectionsMax: 0, idleMs: 0, lifeMs: 0, rememberMs: 0 };

/** Two clients are shown one scramble, so nobody may listen on the way to the backend. */
function usedAgain({ backend, idle }: ProxyOptions): IdleLimits | null {
  return 'path' in backend || isLoopback(backend.host) ? (idle ?? null) : null;
}
