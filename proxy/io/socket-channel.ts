import type { Socket } from 'node:net';
import type { Channel, ChannelEvents } from './channel';
import { isLent, readDirectly, take } from './read-memory';

/** Up to so many bytes, what was gathered is joined: one call of the system costs more than the copy. */
const joinedBytesMax = 16 * 1024;

/** A socket as it is. */
export class SocketChannel implements Channel {
  /** Writes since `cork`; null when not corked. */
  private gathered: Buffer[] | null = null;

  constructor(readonly socket: Socket) {
    socket.pause();
  }

  listen(events: ChannelEvents): void {
    const { socket } = this;
    // The memory of chunks from 'data' is not used again, so that writes of them need no copy (see Channel.write).
    if (!readDirectly(socket, events)) socket.on('data', (chunk: Buffer) => events.data(chunk));
    socket.on('drain', () => events.drain());
    socket.on('end', () => events.end());
    socket.on('error', (error: Error) => events.error(error));
    socket.on('close', () => events.close());
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
