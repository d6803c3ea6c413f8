import type { BlockList, Socket } from 'node:net';
import { serverShutdown, tooManyConnections } from '../errors';
import type { ProxyServices } from '../session/proxy-services';
import { type AcceptedClient, acceptedDirectly, comesFrom, networkList, readProxyHeader } from './accepted-client';
import type { Arrival } from './arrival';
import { ClientConnection } from './client-connection';
import type { Transports } from './link-kinds';
import type { ProxyOptions } from './proxy-options';
import { turnAway } from './refusal';

/** All clients of one proxy: how many may come, and how they go when it ends. */
export class Clients {
  private readonly connections = new Set<ClientConnection>();
  /** Of a listed network, and their PROXY header has not come. */
  private readonly announcing = new Set<Socket>();
  private readonly proxies: BlockList | null;
  private draining = false;
  private emptied = (): void => {};

  constructor(
    private readonly options: ProxyOptions,
    private readonly services: ProxyServices,
    private readonly transports: Transports,
  ) {
    const networks = options.proxyProtocolFrom ?? [];
    this.proxies = networks.length === 0 ? null : networkList(networks);
  }

  accept(client: Arrival): void {
    const { options, connections } = this;
    const max = options.maxConnections ?? Infinity;
    const room = (): boolean => options.clientCount?.take(max) ?? connections.size + this.announcing.size < max;
    if (this.draining || !room()) {
      options.refused?.(this.draining ? 'draining' : 'limit');
      return turnAway(client.socket(), this.draining ? serverShutdown() : tooManyConnections(max));
    }
    if (this.proxies !== null && comesFrom(this.proxies, client)) this.announced(client.socket());
    else this.begin(acceptedDirectly(client, options.proxyProtocol === true));
  }

  /** The client is behind a proxy, which says first where it is. */
  private announced(socket: Socket): void {
    this.announcing.add(socket);
    readProxyHeader(socket)
      .finally(() => this.announcing.delete(socket))
      .then(
        (client) => this.begin(client),
        (error: Error) => {
          const from = socket.remoteAddress ?? 'a proxy';
          this.options.log.warn(`a connection of ${from} was closed: ${error.message}`);
          socket.destroy();
          this.left();
        },
      );
  }

  private begin(client: AcceptedClient): void {
    const { options } = this;
    if (this.draining) {
      this.left();
      return turnAway(client.arrival.socket(), serverShutdown());
    }
    const ended = (): void => this.closed(connection);
    const connection = new ClientConnection(client, options, this.services, this.transports, ended);
    this.connections.add(connection);
    options.counters.connections += 1;
    connection.start();
  }

  /** See RunningProxy.drain. */
  async drain(withinMs: number): Promise<number> {
    this.draining = true;
    for (const socket of this.announcing) socket.destroy();
    for (const connection of [...this.connections]) connection.drain();
    if (this.connections.size > 0) await this.empty(withinMs);
    const cut = this.connections.size;
    this.close();
    return cut;
  }

  close(): void {
    this.draining = true;
    for (const socket of this.announcing) socket.destroy();
    for (const connection of [...this.connections]) connection.close();
  }

  private empty(withinMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, withinMs);
      this.emptied = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  private left(): void {
    this.options.clientCount?.giveBack();
  }

  private closed(connection: ClientConnection): void {
    if (!this.connections.delete(connection)) return;
    this.options.counters.connections -= 1;
    this.left();
    if (this.connections.size === 0) this.emptied();
  }
}
