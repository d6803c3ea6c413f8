import { Socket } from 'node:net';
import { ViewedMemory } from './viewed-memory';

/** Where a socket's bytes go. */
export interface ReadTarget {
  /** Bytes are lent for the call only. */
  data(bytes: Buffer): void;
}

const readBytes = 64 * 1024;
/** A chunk from this size on announces more: then copying it costs more than memory of its own. */
const largeBytes = 16 * 1024;

/**
 * All sockets read into this memory, one after another, so that a connection that rests owns none and a read allocates
 * none. What is handed on to a write must be copied before, since a write that the system takes only in part goes on later.
 */
const shared = new ViewedMemory(readBytes);
export const sharedMemory = shared.bytes;

const sharedBuffer = sharedMemory.buffer;
/** What was read last: mostly it is written as it is, and known without asking whose memory it is, which costs a call. */
let lastLent: Buffer | null = null;

/** So many bytes were read into the shared memory. (The same Buffer for equal lengths: it says nothing of what is in it.) */
export function lent(bytes: number): Buffer {
  return (lastLent = shared.first(bytes));
}

/** Whether the bytes may be overwritten by the next read of any socket: a write of them needs a copy. */
export function isLent(bytes: Buffer): boolean {
  return bytes === lastLent || bytes.buffer === sharedBuffer;
}

/**
 * Where to read next, after a chunk of `last` bytes into `own`, or into the shared memory; null: there again. In the middle
 * of a large result a socket has memory of its own, which needs no copy, and is used again as long as writes take all of it
 * at once: fresh memory for each chunk would keep the garbage collector busy.
 */
export function memoryAfter(last: number, own: Buffer | null): Buffer | null {
  if (last < largeBytes) return own === null ? null : sharedMemory;
  return own !== null && !taken.has(own.buffer) ? null : Buffer.allocUnsafeSlow(readBytes);
}

/** Memory of a socket's own that a write still needs. */
const taken = new WeakSet<ArrayBufferLike>();

/** A write of these bytes, which are not `isLent`, goes on after the call: their memory is not read into again. */
export function take(bytes: Buffer): void {
  taken.add(bytes.buffer);
}

/** What is known of a socket that reads directly, kept at the socket: a closure for each would cost memory. */
interface DirectRead {
  target: ReadTarget;
  /** Length of the last chunk. */
  last: number;
  /** Memory of its own, while it has some. */
  own: Buffer | null;
}

const directRead = Symbol('directRead');

type DirectSocket = Socket & { [directRead]: DirectRead };

/** Whose read was the last: Node asks for memory right after it, and without saying for which socket. */
let lastRead: DirectRead | null = null;

function onBytes(this: DirectSocket, length: number, memory: Buffer): boolean {
  const read = this[directRead];
  read.last = length;
  read.target.data(read.own === null ? lent(length) : memory.subarray(0, length));
  lastRead = read;
  return true;
}

/** Asked after each read; null: the same memory again. */
function nextMemory(): Buffer | null {
  const read = lastRead;
  lastRead = null;
  if (read === null) return null;
  const next = memoryAfter(read.last, read.own);
  if (next !== null) read.own = next === sharedMemory ? null : next;
  return next;
}

/**
 * Reads the socket's bytes straight into the memory above, past the machinery of streams (measured: a third of what Node
 * spends on a small read). Node offers this for connections one makes (`onread` of net.Socket), not for those one accepts:
 * for these it is set where Node keeps it. To be called before anything is read. False when this Node keeps it elsewhere:
 * then listen to 'data', which is only slower.
 */
export function readDirectly(socket: Socket, target: ReadTarget): boolean {
  const handle = (socket as unknown as { _handle?: { useUserBuffer?: (memory: Buffer) => unknown } })._handle;
  if (keys === null || typeof handle?.useUserBuffer !== 'function') return false;
  const kept = socket as unknown as Record<symbol, unknown>;
  const read: DirectRead = { target, last: 0, own: null };
  (socket as DirectSocket)[directRead] = read;
  kept[keys.memory] = sharedMemory;
  kept[keys.callback] = onBytes;
  kept[keys.next] = nextMemory;
  handle.useUserBuffer(sharedMemory);
  return true;
}

/** The socket is a stream again: what reads from it next does not know of the memory above. Nothing may be under way. */
export function stopReadingDirectly(socket: Socket): void {
  if (keys === null) return;
  const kept = socket as unknown as Record<symbol, unknown>;
  for (const key of [keys.memory, keys.callback, keys.next]) kept[key] = null;
}

interface OnReadKeys {
  readonly memory: symbol;
  readonly callback: symbol;
  readonly next: symbol;
}

const keys = onReadKeys();

/** Finds the properties by what a socket keeps in them; null when they are not to be found. */
function onReadKeys(): OnReadKeys | null {
  const given = { memory: Buffer.alloc(1), next: (): Buffer => given.memory, callback: (): boolean => true };
  const find = (onread: object, value: unknown): symbol | undefined => {
    const probe = new Socket({ onread } as never) as unknown as Record<symbol, unknown>;
    return Object.getOwnPropertySymbols(probe).find((key) => probe[key] === value);
  };
  const memory = find({ buffer: given.memory, callback: given.callback }, given.memory);
  const callback = find({ buffer: given.memory, callback: given.callback }, given.callback);
  const next = find({ buffer: given.next, callback: given.callback }, given.next);
  return memory === undefined || callback === undefined || next === undefined ? null : { memory, callback, next };
}
