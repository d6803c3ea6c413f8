import { createConnection, type Socket } from 'node:net';
import type { Channel } from './channel';
import { connectedChannel } from './handle-channel';

/** Where the database server listens. */
export type BackendAddress = { readonly host: string; readonly port: number } | { readonly path: string };

export function describeBackend(address: BackendAddress): string {
  return 'path' in address ? address.path : `${address.host}:${address.port}`;
}

/** The backend did not answer within the wait. */
export class BackendAwayError extends Error {
  readonly code = 'DUARA_BACKEND_AWAY';
}

/** A connection attempt that can be given up. */
export interface BackendAttempt<Connected = Channel> {
  readonly connected: Promise<Connected>;
  abandon(): void;
}

const retryMs = 100;

/**
 * Connects, again and again for `waitMs` when the backend is away (it may just be starting). `connected` rejects with
 * BackendAwayError; its message is the last reason, such as ECONNREFUSED. `header` is sent before anything else.
 */
export function connectBackend(address: BackendAddress, waitMs: number, header: Buffer | null = null): BackendAttempt {
  const deadline = performance.now() + waitMs;
  let socket: Socket | null = null;
  let timer: NodeJS.Timeout | null = null;
  let giveUp: (reason: string) => void = () => {};
  const connected = new Promise<Channel>((resolve, reject) => {
    giveUp = (reason) => {
      if (timer !== null) clearTimeout(timer);
      socket?.destroy();
      reject(new BackendAwayError(reason));
    };
    const attempt = (): void => {
      const left = Math.max(deadline - performance.now(), 1);
      const tried = createConnection({ ...address, allowHalfOpen: true, noDelay: true });
      socket = tried;
      const limit = setTimeout(() => tried.destroy(new Error('no answer')), left);
      const failed = (error: NodeJS.ErrnoException): void => {
        clearTimeout(limit);
        if (performance.now() + retryMs >= deadline) giveUp(error.code ?? error.message);
        else timer = setTimeout(attempt, retryMs);
      };
      tried.once('connect', () => {
        clearTimeout(limit);
        // (`removeAllListeners` would leave the socket's listeners in a hash table, half a kilobyte each.)
        tried.off('error', failed);
        // From here on the socket is the caller's.
        giveUp = () => {};
        if (!('path' in address)) tried.setKeepAlive(true, 60_000);
        const channel = connectedChannel(tried);
        if (header !== null) channel.write(header, true);
        resolve(channel);
      });
      tried.once('error', failed);
    };
    attempt();
  });
  return { connected, abandon: () => giveUp('abandoned') };
}
