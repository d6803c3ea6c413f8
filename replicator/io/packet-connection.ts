import { connect, type NetConnectOpts, type Socket } from 'node:net';
import { frame, type Packet, PacketFramer } from '../../proxy/wire/packet-framer';

/** Thrown when the connection to the database cannot be made, or is lost. */
export class DatabaseConnectionError extends Error {
  readonly code = 'DUARA_DATABASE_CONNECTION';
}

/** Thrown when the database says nothing for longer than it may. */
export class DatabaseSilenceError extends Error {
  readonly code = 'DUARA_DATABASE_SILENCE';
}

export type Endpoint = { readonly socketPath: string } | { readonly host: string; readonly port: number };

/**
 * One chunk is read ahead of whoever takes the packets, no more: a server that sends each transaction as it commits would
 * wake us for each; what waits in the kernel instead comes in one piece, up to 64 KiB.
 */
const readAheadBytes = 1;

/** Packets over one socket. Reads only when asked to: a slow taker slows the server down. */
export class PacketConnection {
  private readonly framer = new PacketFramer();
  /** Packets that came with one that was taken alone. */
  private left: Packet[] = [];
  private failure: Error | null = null;
  private closed = false;
  /** Wakes the one waiting reader. */
  private wake: (() => void) | null = null;

  private constructor(private readonly socket: Socket) {
    const fail = (error: Error) => {
      this.failure ??= error;
      this.wake?.();
    };
    socket.on('error', (cause) =>
      fail(new DatabaseConnectionError(`database connection: ${cause.message}`, { cause })),
    );
    socket.on('close', () => fail(new DatabaseConnectionError('the database closed the connection')));
    socket.on('end', () => fail(new DatabaseConnectionError('the database closed the connection')));
    socket.on('readable', () => this.wake?.());
  }

  static async open(endpoint: Endpoint, timeoutMs: number): Promise<PacketConnection> {
    const readAhead = { readableHighWaterMark: readAheadBytes };
    const target: NetConnectOpts =
      'socketPath' in endpoint
        ? { path: endpoint.socketPath, ...readAhead }
        : { host: endpoint.host, port: endpoint.port, ...readAhead };
    const socket = connect(target);
    socket.setNoDelay(true);
    socket.setKeepAlive(true);
    const connection = new PacketConnection(socket);
    let connected = false;
    socket.once('connect', () => {
      connected = true;
      connection.wake?.();
    });
    try {
      await connection.waitFor(() => connected, timeoutMs);
    } catch (error) {
      connection.close();
      throw error;
    }
    return connection;
  }

  get isClosed(): boolean {
    return this.closed;
  }

  send(payload: Uint8Array, sequence = 0): void {
    this.socket.write(frame(payload, sequence));
  }

  /** At least one packet. Throws DatabaseConnectionError, and DatabaseSilenceError after `timeoutMs` without a byte. */
  async receive(timeoutMs: number): Promise<Packet[]> {
    if (this.left.length > 0) return this.left.splice(0);
    for (;;) {
      const chunk: Buffer | null = this.socket.read() as Buffer | null;
      if (chunk !== null) {
        const packets = this.framer.push(chunk);
        if (packets.length > 0) return packets;
      } else {
        await this.waitFor(() => this.socket.readableLength > 0, timeoutMs);
      }
    }
  }

  /** One packet; those that came with it are received later. Errors as of `receive`. */
  async receiveOne(timeoutMs: number): Promise<Packet> {
    const [first, ...left] = await this.receive(timeoutMs);
    this.left = left;
    return first as Packet;
  }

  /** Ends the connection; a waiting `receive` throws. */
  close(): void {
    this.closed = true;
    this.socket.destroy();
  }

  private async waitFor(condition: () => boolean, timeoutMs: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    try {
      await new Promise<void>((resolve, reject) => {
        const check = () => {
          if (condition()) resolve();
          else if (this.failure !== null) reject(this.failure);
        };
        const silent = () => reject(new DatabaseSilenceError(`the database said nothing for ${timeoutMs} ms`));
        timer = setTimeout(silent, timeoutMs);
        this.wake = check;
        check();
      });
    } finally {
      clearTimeout(timer);
      this.wake = null;
    }
  }
}
