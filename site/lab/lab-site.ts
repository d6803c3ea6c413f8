import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { DatabaseServer } from './database-server';
import { DuaraProcess } from './duara-process';
import type { ServerBinary } from './find-server';
import { freePort } from './free-port';
import type { Guardian } from './guardian';
import type { LabFileSite } from './lab-file';

export interface Account {
  readonly user: string;
  readonly password: string;
}

export interface LabSiteOptions {
  readonly name: string;
  /** The site's folder: database, Duara's own data, logs. */
  readonly dir: string;
  readonly serverId: number;
  readonly binary: ServerBinary;
  readonly application: Account & { readonly database: string };
  readonly duara: Account;
  readonly ringSecret: string;
  readonly cache: boolean;
  readonly guardian: Guardian;
  /** A process of the site started or ended. */
  readonly onChange: () => void;
}

interface Ports {
  readonly proxy: number;
  readonly admin: number;
  readonly ring: number;
}

/** One site of the lab: a database server, and Duara before it. */
export class LabSite {
  readonly name: string;
  private readonly database: DatabaseServer;
  private readonly duara: DuaraProcess;

  private constructor(
    private readonly options: LabSiteOptions,
    private readonly ports: Ports,
  ) {
    const { name, dir, binary, serverId, guardian, onChange } = options;
    this.name = name;
    const lifetime = {
      onStart: (pid: number) => guardian.watch(pid),
      onExit: (pid: number) => {
        guardian.forget(pid);
        onChange();
      },
    };
    this.database = new DatabaseServer({ binary, dir, serverId, detached: true, ...lifetime });
    const configFile = join(dir, 'duara.yaml');
    this.duara = new DuaraProcess({ configFile, logFile: join(dir, 'duara.log'), admin: this.admin, ...lifetime });
  }

  static async create(options: LabSiteOptions): Promise<LabSite> {
    const ports = { proxy: await freePort(), admin: await freePort(), ring: await freePort() };
    const site = new LabSite(options, ports);
    site.database.port = await freePort();
    return site;
  }

  /** Where the other sites' relays lead. */
  get ringPort(): number {
    return this.ports.ring;
  }

  /** Writes duara.yaml and the secret. `peers`: relays to the other sites; the founder begins the ring alone. */
  configure({ peers, founder }: { readonly peers: readonly string[]; readonly founder: boolean }): void {
    const { dir, duara, ringSecret, application, cache } = this.options;
    const data = join(dir, 'duara');
    mkdirSync(data, { recursive: true });
    writeFileSync(join(data, 'ring.key'), `${ringSecret}\n`, { mode: 0o600 });
    const { proxy, admin, ring } = this.ports;
    const config = {
      site: this.name,
      data,
      database: {
        url: `mysql://${duara.user}:${duara.password}@127.0.0.1:${this.database.port}`,
        socket: this.database.socket,
      },
      proxy: { listen: `127.0.0.1:${proxy}`, socket: join(dir, 'proxy.sock') },
      replicate: { schemas: [application.database], profile: 'moodle' },
      // Nothing is advertised: only the relays lead from site to site, so that a cut is a cut.
      ring: { listen: `127.0.0.1:${ring}`, advertise: null, peers, founder },
      admin: { listen: `127.0.0.1:${admin}` },
      ...(cache ? {} : { cache: { maxBytes: '0B' } }),
    };
    writeFileSync(join(dir, 'duara.yaml'), stringify(config), { mode: 0o600 });
  }

  /** Starts what is not running; resolves when the site can be used. */
  async start(): Promise<void> {
    await this.database.start();
    this.duara.start();
    await this.duara.ready();
    this.options.onChange();
  }

  /** kill -9 */
  async kill(what: 'duara' | 'database' | 'both'): Promise<void> {
    const ends: Promise<void>[] = [];
    if (what !== 'database') ends.push(this.duara.stop('SIGKILL'));
    if (what !== 'duara') ends.push(this.database.stop('SIGKILL'));
    await Promise.all(ends);
  }

  /** Ends in order: Duara first, then its database. */
  async stop(): Promise<void> {
    await this.duara.stop('SIGTERM');
    await this.database.stop();
  }

  describe(): LabFileSite {
    const { application, dir } = this.options;
    return {
      name: this.name,
      mysql: { host: '127.0.0.1', port: this.ports.proxy, socket: join(dir, 'proxy.sock'), ...application },
      backend: { port: this.database.port, socket: this.database.socket, pid: this.database.pid ?? null },
      duara: { pid: this.duara.pid },
      admin: this.admin,
      data: join(dir, 'duara'),
    };
  }

  private get admin(): string {
    return `http://127.0.0.1:${this.ports.admin}`;
  }
}
