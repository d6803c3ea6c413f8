import type { Socket } from 'node:net';
import { getSystemErrorName } from 'node:util';

/** Where it is told that bytes which the system did not take at once are gone. */
export interface WriteOwner {
  /** `bytes` of an earlier write are with the system. */
  written(bytes: number): void;
}

export type WriteOutcome =
  /** With the system; or the socket failed, which its events tell. */
  | 'sent'
  /** The system takes them later, and tells the owner: their memory must not change until then. */
  | 'waits'
  /** Not possible here: write to the socket as a stream. */
  | 'unable';

export interface WriteRequest {
  oncomplete: ((status: number) => void) | null;
  /** Kept while the system reads it. */
  buffer: Uint8Array | null;
}

interface StreamHandle {
  writeBuffer(request: WriteRequest, bytes: Uint8Array): number;
  readonly writeQueueSize: number;
}

interface StreamBinding {
  readonly WriteWrap: new () => WriteRequest;
  readonly streamBaseState: Int32Array;
  readonly kLastWriteWasAsync: number;
  readonly kReadBytesOrError: number;
}

/** null: this Node has it elsewhere. */
export const binding = streamBinding();

/** What a write needs only if the system does not take all of it at once, which is rare: so the same one again and again. */
let request: WriteRequest | null = null;

/**
 * Writes past the machinery of streams, whose objects and callbacks for each write cost as much as the call of the system
 * (measured). Node has no interface for this; where it is not as it was (up to Node 24), 'unable' is the answer.
 */
export function writeDirectly(socket: Socket, bytes: Buffer, owner: WriteOwner): WriteOutcome {
  const handle = handleOf(socket);
  // What waits in the stream comes first.
  if (binding === null || handle === null || socket.writableLength > 0) return 'unable';
  request ??= new binding.WriteWrap();
  const error = handle.writeBuffer(request, bytes);
  if (error !== 0) {
    request = null;
    socket.destroy(systemError('write', error));
    return 'sent';
  }
  if (binding.streamBaseState[binding.kLastWriteWasAsync] === 0) return 'sent';
  const waiting = request;
  request = null;
  waiting.buffer = bytes;
  waiting.oncomplete = (status) => {
    waiting.buffer = null;
    if (socket.destroyed) return;
    if (status < 0) socket.destroy(systemError('write', status));
    else owner.written(bytes.length);
  };
  return 'waits';
}

/** Bytes that the system has not taken; 0 also when that cannot be told. */
export function waitingBytes(socket: Socket): number {
  return handleOf(socket)?.writeQueueSize ?? 0;
}

/** null: not the handle of a plain socket, or it is closed. */
function handleOf(socket: Socket): StreamHandle | null {
  const handle = (socket as unknown as { _handle?: Partial<StreamHandle> | null })._handle;
  return typeof handle?.writeBuffer === 'function' ? (handle as StreamHandle) : null;
}

/** As a socket makes it. */
export function systemError(syscall: string, status: number): NodeJS.ErrnoException {
  const code = getSystemErrorName(status);
  return Object.assign(new Error(`${syscall} ${code}`), { errno: status, code, syscall });
}

function streamBinding(): StreamBinding | null {
  const { binding: open } = process as unknown as { binding?: (name: string) => Partial<StreamBinding> };
  try {
    const found = open?.('stream_wrap');
    const { WriteWrap, streamBaseState, kLastWriteWasAsync, kReadBytesOrError } = found ?? {};
    if (typeof WriteWrap !== 'function' || streamBaseState === undefined) return null;
    if (typeof kLastWriteWasAsync !== 'number' || typeof kReadBytesOrError !== 'number') return null;
    return { WriteWrap, streamBaseState, kLastWriteWasAsync, kReadBytesOrError };
  } catch {
    return null;
  }
}
