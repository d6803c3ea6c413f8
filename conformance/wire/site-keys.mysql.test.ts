import { join } from 'node:path';
import { type Connection, createConnection, type ResultSetHeader, type RowDataPacket } from 'mysql2/promise';
import { KeyMarksFile } from '../../proxy/io/key-marks-file';
import { startProxy } from '../../proxy/io/proxy-server';
import { SiteKeySource } from '../../proxy/io/key-source';
import { KeyBoard } from '../../proxy/keys/key-board';
import { bulkRange, composeKey, decomposeKey, isTimeSliced, keySeconds } from '../../proxy/keys/key-ranges';
import type { KeySource } from '../../proxy/ports';
import { findServer } from '../../site/lab/find-server';
import { type ProxiedServer, startProxiedServer } from './proxied-server';

const binary = findServer();
const SCOPE = 7;

(binary?.flavour === 'mariadb' ? describe : describe.skip)("the site's own keys on a real server", () => {
  let site: ProxiedServer;
  let direct: Connection;
  let board: KeyBoard;
  const opened: (() => Promise<unknown>)[] = [];

  beforeAll(async () => {
    site = await startProxiedServer(binary!);
    direct = await createConnection({ socketPath: site.server.socket, user: 'root', supportBigNumbers: true });
    await direct.query('CREATE TABLE app.post (id BIGINT AUTO_INCREMENT PRIMARY KEY, body VARCHAR(20))');
    await direct.query("INSERT INTO app.post VALUES (5, 'old'), (9, 'old')");
  });
  afterAll(async () => {
    for (const close of opened.reverse()) await close();
    await direct.end();
    await site.stop();
  });

  /** The site's process starts (again): nothing of it but the marks file and the database outlived the last. */
  async function start(incarnation: 'new' | 'known'): Promise<Connection> {
    board = KeyBoard.create(Date.now);
    const keys: KeySource = await SiteKeySource.open({
      scope: SCOPE,
      incarnation,
      board,
      store: new KeyMarksFile(join(site.dir, 'key-marks')),
      largestKey: async ({ schema, table, autoIncrement }, { from, end }) => {
        const [rows] = await direct.query<RowDataPacket[]>(
          'SELECT CAST(MAX(??) AS CHAR) AS largest FROM ??.?? WHERE ?? >= ? AND ?? < ?',
          [autoIncrement!.name, schema, table, autoIncrement!.name, String(from), autoIncrement!.name, String(end)],
        );
        const largest = (rows[0]?.['largest'] ?? null) as string | null;
        return largest === null ? null : BigInt(largest);
      },
      leases: { lease: () => Promise.resolve({ refused: 'there is no ring in this test' }) },
      nowMs: Date.now,
    });
    const socket = join(site.dir, `proxy-${opened.length}.sock`);
    const proxy = await startProxy({
      listen: null,
      socket,
      backend: { path: site.server.socket },
      catalog: site.catalog,
      keys,
      versions: site.versions,
      counters: site.counters,
      log: { warn: () => {}, error: (message) => void site.errors.push(message) },
      backendWaitMs: 30_000,
    });
    opened.push(() => proxy.close());
    const client = await createConnection({
      socketPath: socket,
      user: 'app',
      password: 'secret',
      database: 'app',
      supportBigNumbers: true,
      bigNumberStrings: true,
    });
    opened.push(() => client.end());
    return client;
  }

  async function insert(client: Connection, body: string, rows = 1): Promise<bigint> {
    const [result] = await client.query<ResultSetHeader>('INSERT INTO post (body) VALUES ?', [
      Array.from({ length: rows }, () => [body]),
    ]);
    return BigInt(result.insertId);
  }

  test('rise within a session, across sites, and across a crash that follows a delete', async () => {
    const client = await start('new');
    const first = await insert(client, 'one');
    expect(decomposeKey(first).scope).toBe(SCOPE);
    const block = await insert(client, 'fifty', 50);
    expect(block > first && isTimeSliced(block + 49n)).toBe(true);

    // Another site's clock is a minute ahead, and its post was applied here.
    const theirs = composeKey({ t: keySeconds(Date.now()) + 60, scope: 9, n: 0 });
    board.raiseFloor('app', 'post', theirs);
    const reply = await insert(client, 'reply');
    expect(reply > theirs).toBe(true);

    await direct.query('DELETE FROM app.post WHERE id >= ?', [String(block)]);
    const restarted = await start('known');
    const after = await insert(restarted, 'after');
    expect(after > reply).toBe(true);
    expect(decomposeKey(after).scope).toBe(SCOPE);
  });

  test('INSERT…SELECT takes a run of the bulk range, the next one follows it', async () => {
    const client = await start('known');
    const [a] = await client.query<ResultSetHeader>("INSERT INTO post (body) SELECT 'copy' FROM post LIMIT 2");
    const [b] = await client.query<ResultSetHeader>("INSERT INTO post (body) SELECT 'copy' FROM post LIMIT 3");
    expect(BigInt(a.insertId)).toBe(bulkRange(SCOPE).from);
    expect(BigInt(b.insertId)).toBe(bulkRange(SCOPE).from + 2n);
    // One that inserted nothing costs nothing.
    await client.query("INSERT INTO post (body) SELECT 'copy' FROM post WHERE id < 0");
    const [c] = await client.query<ResultSetHeader>("INSERT INTO post (body) SELECT 'copy' FROM post LIMIT 1");
    expect(BigInt(c.insertId)).toBe(bulkRange(SCOPE).from + 5n);
    expect(site.errors).toEqual([]);
  });
});
