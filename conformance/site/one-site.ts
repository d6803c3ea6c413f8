import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createConnection } from 'mysql2/promise';
import { stringify } from 'yaml';
import { duaraAccountSql } from '../../site/accounts';
import { DatabaseServer } from '../../site/lab/database-server';
import type { ServerBinary } from '../../site/lab/find-server';
import { freePort } from '../../site/lab/free-port';

/** A database server with Duara's account and a schema `app`, and a duara.yaml for a ring of one site. */
export class OneSite {
  readonly dir = mkdtempSync(join(tmpdir(), 'duara-site-'));
  readonly configFile = join(this.dir, 'duara.yaml');
  readonly database: DatabaseServer;
  readonly ports = { proxy: 0, admin: 0, ring: 0 };

  /** `extra`: arguments of the server. */
  constructor(binary: ServerBinary, durable: boolean, extra: readonly string[] = []) {
    this.database = new DatabaseServer({ binary, dir: join(this.dir, 'db'), serverId: 1, durable, extra });
  }

  /** `allowUnsafe`: goes into the configuration, so that a fast server is good enough. */
  async prepare(binary: ServerBinary, allowUnsafe: boolean): Promise<void> {
    await this.database.start();
    const root = await createConnection({ socketPath: this.database.socket, user: 'root' });
    await root.query('CREATE DATABASE app');
    await root.query("CREATE USER web@'%' IDENTIFIED BY 'web'");
    await root.query("GRANT ALL ON app.* TO web@'%'");
    const account = { user: 'duara', host: '%', password: 'secret', schemas: ['app'], flavour: binary.flavour };
    for (const statement of duaraAccountSql(account)) await root.query(statement);
    await root.end();
    this.ports.proxy = await freePort();
    this.ports.admin = await freePort();
    this.ports.ring = await freePort();
    const data = join(this.dir, 'data');
    mkdirSync(data);
    writeFileSync(join(data, 'ring.key'), 'a secret for one\n');
    const config = {
      site: 'only',
      data,
      database: { url: `mysql://duara:secret@127.0.0.1:${this.database.port}`, allowUnsafe },
      proxy: { listen: `127.0.0.1:${this.ports.proxy}` },
      replicate: { schemas: ['app'] },
      ring: { listen: `127.0.0.1:${this.ports.ring}`, founder: true },
      admin: { listen: `127.0.0.1:${this.ports.admin}` },
    };
    writeFileSync(this.configFile, stringify(config));
  }

  /** For mysql2. A busy machine may take a while to let it in. */
  get proxyAccount() {
    const account = { user: 'web', password: 'web', database: 'app' } as const;
    return { host: '127.0.0.1', port: this.ports.proxy, ...account, connectTimeout: 60_000 } as const;
  }

  async dispose(): Promise<void> {
    await this.database.stop();
    rmSync(this.dir, { recursive: true, force: true });
  }
}
