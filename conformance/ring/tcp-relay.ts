import net from 'node:net';

/** A TCP relay whose connections can be cut: a link that breaks without either end having done anything. */
export class TcpRelay {
  private readonly sockets = new Set<net.Socket>();
  private cutOff = false;
  bytes = 0;

  private constructor(private readonly server: net.Server) {}

  get url(): string {
    return `ws://127.0.0.1:${(this.server.address() as net.AddressInfo).port}`;
  }

  static async to(port: number): Promise<TcpRelay> {
    const server = net.createServer();
    const relay = new TcpRelay(server);
    server.on('connection', (near) => relay.join(near, port));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return relay;
  }

  /** Connections that are up, each counted at both ends. */
  get ends(): number {
    return this.sockets.size;
  }

  cut(): void {
    this.cutOff = true;
    for (const socket of this.sockets) socket.destroy();
  }

  heal(): void {
    this.cutOff = false;
  }

  async close(): Promise<void> {
    this.cut();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private join(near: net.Socket, port: number): void {
    if (this.cutOff) return void near.destroy();
    const far = net.connect(port, '127.0.0.1');
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      this.sockets.add(from);
      from.on('data', (data) => (this.bytes += data.length));
      from.on('error', () => to.destroy());
      from.on('close', () => {
        this.sockets.delete(from);
        to.destroy();
      });
      from.pipe(to);
    }
  }
}
