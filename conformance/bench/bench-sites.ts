import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Connection, createConnection } from 'mysql2/promise';
import { stringify } from 'yaml';
import { duaraAccountSql } from '../../site/accounts';
import { DatabaseServer } from '../../site/lab/database-server';
import { DuaraProcess } from '../../site/lab/duara-process';
import type { ServerBinary } from '../../site/lab/find-server';
import { freePort } from '../../site/lab/free-port';
import type { Backend } from './peers';
import { prepareTables, type Target } from './sysbench';

export const account = { user: 'web', password: 'web' };
export const schema = 'bench';

/** A database that holds the tables of the workloads, fast rather than durable: the relays are what is measured. */
export async function startDatabase(binary: ServerBinary, dir: string, serverId: number): Promise<DatabaseServer> {
  const extra = ['--max-connections=6000', '--back-log=1024', '--open-files-limit=20000'];
  const server = new DatabaseServer({ binary, dir, serverId, durable: false, extra });
  await server.start();
  const root = await createConnection({ socketPath: server.socket, user: 'root', multipleStatements: true });
  // A unix socket makes the client 'localhost' to the server, which an anonymous account would otherwise take.
  for (const host of ['%', 'localhost']) {
    await root.query(
      `CREATE USER ${account.user}@'${host}' IDENTIFIED BY '${account.password}';
       GRANT ALL ON *.* TO ${account.user}@'${host}'`,
    );
  }
  await root.query(`CREATE DATABASE ${schema}; USE ${schema}`);
  await fill(root);
  await root.end();
  await prepareTables(backendOf(server));
  return server;
}

export function backendOf({ port, socket }: DatabaseServer): Backend {
  return { port, socket, ...account, database: schema };
}

async function fill(root: Connection): Promise<void> {
  const words = 'maneno '.repeat(20);
  await root.query(
    `CREATE TABLE bench_page (id BIGINT PRIMARY KEY, title VARCHAR(100) NOT NULL, body TEXT NOT NULL);
     CREATE TABLE bench_post (id BIGINT AUTO_INCREMENT PRIMARY KEY, author BIGINT NOT NULL, body TEXT NOT NULL);
     CREATE TABLE bench_report (id BIGINT PRIMARY KEY, author BIGINT NOT NULL, title VARCHAR(100) NOT NULL, body TEXT NOT NULL);
     CREATE TABLE bench_large (id BIGINT PRIMARY KEY, body TEXT NOT NULL)`,
  );
  for (let id = 1; id <= 10_000; id += 500) {
    const rows = Array.from({ length: 500 }, (_, i) => `(${id + i}, 'Somo la ${id + i}', '${words}')`);
    await root.query(`INSERT INTO bench_page VALUES ${rows.join(',')}`);
  }
  await root.query(`INSERT INTO bench_report SELECT id, id % 50, title, body FROM bench_page`);
  await root.query(`INSERT INTO bench_report SELECT id + 10000, author, title, body FROM bench_report`);
  await root.query(`INSERT INTO bench_large SELECT id, REPEAT('m', 1024) FROM bench_page WHERE id <= 1000`);
}

/** Duara as a process before a database of its own, reached by the database's unix socket as `database.socket` says. */
export class BenchSite {
  private constructor(
    readonly database: DatabaseServer,
    private readonly duara: DuaraProcess,
    private readonly proxyPort: number,
    readonly admin: string,
  ) {}

  static async start(
    database: DatabaseServer,
    { dir, cacheBytes }: { readonly dir: string; readonly cacheBytes: string },
  ): Promise<BenchSite> {
    const [proxy, ring, adminPort] = [await freePort(), await freePort(), await freePort()];
    const data = join(dir, 'data');
    mkdirSync(data, { recursive: true });
    writeFileSync(join(data, 'ring.key'), 'a secret for one\n', { mode: 0o600 });
    const root = await createConnection({ socketPath: database.socket, user: 'root' });
    for (const host of ['127.0.0.1', 'localhost']) {
      const duara = { user: 'duara', host, password: 'secret', schemas: [schema, 'moodle'] };
      for (const statement of duaraAccountSql({ ...duara, flavour: 'mariadb' })) await root.query(statement);
    }
    await root.end();
    const config = {
      site: 'bench',
      data,
      database: {
        url: `mysql://duara:secret@127.0.0.1:${database.port}`,
        socket: database.socket,
        allowUnsafe: true,
      },
      proxy: { listen: `127.0.0.1:${proxy}` },
      cache: { maxBytes: cacheBytes },
      replicate: { schemas: [schema, 'moodle'] },
      ring: { listen: `127.0.0.1:${ring}`, founder: true },
      admin: { listen: `127.0.0.1:${adminPort}` },
    };
    const configFile = join(dir, 'duara.yaml');
    writeFileSync(configFile, stringify(config), { mode: 0o600 });
    const admin = `http://127.0.0.1:${adminPort}`;
    const logFile = join(dir, 'duara.log');
    const nothing = (): void => {};
    // Like the other relays: Linux shares processors out by session (autogroup), and on a busy machine one of its own got a
    // tenth of what they did.
    const detached = false;
    const duara = new DuaraProcess({ configFile, logFile, admin, detached, onStart: nothing, onExit: nothing });
    duara.start();
    await duara.ready();
    return new BenchSite(database, duara, proxy, admin);
  }

  get pid(): number {
    return this.duara.pid ?? 0;
  }

  get target(): Target {
    return { port: this.proxyPort, ...account, database: schema };
  }

  /** A counter of /metrics, all its labels together. */
  async counter(name: string): Promise<number> {
    const text = await (await fetch(`${this.admin}/metrics`)).text();
    return text
      .split('\n')
      .filter((line) => line.startsWith(name) && /^[ {]/.test(line.slice(name.length)))
      .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
  }

  async stop(): Promise<void> {
    await this.duara.stop('SIGTERM');
  }
}
