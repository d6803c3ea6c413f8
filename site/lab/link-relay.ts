import { createServer, connect, type Server, type Socket } from 'node:net';
import { freePort } from './free-port';

/** Where a relay leads. */
export interface RelayTarget {
  readonly host: string;
  readonly port: number;
}

/**
 * One directed ring link of the lab: site `from` dials this relay to reach site `to`. The product knows nothing of it,
 * so a cut looks to both ends like a line that broke.
 */
export class LinkRelay {
  port = 0;
  /** Bytes carried towards `to` and back, headers of TCP not counted. */
  bytesTo = 0;
  bytesFrom = 0;
  private isCut = false;
  private server: Server | null = null;
  private readonly sockets = new Set<Socket>();

  constructor(
    readonly from: string,
    readonly to: string,
    private readonly target: RelayTarget,
  ) {}

  async listen(): Promise<void> {
    this.port = await freePort();
    const server = createServer({ pauseOnConnect: true }, (socket) => this.accept(socket));
    this.server = server;
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(this.port, '127.0.0.1', resolve);
    });
  }

  get cutOff(): boolean {
    return this.isCut;
  }

  /** Breaks what is connected, and ends every new connection before a byte passes, until `heal`. */
  cut(): void {
    this.isCut = true;
    for (const socket of this.sockets) socket.resetAndDestroy();
  }

  heal(): void {
    this.isCut = false;
  }

  async close(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    const server = this.server;
    if (server !== null) await new Promise<void>((resolve) => server.close(() => resolve()));
  }

  private accept(inbound: Socket): void {
    if (this.isCut) {
      inbound.resetAndDestroy();
      return;
    }
    const outbound = connect(this.target.port, this.target.host);
    this.join(inbound, outbound, (bytes) => (this.bytesTo += bytes));
    this.join(outbound, inbound, (bytes) => (this.bytesFrom += bytes));
    inbound.resume();
  }

  private join(source: Socket, sink: Socket, count: (bytes: number) => void): void {
    this.sockets.add(source);
    source.setNoDelay(true);
    source.on('data', (chunk) => {
      count(chunk.length);
      if (!sink.write(chunk)) source.pause();
    });
    sink.on('drain', () => source.resume());
    source.on('end', () => sink.end());
    source.on('error', () => sink.destroy());
    source.on('close', () => {
      this.sockets.delete(source);
      sink.destroy();
    });
  }
}
