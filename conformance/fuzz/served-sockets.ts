import { createServer, type Server, type Socket } from 'node:net';
import { caseSeed, Chance } from './chance';
import { chopped, mutatedBytes } from './mutations';

/** A server's wait_timeout, so that a client that waits for a reply that never comes is let go. */
const IDLE_MS = 500;

/** One connection, as a server of ours sees it. */
export interface Served {
  readonly socket: Socket;
  /** Its own, from the seed and the number of connections before it. */
  readonly chance: Chance;
  /** One packet, or a few; `harm`: one in so many is damaged. */
  say(bytes: Buffer, harm: number): void;
}

export interface ServedOptions {
  /** Of the unix socket. */
  readonly path: string;
  readonly seed: number;
  /** Connections on which nobody speaks are ended. */
  readonly endsIdle: boolean;
  /** Speaks first. */
  greet(served: Served): void;
}

/** A unix socket on which a server of ours speaks first. */
export class ServedSockets {
  /** Said so far. */
  packets = 0;
  private readonly open = new Set<Socket>();
  private served = 0;
  private readonly server: Server;

  private constructor(private readonly options: ServedOptions) {
    this.server = createServer({ allowHalfOpen: true }, (socket) => this.serve(socket));
  }

  static async start(options: ServedOptions): Promise<ServedSockets> {
    const sockets = new ServedSockets(options);
    await new Promise<void>((resolve) => sockets.server.listen(options.path, resolve));
    return sockets;
  }

  get path(): string {
    return this.options.path;
  }

  /** Open now. */
  get connections(): number {
    return this.open.size;
  }

  /** Ends all connections, as a server does that goes down. */
  hangUp(): void {
    for (const socket of this.open) socket.destroy();
  }

  async stop(): Promise<void> {
    this.hangUp();
    await new Promise<void>((resolve) => this.server.close(() => resolve()));
  }

  private serve(socket: Socket): void {
    const { seed, endsIdle } = this.options;
    const chance = new Chance(caseSeed(~seed, this.served++));
    this.open.add(socket);
    socket.on('close', () => this.open.delete(socket));
    socket.on('error', () => {});
    socket.on('end', () => socket.end());
    if (endsIdle) socket.setTimeout(IDLE_MS, () => socket.destroy());
    const say = (bytes: Buffer, harm: number): void => {
      this.packets += 1;
      const said = harm !== Infinity && chance.oneIn(harm) ? mutatedBytes(bytes, chance) : bytes;
      for (const piece of chopped(said, chance)) if (!socket.destroyed) socket.write(piece);
    };
    this.options.greet({ socket, chance, say });
  }
}
