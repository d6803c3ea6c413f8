import type { Socket } from 'node:net';
import { serverShutdown, tooManyConnections } from '../errors';
import type { ProxyServices } from '../session/proxy-services';
import type { BackendSupply } from './backend-supply';
import { ClientConnection } from './client-connection';
import type { ProxyOptions } from './proxy-options';
import { turnAway } from './refusal';

/** All clients of one proxy: how many may come, and how they go when it ends. */
export class Clients {
  private readonly connections = new Set<ClientConnection>();
  private draining = false;
  private emptied = (): void => {};

  constructor(
    private readonly options: ProxyOptions,
    private readonly services: ProxyServices,
    private readonly supply: BackendSupply,
  ) {}

  accept(client: Socket): void {
    const { options, connections } = this;
    const max = options.maxConnections ?? Infinity;
    if (this.draining || connections.size >= max) {
      options.refused?.(this.draining ? 'draining' : 'limit');
      return turnAway(client, this.draining ? serverShutdown() : tooManyConnections(max));
    }
    const connection = new ClientConnection(client, options, this.services, this.supply, () => this.closed(connection));
    connections.add(connection);
    options.counters.connections += 1;
    connection.start();
  }

  /** See RunningProxy.drain. */
  async drain(withinMs: number): Promise<number> {
    this.draining = true;
    for (const connection of [...this.connections]) connection.drain();
    if (this.connections.size > 0) await this.empty(withinMs);
    const cut = this.connections.size;
    this.close();
    return cut;
  }

  close(): void {
    this.draining = true;
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

  private closed(connection: ClientConnection): void {
    if (!this.connections.delete(connection)) return;
    this.options.counters.connections -= 1;
    if (this.connections.size === 0) this.emptied();
  }
}
