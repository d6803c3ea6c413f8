import { Socket } from 'node:net';
import type { Channel, ChannelEvents } from './channel';
import { binding, systemError, type WriteRequest } from './direct-write';
import { type StreamHandle, takeHandle } from './stream-handle';
import { isLent, lent, memoryAfter, sharedMemory, take } from './read-memory';
import { SocketChannel } from './socket-channel';
import { gather, keepGathered, waitingBytesMax } from './write-memory';

const channelOf = Symbol('channelOf');
type ChannelHandle = StreamHandle & { [channelOf]: HandleChannel };

/** Of the handle; the number of bytes stands where Node's own sockets find it. What it returns is read into next. */
function onRead(this: ChannelHandle): Buffer | undefined {
  if (binding === null) return undefined;
  return this[channelOf].read(binding.streamBaseState[binding.kReadBytesOrError] ?? 0) ?? undefined;
}

const soon = Promise.resolve();

/** What a write needs only if the system does not take all of it at once. */
let request: WriteRequest | null = null;

/**
 * What was accepted, without a socket of Node's around it: making and ending one costs a third of all that a connect costs
 * (measured: 35 of 105 µs), and most connections never need what it can do. The first call that does makes it.
 */
export class HandleChannel implements Channel {
  private events: ChannelEvents | null = null;
  /** null: it is closed, or `socket` has it. */
  private handle: StreamHandle | null;
  private socket: SocketChannel | null = null;
  /** Memory of its own to read into, while it has some. */
  private own: Buffer | null = null;
  private isPaused = true;
  private ended = false;
  private corked = false;
  private first: Buffer | null = null;
  private more: Buffer[] | null = null;
  /** Bytes that the system has not taken yet. */
  private waiting = 0;
  private wantsDrain = false;

  constructor(handle: StreamHandle) {
    this.handle = handle;
    (handle as ChannelHandle)[channelOf] = this;
    handle.onread = onRead;
    handle.useUserBuffer(sharedMemory);
  }

  listen(events: ChannelEvents): void {
    this.events = events;
    this.socket?.listen(events);
  }

  /** From the handle: so many bytes, or an error. Returns other memory to read into; null: there is none. */
  read(bytes: number): Buffer | null {
    if (bytes <= 0) {
      if (bytes < 0) this.readEnded(bytes);
      return null;
    }
    const { own } = this;
    this.events?.data(own === null ? lent(bytes) : own.subarray(0, bytes));
    const next = memoryAfter(bytes, own);
    if (next !== null) this.own = next === sharedMemory ? null : next;
    return next;
  }

  private readEnded(status: number): void {
    const error = systemError('read', status);
    if (error.code !== 'EOF') return this.fail(error);
    this.ended = true;
    this.events?.end();
  }

  private fail(error: Error): void {
    if (!this.close()) return;
    process.nextTick(() => {
      this.events?.error(error);
      this.events?.close();
    });
  }

  /** False: it was before, or `socket` has the handle. */
  private close(): boolean {
    const { handle } = this;
    if (handle === null) return false;
    this.handle = null;
    // A callback of Node's own, from the next phase of its loop, costs as much as the call of the system.
    handle.close();
    return true;
  }

  write(bytes: Buffer, kept = false): boolean {
    if (this.socket !== null) return this.socket.write(bytes);
    if (!this.corked && kept) this.send(bytes);
    else if (!this.corked) this.sendPiece(bytes);
    // What is lent is so until `uncork`.
    else if (this.first === null) this.first = bytes;
    else (this.more ??= []).push(bytes);
    return !this.needsDrain;
  }

  private sendPiece(bytes: Buffer): void {
    if (isLent(bytes)) this.sendCopy(gather(bytes), bytes);
    else this.send(bytes);
  }

  /** `copy`: of the bytes, from `gather`; null: one is to be made. */
  private sendCopy(copy: Buffer | null, bytes: Buffer): void {
    if (copy === null) this.send(Buffer.from(bytes));
    else if (!this.send(copy)) keepGathered();
  }

