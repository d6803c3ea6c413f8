import { createConnection as connectSocket } from 'node:net';
import { join } from 'node:path';
import { findServer } from '../../site/lab/find-server';
import { decodeError } from '../../proxy/wire/response';
import { until } from '../lab/lab-process';
import { type ProxiedServer, startProxiedServer } from '../wire/proxied-server';
import { query, RawClient } from '../wire/raw-client';
import { heardInSilence, type OwnProxy, proxyBefore } from './proxy-before';

const binary = findServer();
const longMs = 60_000;

(binary === null ? describe.skip : describe)('a proxy that is drained', () => {
  let site: ProxiedServer;
  let own: OwnProxy;

  beforeAll(async () => {
    if (binary === null) throw new Error('no server');
    site = await startProxiedServer(binary);
    const db = await RawClient.connect(site.server.socket);
    db.send(query('CREATE TABLE post (id BIGINT PRIMARY KEY, v INT)'), query('INSERT INTO post VALUES (1, 0)'));
    await db.take(2);
    db.destroy();
  });
  afterAll(async () => {
    await site.stop();
  });
  beforeEach(async () => {
    own = await proxyBefore(site);
  });
  afterEach(async () => {
    await own.proxy.close();
    expect(own.errors).toEqual([]);
    expect(own.counters.connections).toBe(0);
  });

  const gone = (client: RawClient): Promise<void> => client.until(() => client.ended || client.closed);
  const values = async (): Promise<string> => {
    const db = await RawClient.connect(site.server.socket);
    db.send(query('SELECT GROUP_CONCAT(id ORDER BY id) FROM post'));
    const packets = await db.take(5);
    db.destroy();
    return packets[3]?.payload.toString('latin1', 1) ?? '';
  };

  it('ends idle sessions at once, and is not there for new ones', async () => {
    const clients = await Promise.all([1, 2, 3].map(() => RawClient.connect(own.socket)));
    expect(await own.proxy.drain(longMs)).toBe(0);
    for (const client of clients) await gone(client);
    const refused = await new Promise<string>((resolve) => {
      connectSocket(own.proxy.port, '127.0.0.1').on('error', (error: NodeJS.ErrnoException) =>
        resolve(error.code ?? ''),
      );
    });
    expect(refused).toBe('ECONNREFUSED');
  });

  it('lets a statement finish', async () => {
    const blocker = await RawClient.connect(site.server.socket);
    blocker.send(query('BEGIN'), query('UPDATE post SET v = v + 1 WHERE id = 1'));
    await blocker.take(2);
    const client = await RawClient.connect(own.socket);
    client.send(query('UPDATE post SET v = v + 1 WHERE id = 1'));
    const watch = await RawClient.connect(site.server.socket);
    await until(
      async () => {
        watch.send(query("SELECT COUNT(*) FROM information_schema.processlist WHERE info LIKE 'UPDATE post%'"));
        return (await watch.take(5))[3]?.payload.toString('latin1', 1) === '1';
      },
      20_000,
      () => 'the statement does not run',
    );
    watch.destroy();
    const drained = own.proxy.drain(longMs);
    blocker.send(query('COMMIT'));
    expect((await client.take(1))[0]?.payload[0]).toBe(0);
    await gone(client);
    expect(await drained).toBe(0);
    blocker.destroy();
  });

  it('lets a transaction come to its COMMIT, and none begin after it', async () => {
    const client = await RawClient.connect(own.socket);
    client.send(query('BEGIN'), query('INSERT INTO post VALUES (10, 0)'));
    await client.take(2);
    const drained = own.proxy.drain(longMs);
    client.send(query('INSERT INTO post VALUES (11, 0)'));
    expect((await client.take(1))[0]?.payload[0]).toBe(0);
    client.send(query('COMMIT'), query('INSERT INTO post VALUES (12, 0)'));
    expect((await client.take(1))[0]?.payload[0]).toBe(0);
    await gone(client);
    expect(await drained).toBe(0);
    const kept = await values();
    expect(kept).toContain('1,10,11');
  });

  it.each([
    ['a temporary table', 'CREATE TEMPORARY TABLE t (a INT)', 'DROP TEMPORARY TABLE t'],
    ['a lock of its own', "SELECT GET_LOCK('l', 0)", "SELECT RELEASE_LOCK('l')"],
    ['locked tables', 'LOCK TABLES post READ', 'UNLOCK TABLES'],
    ['a transaction', 'START TRANSACTION', 'ROLLBACK'],
  ])('does not end a session that has %s, until it has it no more', async (_what, take, give) => {
    const client = await RawClient.connect(own.socket);
    const ask = async (sql: string): Promise<void> => {
      client.send(query(sql));
      const first = (await client.take(1))[0]?.payload[0];
      if (first !== 0) await client.take(4);
    };
    await ask(take);
    const idle = await RawClient.connect(own.socket);
    const drained = own.proxy.drain(longMs);
    await gone(idle);
    await ask('DO 1');
    expect(client.closed || client.ended).toBe(false);
    await ask(give);
    await gone(client);
    expect(await drained).toBe(0);
  });

  it('cuts what has not finished in time, and says how many', async () => {
    const clients = await Promise.all([1, 2].map(() => RawClient.connect(own.socket)));
    for (const client of clients) {
      client.send(query('BEGIN'));
      await client.take(1);
    }
    expect(await own.proxy.drain(50)).toBe(2);
    for (const client of clients) await gone(client);
  });

  it('is cut short by its end', async () => {
    const client = await RawClient.connect(own.socket);
    client.send(query('BEGIN'));
    await client.take(1);
    const drained = own.proxy.drain(longMs);
    await own.proxy.close();
    await drained;
    await gone(client);
  });

  it('tells a client that still waits for the backend', async () => {
    const waiting = await proxyBefore(site, { backend: { path: join(site.dir, 'nobody.sock') } });
    const heard = heardInSilence({ path: waiting.socket });
    await until(
      () => waiting.counters.connections === 1,
      20_000,
      () => 'nobody has come',
    );
    expect(await waiting.proxy.drain(longMs)).toBe(0);
    expect(decodeError((await heard).subarray(4)).errorCode).toBe(1053);
    expect(waiting.refused).toEqual(['draining']);
    await waiting.proxy.close();
  });
});
