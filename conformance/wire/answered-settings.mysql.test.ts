import { type Connection, type RowDataPacket, createConnection } from 'mysql2/promise';
import { ReadCache } from '../../proxy/cache/read-cache';
import { TableVersions } from '../../proxy/cache/table-versions';
import { findServer } from '../../site/lab/find-server';
import { until } from '../lab/lab-process';
import { type ProxiedServer, startProxiedServer } from './proxied-server';
import { secondsPassOnlyWhenTold } from './held-seconds';
import { SessionClient } from './session-client';
import { zeroCounters } from '../../proxy/zero-counters';

const binary = findServer();
const opening = ['SET NAMES latin1', "SET SESSION sql_mode = 'STRICT_ALL_TABLES'"];
const settings = 'SELECT @@character_set_client, @@collation_connection, @@sql_mode';

(binary === null ? describe.skip : describe)('SETs that equal sessions were given before', () => {
  let site: ProxiedServer;
  let root: Connection;
  const board = TableVersions.create();
  const counters = zeroCounters();
  const opened: SessionClient[] = [];

  beforeAll(async () => {
    if (binary === null) throw new Error('no server');
    secondsPassOnlyWhenTold();
    board.setCaptureHealthy(true);
    const cache = new ReadCache({ board, maxBytes: 1 << 20, counters });
    site = await startProxiedServer(binary, { proxy: { cache, versions: board, counters } });
    root = await createConnection({ socketPath: site.server.socket, user: 'root', multipleStatements: true });
    await root.query(`CREATE TABLE app.words (w VARCHAR(20) CHARACTER SET utf8mb4 PRIMARY KEY);
      INSERT INTO app.words VALUES ('é'), ('moja')`);
    const first = await open();
    for (const sql of opening) expect(await first.ask(sql)).toBe('ok 0 0 2 0');
    await first.quit();
  });
  afterAll(async () => {
    for (const { raw } of opened) raw.destroy();
    root?.destroy();
    await site.stop();
    jest.useRealTimers();
    expect(site.errors).toEqual([]);
  });

  const open = async (target: string = site.proxySocket): Promise<SessionClient> => {
    const client = await SessionClient.open(target);
    opened.push(client);
    return client;
  };
  /** SETs that reached the server. */
  const reached = async (): Promise<number> => {
    const [rows] = await root.query<RowDataPacket[]>("SHOW GLOBAL STATUS LIKE 'Com_set_option'");
    return Number(rows[0]?.['Value']);
  };

  it('are answered without it, and hold for what comes next', async () => {
    const client = await open();
    const before = await reached();
    for (const sql of opening) expect(await client.ask(sql)).toBe('ok 0 0 2 0');
    expect(await reached()).toBe(before);
    expect(await client.ask(settings)).toEqual([['latin1', 'latin1_swedish_ci', 'STRICT_ALL_TABLES']]);
    expect(await reached()).toBe(before + 2);
    const strict = "INSERT INTO words VALUES (REPEAT('x', 30))";
    expect(await client.ask(strict)).toMatch(/^error 1406/);
  });

  it('reach it with a sign of life, once a second', async () => {
    const client = await open();
    const before = await reached();
    await client.ask(opening[0] ?? '');
    jest.advanceTimersByTime(1_000);
    await client.ask(opening[1] ?? '');
    await until(
      async () => (await reached()) === before + 2,
      20_000,
      () => 'they do not reach it',
    );
    expect(await client.ask(settings)).toEqual([['latin1', 'latin1_swedish_ci', 'STRICT_ALL_TABLES']]);
    expect(await reached()).toBe(before + 2);
  });

  it.each([
    ['SHOW WARNINGS'],
    ['SELECT ROW_COUNT()'],
    [settings],
    ["SELECT COUNT(*) FROM words WHERE w = '\xe9'"],
    ['START TRANSACTION'],
    ["INSERT INTO words VALUES ('mbili')"],
    ["PREPARE p FROM 'SELECT @@sql_mode'"],
    ['SELECT w FROM nowhere'],
  ])('leave %s as it is without a proxy', async (sql) => {
    const [proxied, direct] = [await open(), await open(site.server.socket)];
    for (const client of [proxied, direct]) for (const text of opening) await client.ask(text);
    const said = [];
    for (const client of [proxied, direct]) {
      said.push(await client.ask(sql));
      await client.ask('ROLLBACK');
      await root.query("DELETE FROM app.words WHERE w NOT IN ('é', 'moja')");
    }
    expect(said[0]).toEqual(said[1]);
  });

  it('hold for replies from memory, which depend on them', async () => {
    const text = 'SELECT w FROM words ORDER BY w LIMIT 1';
    const other = await open();
    for (let tries = 0, hits = counters.cacheHits; counters.cacheHits === hits; tries++) {
      expect(tries).toBeLessThan(1_000);
      await other.ask(text);
    }
    const client = await open();
    for (const sql of opening) await client.ask(sql);
    const bytes = await client.ask(text);
    expect(bytes).not.toEqual(await other.ask(text));
  });

  it('are forgotten with the connection, which the next client finds as new', async () => {
    const client = await open();
    for (const sql of opening) await client.ask(sql);
    await client.quit();
    const next = await open();
    expect(await next.ask('SELECT @@sql_mode = @@GLOBAL.sql_mode')).toEqual([['1']]);
  });
});
