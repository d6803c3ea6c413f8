import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { type Connection, type ConnectionOptions, createConnection } from 'mysql2/promise';
import type { SiteStatus } from '../../site/status';
import { until } from '../lab/lab-process';
import type { OneSite } from './one-site';

/** `duara serve` with several threads that relay, as a process of its own that can be killed. */
export class RelayedSite {
  private readonly clients: Connection[] = [];
  readonly ended: Promise<number | null>;
  private text = '';

  private constructor(
    private readonly one: OneSite,
    readonly child: ChildProcess,
  ) {
    child.stderr?.setEncoding('utf8').on('data', (part: string) => (this.text += part));
    this.ended = new Promise((resolve) => child.once('close', resolve));
  }

  /** Resolves when it is ready. */
  static async start(one: OneSite, env: NodeJS.ProcessEnv): Promise<RelayedSite> {
    const main = join(__dirname, '../../site/main.js');
    const child = spawn(process.execPath, [main, 'serve', '-c', one.configFile], {
      env: { ...process.env, ...env },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    const site = new RelayedSite(one, child);
    await until(
      async () => (await site.get('/readyz').catch(() => null))?.ok === true,
      60_000,
      () => `not ready:\n${site.text}`,
    );
    return site;
  }

  get log(): string {
    return this.text;
  }

  get(path: string): Promise<Response> {
    return fetch(`http://127.0.0.1:${this.one.ports.admin}${path}`);
  }

  async proxyStatus(): Promise<SiteStatus['proxy']> {
    return ((await (await this.get('/api/status')).json()) as SiteStatus).proxy;
  }

  /** Waits until all threads together have so many: one that has not answered in time is counted as it last told. */
  async hasClients(count: number): Promise<void> {
    let connections = 0;
    await until(
      async () => (connections = (await this.proxyStatus()).connections) === count,
      20_000,
      () => `${connections} clients, not ${count}`,
    );
  }

  async connect(options: ConnectionOptions = {}): Promise<Connection> {
    const client = await createConnection({
      ...this.one.proxyAccount,
      multipleStatements: true,
      supportBigNumbers: true,
      bigNumberStrings: true,
      ...options,
    });
    client.on('error', () => undefined);
    this.clients.push(client);
    return client;
  }

  /**
   * A client at each thread: as many as the kernel needs to give each of them one. `options` as many times, in turn. What
   * comes back is at least one client a thread; which is where cannot be told.
   */
  async connectEverywhere(...options: readonly ConnectionOptions[]): Promise<Connection[]> {
    const clients: Connection[] = [];
    await until(
      async () => {
        const more = Array.from({ length: 8 }, (_, at) => this.connect(options[at % options.length] ?? {}));
        clients.push(...(await Promise.all(more)));
        return (await this.proxyStatus()).connectionsByThread.every((count) => count > 0);
      },
      60_000,
      () => `${clients.length} clients, and a thread without one`,
    );
    return clients;
  }

  /** Ends clients, and the process with this signal. */
  async end(signal: NodeJS.Signals = 'SIGTERM'): Promise<number | null> {
    for (const client of this.clients.splice(0)) client.destroy();
    this.child.kill(signal);
    return this.ended;
  }
}
