import type { Server, Socket } from 'node:net';
import { binding, type WriteRequest } from './direct-write';

/** One end of a connection, as the system interface has it (`getpeername`): of a unix socket it has no address. */
export interface HandleAddress {
  address?: string;
  port?: number;
}

/** What lies beneath a net.Socket: Node's binding of libuv's uv_tcp_t and uv_pipe_t. It is not in its documents. */
export interface StreamHandle {
  onread: (this: never) => unknown;
  useUserBuffer(memory: Uint8Array): void;
  readStart(): number;
  readStop(): number;
  writeBuffer(request: WriteRequest, bytes: Uint8Array): number;
  close(closed?: () => void): void;
  setNoDelay?(on: boolean): number;
  setKeepAlive?(on: boolean, afterSeconds: number): number;
  getpeername?(out: HandleAddress): number;
  getsockname?(out: HandleAddress): number;
}

interface ListeningHandle {
  onconnection?: (status: number, accepted?: Partial<StreamHandle>) => void;
  setNoDelay?(on: boolean): number;
  setKeepAlive?(on: boolean, afterSeconds: number): number;
}

/** What is asked of the system for each client's socket. */
export interface SocketWishes {
  readonly noDelay: boolean;
  /** null: who says nothing is not asked whether it is still there. */
  readonly keepAliveSeconds: number | null;
}

const needed = ['useUserBuffer', 'readStart', 'readStop', 'writeBuffer', 'close'] as const;

function isUsable(handle: Partial<StreamHandle>): handle is StreamHandle {
  return needed.every((name) => typeof handle[name] === 'function');
}

/**
 * What lies beneath a connected socket, which is of no use from here on: as Node does when it sends a socket to another
 * process. null: this Node is not as it was, and nothing has changed.
 */
export function takeHandle(socket: Socket): StreamHandle | null {
  const inner = socket as unknown as { _handle?: Partial<StreamHandle> | null };
  const handle = inner._handle ?? null;
  if (binding === null || handle === null || !isUsable(handle)) return null;
  inner._handle = null;
  // It would keep the socket in memory.
  const kept = handle as unknown as Record<symbol, unknown>;
  for (const key of Object.getOwnPropertySymbols(kept)) if (kept[key] === socket) kept[key] = null;
  return handle;
}

/** On Linux what is accepted inherits these from the socket that listens: then each client costs no call for them. */
const inherits = process.platform === 'linux';

/** Of a client's socket, or one that listens. */
function wish(handle: Pick<ListeningHandle, 'setNoDelay' | 'setKeepAlive'>, wishes: SocketWishes): void {
  if (wishes.noDelay) handle.setNoDelay?.(true);
  if (wishes.keepAliveSeconds !== null) handle.setKeepAlive?.(true, wishes.keepAliveSeconds);
}

/**
 * What the server, which listens, accepts from here on goes to `accept`, and no net.Socket is made for it. False: this Node
 * is not as it was (up to Node 24), and all is as it would be without this call.
 */
export function acceptHandles(server: Server, accept: (handle: StreamHandle) => void, wishes: SocketWishes): boolean {
  const listening = (server as unknown as { _handle?: ListeningHandle | null })._handle;
  const original = listening?.onconnection;
  if (binding === null || listening === null || listening === undefined || original === undefined) return false;
  if (inherits) wish(listening, wishes);
  // All are of one kind: the first tells.
  let usable: boolean | null = null;
  listening.onconnection = function (status, accepted) {
    usable ??= accepted === undefined ? null : isUsable(accepted);
    if (status !== 0 || accepted === undefined || usable !== true) return original.call(this, status, accepted);
    if (!inherits) wish(accepted, wishes);
    accept(accepted as StreamHandle);
  };
  return true;
}
