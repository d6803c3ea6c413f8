import { join } from 'node:path';
import { DatabaseServer } from './database-server';
import type { ServerBinary } from './find-server';
import type { Guardian } from './guardian';
import type { LabFileSite } from './lab-file';

export interface LabSiteOptions {
  readonly name: string;
  /** The site's folder: database, Duara's own data, logs. */
  readonly dir: string;
  readonly serverId: number;
  readonly binary: ServerBinary;
  readonly application: { readonly user: string; readonly password: string; readonly database: string };
  readonly guardian: Guardian;
  /** A process of the site started or ended. */
  readonly onChange: () => void;
}

/** One site of the lab: a database server, and Duara before it. */
export class LabSite {
  readonly name: string;
  readonly database: DatabaseServer;

  constructor(private readonly options: LabSiteOptions) {
    this.name = options.name;
    this.database = new DatabaseServer({
      binary: options.binary,
      dir: options.dir,
      serverId: options.serverId,
      detached: true,
      onStart: (pid) => options.guardian.watch(pid),
      onExit: (pid) => {
        options.guardian.forget(pid);
        options.onChange();
      },
    });
  }

  /** Starts what is not running; resolves when the site can be used. */
  async start(): Promise<void> {
    await this.database.start();
    this.options.onChange();
  }

  async kill(what: 'duara' | 'database' | 'both'): Promise<void> {
    if (what !== 'duara') await this.database.stop('SIGKILL');
  }

  /** Ends in order: Duara first, then its database. */
  async stop(): Promise<void> {
    await this.database.stop();
  }

  describe(): LabFileSite {
    const { application, dir } = this.options;
    return {
      name: this.name,
      mysql: { host: '127.0.0.1', port: this.database.port, socket: this.database.socket, ...application },
      backend: { port: this.database.port, socket: this.database.socket, pid: this.database.pid ?? null },
      duara: { pid: null },
      admin: '',
      data: join(dir, 'duara'),
    };
  }
}
