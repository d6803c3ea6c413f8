import { createServer } from 'node:net';
import { join } from 'node:path';
import { type Connection, createConnection } from 'mysql2/promise';
import type { Catalog } from '../../proxy/ports';
import { decodeError } from '../../proxy/wire/response';
import { DatabaseServer } from '../../site/lab/database-server';
import { findServer } from '../../site/lab/find-server';
import { until } from '../lab/lab-process';
import { InformationSchemaCatalog, type ProxiedServer, startProxiedServer } from '../wire/proxied-server';
import { query, RawClient } from '../wire/raw-client';
import { heardInSilence, proxyBefore } from './proxy-before';

const binary = findServer();

(binary === null ? describe.skip : describe)('a backend that goes and comes back', () => {
  let site: ProxiedServer;
  let server: DatabaseServer;

  beforeAll(async () => {
    if (binary === null) throw new Error('no server');
    site = await startProxiedServer(binary);
    server = site.server;
    const db = await connect({ socketPath: server.socket });
    await db.query('CREATE TABLE post (id BIGINT AUTO_INCREMENT PRIMARY KEY, v INT)');
    await db.end();
  });
  afterAll(async () => {
    await server.stop();
    await site.stop();
  });

  /** A server that is started again on a busy machine takes a while. */
  const patienceMs = 200_000;
  const account = { user: 'app', password: 'secret', database: 'app', connectTimeout: patienceMs };
  const connect = (where: object): Promise<Connection> => createConnection({ ...where, ...account });

  it('clients see what they would see without a proxy when it is killed, and get in again when it is back', async () => {
    const own = await proxyBefore(site, { backendWaitMs: patienceMs });
    const direct = await connect({ socketPath: server.socket });
    const proxied = await connect({ socketPath: own.socket });
    const failed = (db: Connection): Promise<string> =>
      db.query('SELECT SLEEP(100)').then(
        () => 'nothing',
        (error: NodeJS.ErrnoException) => error.code ?? '',
      );
    const errors = [failed(direct), failed(proxied)];
    const watch = await createConnection({ socketPath: server.socket, user: 'root' });
    await until(
      async () => {
        const [rows] = await watch.query(
          "SELECT 1 FROM information_schema.processlist WHERE info LIKE 'SELECT SLEEP%'",
        );
        return (rows as unknown[]).length === 2;
      },
      20_000,
      () => 'the statements do not run',
    );
    watch.on('error', () => {});
    watch.destroy();
    await server.stop('SIGKILL');
    const [one, other] = await Promise.all(errors);
    expect(other).toBe(one);
    expect(one).not.toBe('nothing');
    // It waits for the socket to appear.
    const waiting = connect({ socketPath: own.socket });
    await server.start();
    const [rows] = await (await waiting).query('SELECT 1 AS one');
    expect(rows).toEqual([{ one: 1 }]);
    (await waiting).destroy();
    await own.proxy.close();
    expect(own.errors).toEqual([]);
  });

  it('is restarted under load: every failure is one that clients know, and none comes after it', async () => {
    const own = await proxyBefore(site, { backendWaitMs: patienceMs });
    let restarted = false;
    let stop = false;
    let answered = 0;
    let answeredAfter = 0;
    const failures = new Set<string>();
    const failuresAfter: string[] = [];
    const client = async (): Promise<void> => {
      while (!stop) {
        const begunAfter = restarted;
        try {
          const db = await connect({ socketPath: own.socket });
          await db.query('SELECT 1');
          await db.end();
          answered += 1;
          if (begunAfter) answeredAfter += 1;
        } catch (error) {
          const { code, errno } = error as { code: string; errno: number };
          failures.add(errno > 0 ? String(errno) : code);
          if (begunAfter) failuresAfter.push(code);
        }
      }
    };
    const clients = Array.from({ length: 6 }, client);
    await until(
      () => answered > 50,
      30_000,
      () => 'no load',
    );
    await server.stop('SIGKILL');
    await server.start();
    restarted = true;
    await until(
      () => answeredAfter > 50,
      30_000,
      () => `no answers: ${[...failures].join()}`,
    );
    stop = true;
    await Promise.all(clients);
    expect(failuresAfter).toEqual([]);
    // 1053: shutdown in progress; 1429: the proxy's, for a backend that is away; 1927, 1317: killed.
    const known = ['1053', '1429', '1927', '1317', 'PROTOCOL_CONNECTION_LOST', 'ECONNRESET', 'EPIPE'];
    expect([...failures].filter((code) => !known.includes(code))).toEqual([]);
    await until(
      () => own.counters.connections === 0,
      20_000,
      () => `${own.counters.connections} are left`,
    );
    await own.proxy.close();
    expect(own.errors).toEqual([]);
  });

  it('accepts and says nothing: clients are told which backend hangs', async () => {
    const path = join(site.dir, 'hung.sock');
    const hung = createServer(() => {});
    await new Promise<void>((resolve) => hung.listen(path, resolve));
    const own = await proxyBefore(site, { backend: { path }, backendWaitMs: 300 });
    const said = `Duara: can't connect to the database server on '${path}'`;
    let message = '';
    await until(
      async () => {
        const error = decodeError((await heardInSilence({ path: own.socket })).subarray(4));
        expect(error.errorCode).toBe(1429);
        message = error.message.toString();
        // A process that was kept waiting has not connected in time.
        return message !== `${said} (no answer)`;
      },
      20_000,
      () => message,
    );
    expect(message).toBe(`${said} (no greeting within 0.3 s)`);
    expect(new Set(own.refused)).toEqual(new Set(['backend_away']));
    await until(
      () => own.counters.connections === 0,
      20_000,
      () => 'it is not ended',
    );
    await own.proxy.close();
    await new Promise<void>((resolve) => hung.close(() => resolve()));
  });

  it('comes back with another sql_mode: names in double quotes get keys from then on', async () => {
    if (binary === null) throw new Error('no server');
    let catalog: Catalog = site.catalog;
    const own = await proxyBefore(site, {
      catalog: {
        find: (schema, table) => catalog.find(schema, table),
        load: (schema, table) => catalog.load(schema, table),
        forget: () => catalog.forget(),
      },
    });
    const admin = await createConnection({ socketPath: server.socket, user: 'root' });
    admin.on('error', () => {});
    catalog = new InformationSchemaCatalog(admin);
    const insert = query('INSERT INTO "post" ("v") VALUES (1)');
    const before = await RawClient.connect(own.socket);
    before.send(insert);
    expect(decodeError((await before.take(1))[0]?.payload ?? Buffer.alloc(0)).errorCode).toBe(1064);
    await server.stop();
    await before.until(() => before.ended || before.closed);
    const { port } = server;
    server = new DatabaseServer({
      ...{ binary, dir: join(site.dir, 'db'), serverId: 1, durable: false },
      extra: ['--sql-mode=ANSI_QUOTES'],
    });
    server.port = port;
    await server.start();
    const again = await createConnection({ socketPath: server.socket, user: 'root' });
    catalog = new InformationSchemaCatalog(again);
    const { length } = site.keys.demands;
    const after = await RawClient.connect(own.socket);
    after.send(insert);
    expect((await after.take(1))[0]?.payload[0]).toBe(0);
    expect(site.keys.demands.length).toBe(length + 1);
    after.destroy();
    await again.end();
    await own.proxy.close();
    expect(own.errors).toEqual([]);
  });
});
