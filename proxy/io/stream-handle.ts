import type { Server } from 'node:net';
import { binding, type WriteRequest } from './direct-write';

/** One end of a connection, as the system interface has it (`getpeername`): of a unix socket it has no address. */
export interface HandleAddress {
  address?: string;
  port?: number;
}

/** What lies beneath a net.Socket: Node's binding of libuv's uv_tcp_t and uv_pipe_t. It is not in its documents. */
export interface StreamHandle {
  onread: (this: never) => void;
  useUserBuffer(memory: Uint8Array): void;
  readStart(): number;
  readStop(): number;
  writeBuffer(request: WriteRequest, bytes: Uint8Array): number;
  close(closed: () => void): void;
  setNoDelay?(on: boolean): number;
  setKeepAlive?(on: boolean, afterSeconds: number): number;
  getpeername?(out: HandleAddress): number;
  getsockname?(out: HandleAddress): number;
}

interface ListeningHandle {
  onconnection?: (status: number, accepted?: Partial<StreamHandle>) => void;
}

const needed = ['useUserBuffer', 'readStart', 'readStop', 'writeBuffer', 'close'] as const;

/**
 * What the server, which listens, accepts from here on goes to `accept`, and no net.Socket is made for it. False: this Node
 * is not as it was (up to Node 24), and all is as it would be without this call.
 */
export function acceptHandles(server: Server, accept: (handle: StreamHandle) => void): boolean {
  const listening = (server as unknown as { _handle?: ListeningHandle | null })._handle;
  const original = listening?.onconnection;
  if (binding === null || listening === null || listening === undefined || original === undefined) return false;
  listening.onconnection = function (status, accepted) {
    const usable = accepted !== undefined && needed.every((name) => typeof accepted[name] === 'function');
    if (status !== 0 || !usable) original.call(this, status, accepted);
    else accept(accepted as StreamHandle);
  };
  return true;
}
