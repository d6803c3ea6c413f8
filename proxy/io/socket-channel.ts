import type { Socket } from 'node:net';
import type { Channel, ChannelEvents } from './channel';

/** A socket as it is. */
export class SocketChannel implements Channel {
  constructor(readonly socket: Socket) {
    socket.pause();
  }

  listen(events: ChannelEvents): void {
    const { socket } = this;
    // The memory of these chunks is not used again, so that writes of them need no copy (see Channel.write).
    socket.on('data', (chunk: Buffer) => events.data(chunk));
    socket.on('drain', () => events.drain());
    socket.on('end', () => events.end());
    socket.on('error', (error: Error) => events.error(error));
    socket.on('close', () => events.close());
  }

  write(bytes: Buffer): boolean {
    return this.socket.write(bytes);
  }

  cork(): void {
    this.socket.cork();
  }

  uncork(): void {
    this.socket.uncork();
  }

  get needsDrain(): boolean {
    return this.socket.writableNeedDrain;
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
