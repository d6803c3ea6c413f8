import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import type { Channel, ChannelEvents } from './channel';
import { isLent, readDirectly, stopReadingDirectly, take } from './read-memory';

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

/** A socket as it is. */
export class SocketChannel implements Channel {
  /** Writes since `cork`; null when not corked. */
  private gathered: Buffer[] | null = null;
  /** Where events go; read by the listeners above. */
  events: ChannelEvents | null = null;
  private direct = false;

  constructor(readonly socket: Socket) {
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
    const fresh = !(socket instanceof TLSSocket) && socket.readableLength === 0;
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
    socket.pause();
    for (const event of ['data', 'drain', 'end', 'error', 'close', 'timeout']) socket.removeAllListeners(event);
    if (this.direct) stopReadingDirectly(socket);
    return socket;
  }

  write(bytes: Buffer): boolean {
    const own = isLent(bytes) ? Buffer.from(bytes) : bytes;
    if (this.gathered === null) return this.send(own);
    this.gathered.push(own);
    return !this.needsDrain;
  }

  private send(bytes: Buffer): boolean {
    this.socket.write(bytes);
    if (this.socket.writableLength > 0) take(bytes);
    return !this.needsDrain;
  }

  cork(): void {
    this.gathered ??= [];
  }

  uncork(): void {
    const { gathered } = this;
    this.gathered = null;
    if (gathered === null || gathered.length === 0) return;
    const [first] = gathered;
    if (gathered.length === 1 && first !== undefined) {
      this.send(first);
      return;
    }
    const bytes = gathered.reduce((sum, { length }) => sum + length, 0);
    if (bytes <= joinedBytesMax) {
      this.send(Buffer.concat(gathered, bytes));
      return;
    }
    this.socket.cork();
    for (const each of gathered) this.send(each);
    this.socket.uncork();
  }

  /** Node asks for a drain after any large write, even when the system took all of it at once. */
  get needsDrain(): boolean {
    const { socket } = this;
    return socket.writableNeedDrain && socket.writableLength > 0;
  }

  /** What was written is with the system, which delivers it although the socket is closed. */
  get allSent(): boolean {
    return this.socket.writableLength === 0 && (this.gathered === null || this.gathered.length === 0);
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
    if (this.socket.writableEnded) return;
    if (bytes === undefined) this.socket.end();
    else this.socket.end(bytes);
  }

  whenSent(then: () => void): void {
    if (this.socket.writableFinished) then();
    else this.socket.once('finish', then);
  }

  destroyWhenIdle(ms: number): void {
    this.socket.setTimeout(ms, () => this.socket.destroy());
  }

  destroy(): void {
    this.socket.destroy();
  }
}
