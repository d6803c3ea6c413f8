import type { Socket } from 'node:net';
import { type Connection, createConnection } from 'mysql2/promise';
import pino from 'pino';
import { loadConfig } from '../../site/config/load';
import { findServer } from '../../site/lab/find-server';
import { Site } from '../../site/wiring';
import { until } from '../lab/lab-process';
import { OneSite } from './one-site';

const binary = findServer();

(binary === null ? describe.skip : describe)('a commit whose connection was lost before it', () => {
  const one = binary === null ? null : new OneSite(binary, false);
  let site: Site;

  beforeAll(async () => {
    if (binary === null || one === null) return;
    await one.prepare(binary, true);
    const root = await direct();
    await root.query("CREATE DATABASE plain; GRANT ALL ON plain.* TO web@'%'");
    for (const schema of ['app', 'plain']) {
      await root.query(`CREATE TABLE ${schema}.words (w VARCHAR(9) PRIMARY KEY, n INT);
        INSERT INTO ${schema}.words VALUES ('moja', 1)`);
    }
    await root.end();
    site = await Site.start(loadConfig(one.configFile, {}), pino({ level: 'silent' }));
    await until(
      async () => (await site.status()).waitingFor.length === 0,
      30_000,
      () => 'not ready',
    );
  });

  afterAll(async () => {
    await site?.close();
    await one?.dispose();
  });

  const direct = (): Promise<Connection> =>
    createConnection({ socketPath: one?.database.socket ?? '', user: 'root', multipleStatements: true });

  // `plain` is not replicated, and Duara's account may not read it: nothing of it may be cached at all.
  it.each([
    ['app', true],
    ['plain', false],
  ])('is not hidden by a reply cached before it took effect: schema %s', async (schema, cached) => {
    const root = await direct();
    const reader = await createConnection(one?.proxyAccount ?? {});
    const writer = await createConnection(one?.proxyAccount ?? {});
    writer.on('error', () => {});
    const read = async (): Promise<unknown> => {
      const [rows] = await reader.query(`SELECT n FROM ${schema}.words WHERE w = 'moja'`);
      return (rows as { n: unknown }[])[0]?.n;
    };
    const hits = async (): Promise<number> => (await site.status()).proxy.cacheHits;
    await root.query(`BEGIN; SELECT * FROM ${schema}.words FOR UPDATE`);
    writer.query(`UPDATE ${schema}.words SET n = 99 WHERE w = 'moja'`).catch(() => {});
    await until(
      async () => {
        const [rows] = await root.query("SELECT 1 FROM information_schema.processlist WHERE info LIKE 'UPDATE%'");
        return (rows as unknown[]).length > 0;
      },
      10_000,
      () => 'the UPDATE did not arrive',
    );
    // Reset, not ended: the proxy gives its side up at once.
    (writer as unknown as { connection: { stream: Socket } }).connection.stream.resetAndDestroy();
    const before = await hits();
    await until(
      async () => {
        expect(await read()).toBe(1);
        return !cached || (await hits()) > before + 1;
      },
      10_000,
      () => 'the old row was never cached',
    );
    if (!cached) for (let i = 0; i < 5; i++) expect([await read(), await hits()]).toEqual([1, before]);
    await root.query('COMMIT');
    await until(
      async () => (await read()) === 99,
      10_000,
      () => 'the old row stayed in the cache',
    );
    await root.end();
    await reader.end();
  });
});
