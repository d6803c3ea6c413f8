import { lstatSync, rmSync } from 'node:fs';
import { connect, createServer, type Server } from 'node:net';
import { type Arrival, arrivedAsSocket, HandleArrival } from './arrival';
import { isLoopback } from './client-place';
import type { ProxyLog } from './proxy-options';
import { acceptHandles } from './stream-handle';

/** A socket that listens, for another thread of this process to listen on too. */
export interface SharedListener {
  /** The descriptor; it stays its owner's: who closes it twice closes somebody else's. */
  readonly fd: number;
  /** Ask clients that say nothing whether they are still there. */
  readonly keepAlive: boolean;
}

/** A descriptor of this thread's own for a socket that listens. */
export interface InheritedListener {
  /** What Node has of the socket; see `inherited`. */
  readonly handle: object;
  readonly keepAlive: boolean;
}

const KEEP_ALIVE_SECONDS = 60;
/** Of sockets that Node makes around what it accepts; a client's host that died must be noticed in the end. */
const clientSockets = {
  allowHalfOpen: true,
  pauseOnConnect: true,
  noDelay: true,
  keepAliveInitialDelay: KEEP_ALIVE_SECONDS * 1000,
};
const BACKLOG = 1024;

function accepting(accept: (client: Arrival) => void, keepAlive: boolean): Server {
  const server = createServer({ ...clientSockets, keepAlive }, (socket) => accept(arrivedAsSocket(socket)));
  // Nagle's delay does no good to replies that are sent whole.
  const wishes = { noDelay: true, keepAliveSeconds: keepAlive ? KEEP_ALIVE_SECONDS : null };
  return server.once('listening', () =>
    acceptHandles(server, (handle) => accept(new HandleArrival(handle, !keepAlive)), wishes),
  );
}

/** Rejects with the system's error (EADDRINUSE, EACCES). */
export function listening(
  accept: (client: Arrival) => void,
  where: { readonly host: string; readonly port: number } | { readonly path: string },
  log: ProxyLog,
): Promise<Server> {
  const keepAlive = wantsKeepAlive(where);
  const server = accepting(accept, keepAlive);
  // As the server's own socket is: whoever is let in is for the login to say, and PHP's user is seldom ours.
  const forAll = { readableAll: true, writableAll: true };
  return started(server, log, () => server.listen({ ...where, ...forAll, backlog: BACKLOG }));
}

/** Of the path of a unix socket on Linux; of a longer one the rest would be cut off without a word, and no client find it. */
const PATH_BYTES_MAX = 107;

/**
 * Removes the socket that a process left at `path` when it was killed. Rejects (EADDRINUSE) if somebody listens there, such as
 * the database server itself, or if it is something else: a path written wrong must not cost anybody his file. Also
 * (ENAMETOOLONG) if there can be no socket at this path.
 */
export async function clearPath(path: string): Promise<void> {
  if (Buffer.byteLength(path) > PATH_BYTES_MAX) {
    const told = `a socket's path has at most ${PATH_BYTES_MAX} bytes: ${path}`;
    throw Object.assign(new Error(`listen ENAMETOOLONG: ${told}`), { code: 'ENAMETOOLONG' });
  }
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found === undefined) return;
  const reason = !found.isSocket() ? 'a file that is no socket is there' : (await isHeard(path)) ? 'in use' : null;
  if (reason !== null) throw Object.assign(new Error(`listen EADDRINUSE: ${reason}: ${path}`), { code: 'EADDRINUSE' });
  rmSync(path, { force: true });
}

function isHeard(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', ({ code }: NodeJS.ErrnoException) => resolve(code !== 'ECONNREFUSED' && code !== 'ENOENT'));
  });
}

/** A client on this machine cannot vanish without a word. */
export function wantsKeepAlive(where: { readonly host: string } | { readonly path: string }): boolean {
  return 'host' in where && !isLoopback(where.host);
}

/** What is beneath a net.Server, as Node's own cluster module uses it; it is not in its documents. */
interface ServerInternals {
  _handle: object | null;
  _listen2?: (address: null, port: number, addressType: number, backlog: number) => void;
}

/** Listens on a socket that listens already. `server.listen` would open a unix socket's descriptor once more. */
export function inherited(
  accept: (client: Arrival) => void,
  { handle, keepAlive }: InheritedListener,
  log: ProxyLog,
): Promise<Server> {
  const server = accepting(accept, keepAlive);
  const internals = server as unknown as ServerInternals;
  return started(server, log, () => {
    internals._handle = handle;
    if (internals._listen2 === undefined)
      throw new Error('this version of Node cannot listen on a socket it was given');
    internals._listen2(null, -1, -1, BACKLOG);
  });
}

/** The descriptor of a server's socket. */
export function descriptorOf(server: Server): number {
  const { fd } = (server as unknown as { _handle: { fd?: number } | null })._handle ?? {};
  if (fd === undefined || fd < 0) throw new Error('this version of Node does not tell the descriptor of a socket');
  return fd;
}

function started(server: Server, log: ProxyLog, start: () => void): Promise<Server> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.once('listening', () => {
      // No file descriptor or memory left for one client: the others go on.
      server.off('error', reject).on('error', (error) => log.warn(`a client could not be accepted: ${error.message}`));
      resolve(server);
    });
    start();
  });
}