  /** False: the write goes on, and needs the memory. */
  private send(bytes: Buffer): boolean {
    const { handle } = this;
    if (handle === null || binding === null) return true;
    request ??= new binding.WriteWrap();
    const status = handle.writeBuffer(request, bytes);
    if (status !== 0) {
      request = null;
      this.fail(systemError('write', status));
      return true;
    }
    if (binding.streamBaseState[binding.kLastWriteWasAsync] === 0) return true;
    this.goesOn(request, bytes);
    request = null;
    take(bytes);
    return false;
  }

  private goesOn(write: WriteRequest, bytes: Buffer): void {
    const { length } = bytes;
    this.waiting += length;
    this.wantsDrain ||= this.waiting >= waitingBytesMax;
    write.buffer = bytes;
    write.oncomplete = (status) => {
      write.buffer = null;
      if (status < 0) this.fail(systemError('write', status));
      else this.written(length);
    };
  }

  private written(bytes: number): void {
    this.waiting -= bytes;
    if (this.waiting > 0 || !this.wantsDrain) return;
    this.wantsDrain = false;
    this.events?.drain();
  }

  cork(): void {
    if (this.socket === null) this.corked = true;
    else this.socket.cork();
  }

  uncork(): void {
    if (this.socket !== null) return this.socket.uncork();
    this.corked = false;
    const { first, more } = this;
    if (first === null) return;
    this.first = null;
    this.more = null;
    const joined = more === null ? null : gather(first, more);
    if (joined !== null) return this.sendCopy(joined, joined);
    this.sendPiece(first);
    for (const each of more ?? []) this.sendPiece(each);
  }

  get needsDrain(): boolean {
    return this.wantsDrain || (this.socket?.needsDrain ?? false);
  }

  /** See SocketChannel. */
  get allSent(): boolean {
    return this.waiting === 0 && this.first === null && (this.socket?.allSent ?? true);
  }

  pause(): void {
    if (this.socket !== null) return this.socket.pause();
    if (!this.isPaused) this.handle?.readStop();
    this.isPaused = true;
  }

  resume(): void {
    if (this.socket !== null) return this.socket.resume();
    if (this.isPaused && !this.ended) this.handle?.readStart();
    this.isPaused = false;
  }

  get paused(): boolean {
    return this.socket?.paused ?? this.isPaused;
  }

  end(bytes?: Buffer): void {
    this.whole()?.end(bytes);
  }

  whenSent(then: () => void): void {
    const socket = this.whole();
    if (socket === null) then();
    else socket.whenSent(then);
  }

  destroyWhenIdle(ms: number): void {
    this.whole()?.destroyWhenIdle(ms);
  }

  destroy(): void {
    if (this.socket !== null) return this.socket.destroy();
    if (this.close()) void soon.then(() => this.events?.close());
  }

  /** The same as a socket of Node's, which does all that is said to this channel from here on; null: it is closed. */
  whole(): SocketChannel | null {
    const { handle, events, isPaused } = this;
    if (this.socket !== null || handle === null) return this.socket;
    this.uncork();
    // What was left to write may have failed.
    if (this.handle === null) return null;
    this.handle = null;
    this.socket = new SocketChannel(socketOf(handle, !this.ended));
    if (events !== null) this.socket.listen(events);
    if (!isPaused) this.socket.resume();
    return this.socket;
  }
}

/**
 * The channel of a connection that was just made, and over which nothing was read or written: without the socket, whose
 * part in each read and write costs more than ours.
 */
export function connectedChannel(socket: Socket): Channel {
  // What the socket still does for the event that it is connected ends here.
  socket.pause();
  const handle = takeHandle(socket);
  return handle === null ? new SocketChannel(socket) : new HandleChannel(handle);
}

/** A paused socket around what was accepted. */
export function socketOf(handle: StreamHandle, readable = true): Socket {
  const options = { handle, allowHalfOpen: true, pauseOnCreate: true, readable, writable: true };
  return new Socket(options as ConstructorParameters<typeof Socket>[0]);
}

/** The same as a socket of Node's, which TLS is spoken over; null: there is none. */
export function socketChannelOf(channel: Channel | null): SocketChannel | null {
  const whole = channel instanceof HandleChannel ? channel.whole() : channel;
  return whole instanceof SocketChannel ? whole : null;
}
