import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import type { Channel, ChannelEvents } from './channel';
import { waitingBytes, type WriteOwner, writeDirectly } from './direct-write';
import { isLent, readDirectly, stopReadingDirectly, take } from './read-memory';
import { gather, keepGathered, waitingBytesMax } from './write-memory';

/** Up to so many bytes, what was gathered is joined: one call of the system costs more than the copy. */
const joinedBytesMax = 16 * 1024;

/** The channel of a socket. Listeners that all sockets share cost no memory for each. */
const channelOf = Symbol('channelOf');

type ChannelSocket = Socket & { [channelOf]: SocketChannel };

function eventsOf(socket: Socket): ChannelEvents | null {
  return (socket as ChannelSocket)[channelOf].events;
}
function onData(this: Socket, chunk: Buffer): void {
  eventsOf(this)?.data(chunk);
}
function onDrain(this: Socket): void {
  eventsOf(this)?.drain();
}
function onEnd(this: Socket): void {
  eventsOf(this)?.end();
}
function onError(this: Socket, error: Error): void {
  eventsOf(this)?.error(error);
}
function onClose(this: Socket): void {
  eventsOf(this)?.close();
}

function lengthOf(parts: readonly Buffer[]): number {
  let bytes = 0;
  for (const { length } of parts) bytes += length;
  return bytes;
}

/** A socket as it is. */
export class SocketChannel implements Channel, WriteOwner {
  private corked = false;
  /** Writes since `cork`; mostly it is one. */
  private first: Buffer | null = null;
  private more: Buffer[] | null = null;
  /** Where events go; read by the listeners above. */
  events: ChannelEvents | null = null;
  private direct = false;
  /** Writes may go past the stream. */
  private plain = false;
  /** Bytes that the system has not taken yet, of writes past the stream. */
  private waiting = 0;
  private wantsDrain = false;

  /** `below`: what carries TLS, if its peer is to see a bare end (see `end`). */
  constructor(
    readonly socket: Socket,
    private readonly below: Socket | null = null,
  ) {
    socket.pause();
  }

  listen(events: ChannelEvents): void {
    const { socket } = this;
    const first = this.events === null;
    this.events = events;
    if (!first) return;
    (socket as ChannelSocket)[channelOf] = this;
    // The memory of chunks from 'data' is not used again, so that writes of them need no copy (see Channel.write).
    // What was read already, behind a PROXY header, comes by 'data' only.
    this.plain = !(socket instanceof TLSSocket);
    const fresh = this.plain && socket.readableLength === 0;
    if (fresh && readDirectly(socket, this)) this.direct = true;
    else socket.on('data', onData);
    socket.on('drain', onDrain).on('end', onEnd).on('error', onError).on('close', onClose);
  }

  /** From `readDirectly`. */
  data(bytes: Buffer): void {
    this.events?.data(bytes);
  }

  /** Gives the socket away: everything written has been handed to it, nothing is told of it here any more. */
  release(): Socket {
    const { socket } = this;
    this.uncork();
    this.plain = false;
    socket.pause();
    for (const event of ['data', 'drain', 'end', 'error', 'close', 'timeout']) socket.removeAllListeners(event);
    if (this.direct) stopReadingDirectly(socket);
    return socket;
  }

  write(bytes: Buffer): boolean {
    if (!this.corked) this.sendPiece(bytes);
    // What is lent is so until `uncork`.
    else if (this.first === null) this.first = bytes;
    else (this.more ??= []).push(bytes);
    return !this.needsDrain;
  }

  private sendPiece(bytes: Buffer): void {
    if (isLent(bytes)) this.sendCopy(this.plain ? gather(bytes) : null, bytes);
    else this.send(bytes);
  }

  /** `bytes` are nobody else's while the write goes on; false: it does. */
  private send(bytes: Buffer): boolean {
    const { socket } = this;
    const outcome = this.plain ? writeDirectly(socket, bytes, this) : 'unable';
    if (outcome === 'sent') return true;
    if (outcome === 'unable') {
      socket.write(bytes);
      if (socket.writableLength === 0) return true;
    } else {
      this.waiting += bytes.length;
      this.wantsDrain ||= this.waiting >= waitingBytesMax;
    }
    take(bytes);
    return false;
  }

  /** `copy`: of the bytes, from `gather`; null: one is to be made. */
  private sendCopy(copy: Buffer | null, bytes: Buffer): void {
    if (copy === null) this.send(Buffer.from(bytes));
    else if (!this.send(copy)) keepGathered();
  }

  written(bytes: number): void {
    this.waiting -= bytes;
    if (this.waiting > 0 || !this.wantsDrain) return;
    this.wantsDrain = false;
    this.events?.drain();
  }

  cork(): void {
    this.corked = true;
  }

  uncork(): void {
    this.corked = false;
    const { first, more } = this;
    if (first === null) return;
    this.first = null;
    if (more === null) return this.sendPiece(first);
    this.more = null;
    const joined = joinedBytesMax >= first.length + lengthOf(more) ? gather(first, more) : null;
    if (joined !== null) return this.sendCopy(this.plain ? joined : null, joined);
    this.sendPiece(first);
    for (const each of more) this.sendPiece(each);
  }

  /** Node asks for a drain after any large write, even when the system took all of it at once. */
  get needsDrain(): boolean {
    const { socket } = this;
    return this.wantsDrain || (socket.writableLength > 0 && socket.writableNeedDrain);
  }

  /** What was written is with the system, which delivers it although the socket is closed. */
  get allSent(): boolean {
    return this.waiting === 0 && this.socket.writableLength === 0 && this.first === null;
  }

  pause(): void {
    this.socket.pause();
  }

  resume(): void {
    this.socket.resume();
  }

  get paused(): boolean {
    return this.socket.isPaused();
  }

  end(bytes?: Buffer): void {
    // An end after an end would make an error object, at every page's end.
    const { socket, below } = this;
    if (socket.writableEnded || (below?.writableEnded ?? false)) return;
    this.plain = false;
    // A server at work takes TLS's own goodbye for a next command, and does not see that its client is gone.
    if (bytes === undefined) (socket.writableLength === 0 ? (below ?? socket) : socket).end();
    else socket.end(bytes);
  }

  whenSent(then: () => void): void {
    if (this.socket.writableFinished) then();
    else this.socket.once('finish', then);
  }

  destroyWhenIdle(ms: number): void {
    const { socket } = this;
    // A stream would tell of bytes that move, but does not know of these.
    let waited = waitingBytes(socket);
    socket.setTimeout(ms);
    socket.on('timeout', () => {
      const waits = waitingBytes(socket);
      if (waits === 0 || waits === waited) return void socket.destroy();
      waited = waits;
      socket.setTimeout(ms);
    });
  }

  destroy(): void {
    this.socket.destroy();
  }
}
