import { performance } from 'node:perf_hooks';
import type WebSocket from 'ws';
import { ChunkJoiner, ChunkQueue } from '../links/chunks';
import { CLOSE, type Hello } from '../links/handshake';
import { TokenBucket } from '../links/token-bucket';
import type { Message } from '../message';
import { decodeMessage, encodeMessage, type BatchCodec } from '../message-codec';
import type { Proven } from './authenticate';
import { asBuffer, type CountedSocket } from './socket';

export interface LinkHandlers {
  onMessage(link: Link, message: Message): void;
  onClose(link: Link, reason: string): void;
}

/** Chunks handed to the socket and not yet written: more would only make small messages wait. */
const UNWRITTEN_MAX = 4;

/** An authenticated connection with a peer. */
export class Link {
  readonly openedMs = performance.now();
  readonly peer: Hello;
  private readonly queue = new ChunkQueue();
  private readonly joiner = new ChunkJoiner();
  private readonly bucket: TokenBucket;
  private unwritten = 0;
  private timer: NodeJS.Timeout | null = null;
  private closed = false;

  constructor(
    private readonly socket: CountedSocket,
    private readonly proven: Proven,
    readonly dialledByUs: boolean,
    private readonly codec: BatchCodec | null,
    maxKBps: number,
    private readonly handlers: LinkHandlers,
  ) {
    this.bucket = new TokenBucket(maxKBps * 1024, performance.now());
    this.peer = proven.peer;
  }

  /** Begins to listen, once whoever made the link knows it. */
  open(): void {
    const { ws } = this.socket;
    const early = this.proven.takeOver();
    ws.on('message', (data, isBinary) => this.onData(data, isBinary));
    ws.on('close', (code) => this.onClosed(`closed with ${code}`));
    ws.on('error', (error) => this.onClosed(error.message));
    for (const data of early) this.onData(data, true);
    if (ws.readyState > 1) this.onClosed('closed during the handshake');
  }

  get bytesIn(): number {
    return this.socket.tcp.bytesRead;
  }

  get bytesOut(): number {
    return this.socket.tcp.bytesWritten;
  }

  send(message: Message): void {
    if (this.closed) return;
    this.queue.push(encodeMessage(message, this.codec));
    this.flush();
  }

  /** The close handler is called at once: the other end may never answer. */
  close(code: number, reason: string): void {
    if (this.closed) return;
    this.socket.ws.close(code, reason);
    setTimeout(() => this.socket.ws.terminate(), 1_000).unref();
    this.onClosed(reason);
  }

  terminate(): void {
    this.socket.ws.terminate();
    this.onClosed('terminated');
  }

  private flush(): void {
    while (!this.closed && this.timer === null && this.unwritten < UNWRITTEN_MAX) {
      const waitMs = this.bucket.take(0, performance.now());
      if (waitMs > 0) {
        this.timer = setTimeout(() => {
          this.timer = null;
          this.flush();
        }, waitMs);
        return;
      }
      const chunk = this.queue.shift();
      if (chunk === undefined) return;
      this.bucket.take(chunk.length, performance.now());
      this.unwritten += 1;
      this.socket.ws.send(chunk, () => {
        this.unwritten -= 1;
        this.flush();
      });
    }
  }

  private onData(data: WebSocket.RawData, isBinary: boolean): void {
    if (this.closed) return;
    try {
      if (!isBinary) throw new Error('a text message');
      const bytes = this.joiner.push(asBuffer(data));
      if (bytes !== undefined) this.handlers.onMessage(this, decodeMessage(bytes, this.codec));
    } catch (error) {
      this.close(CLOSE.malformed, String(error).slice(0, 100));
    }
  }

  private onClosed(reason: string): void {
    if (this.closed) return;
    this.closed = true;
    if (this.timer !== null) clearTimeout(this.timer);
    this.handlers.onClose(this, reason);
  }
}
