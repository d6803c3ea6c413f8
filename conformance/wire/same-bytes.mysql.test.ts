import type { Socket } from 'node:net';
import { join } from 'node:path';
import { type Connection, createConnection } from 'mysql2/promise';
import { startProxy } from '../../proxy/io/proxy-server';
import { findServer } from '../../site/lab/find-server';
import { phpAvailable } from '../clients/php';
import { type ProxiedServer, startProxiedServer } from './proxied-server';
import { run } from './run-program';

const binary = findServer();
const hasPhp = phpAvailable();

/** Statements that no key and no cache touches: the reply must be the same bytes. */
const statements = [
  'SELECT 1, NULL, "text", 1.5, NOW() IS NULL',
  'SELECT * FROM kinds ORDER BY i',
  'SELECT * FROM kinds WHERE 0',
  'SELECT nothing FROM kinds',
  'SELEKT',
  'SELECT REPEAT("x", 70000)',
  'SELECT seq, REPEAT("y", seq) FROM seq_1_to_400',
  'UPDATE kinds SET d = d + 1',
  'INSERT INTO kinds (i) VALUES (1)',
  'DELETE FROM kinds WHERE i = 3',
  'SELECT 1; SELECT 2; SELEKT; SELECT 3',
  'DO 1; SELECT ROW_COUNT(); SHOW WARNINGS',
  'BEGIN; UPDATE kinds SET d = 0; ROLLBACK',
  'CREATE TEMPORARY TABLE t (a INT); INSERT INTO t VALUES (1); SELECT * FROM t; DROP TABLE t',
  'SET @a = 5',
  'SELECT @a + 1',
  'SELECT GET_LOCK("l", 0), IS_FREE_LOCK("l"), RELEASE_LOCK("l")',
  'SHOW VARIABLES LIKE "version"',
  'EXPLAIN SELECT * FROM kinds',
  'CALL results()',
  'SET sql_mode = CONCAT(@@sql_mode, ",ANSI_QUOTES")',
  'SELECT "i" FROM kinds',
  'KILL QUERY 99999999',
  '/* unfinished',
  '',
];

/** MySQL: "COM_STMT_PREPARE_OK". */
const PREPARE_OK_BYTES = 12;

(binary?.flavour === 'mariadb' ? describe : describe.skip)('direct and through the proxy', () => {
  let site: ProxiedServer;

  beforeAll(async () => {
    if (binary === null) throw new Error('no server');
    site = await startProxiedServer(binary);
    const direct = await connect(site.server.socket);
    await direct.query(`CREATE TABLE kinds (i INT PRIMARY KEY, d DECIMAL(10,2), b BLOB, t TIMESTAMP NULL);
      INSERT INTO kinds VALUES (1, 1.5, x'00ff', NULL), (2, NULL, '', '2020-01-01'), (3, -1, 'x', NULL);
      CREATE PROCEDURE results() BEGIN SELECT 1; SELECT 2, 3; END;`);
    direct.destroy();
  });
  afterAll(async () => {
    await site.stop();
    expect(site.errors).toEqual([]);
  });

  const connect = (socketPath: string): Promise<Connection> =>
    createConnection({ socketPath, user: 'app', password: 'secret', database: 'app', multipleStatements: true });

  /** What the server sends for each statement, as hex. */
  async function replies(socketPath: string, prepared: boolean): Promise<string[]> {
    const db = await connect(socketPath);
    const all: string[] = [];
    let bytes: Buffer[] = [];
    (db as unknown as { connection: { stream: Socket } }).connection.stream.on('data', (chunk: Buffer) =>
      bytes.push(Buffer.from(chunk)),
    );
    await db.query('DELETE FROM kinds WHERE i = 3; INSERT INTO kinds (i, d) VALUES (3, 1); UPDATE kinds SET d = 1');
    for (const sql of statements) {
      bytes = [];
      await (prepared ? db.execute(sql) : db.query(sql)).catch(() => {});
      const reply = Buffer.concat(bytes);
      // Statement ids go on counting where a connection is used again.
      if (prepared && reply.readUIntLE(0, 3) === PREPARE_OK_BYTES && reply[4] === 0) reply.fill(0, 5, 9);
      all.push(reply.toString('hex'));
    }
    db.destroy();
    return all;
  }

  it.each([
    ['text', false],
    ['prepared', true],
  ])('%s statements give the same bytes', async (_protocol, prepared) => {
    const direct = await replies(site.server.socket, prepared);
    const proxied = await replies(site.proxySocket, prepared);
    statements.forEach((sql, index) => {
      expect([sql, proxied[index]]).toEqual([sql, direct[index]]);
    });
    expect(direct.every((reply) => reply.length > 0)).toBe(true);
  });

  it('carries 20 MB each way', async () => {
    const db = await connect(site.proxySocket);
    const text = 'x'.repeat(20_000_000);
    const [rows] = await db.query('SELECT ? AS t', [text]);
    expect((rows as { t: string }[])[0]?.t === text).toBe(true);
    db.destroy();
  });

  it('lets one session kill another, which alone ends', async () => {
    const [victim, killer] = [await connect(site.proxySocket), await connect(site.proxySocket)];
    const ended = new Promise<void>((resolve) => victim.on('error', () => resolve()));
    await killer.query(`KILL ${victim.threadId}`);
    await ended;
    const [rows] = await killer.query('SELECT 1 AS one');
    expect(rows).toEqual([{ one: 1 }]);
    killer.destroy();
  });

  it('says in the protocol that the backend is away', async () => {
    const path = join(site.dir, 'nobody.sock');
    const { catalog, keys, versions, counters } = site;
    const log = { warn: () => {}, error: () => {} };
    const socket = join(site.dir, 'away.sock');
    const proxy = await startProxy({
      listen: null,
      socket,
      backend: { path },
      catalog,
      keys,
      versions,
      counters,
      log,
      backendWaitMs: 150,
    });
    await expect(connect(socket)).rejects.toMatchObject({
      errno: 1429,
      message: expect.stringContaining(path) as string,
    });
    await proxy.close();
  });

  (hasPhp ? it.each(['mysqli', 'pdo-emulated', 'pdo-native']) : it.skip.each(['php is not installed']))(
    'PHP: %s',
    async (driver) => {
      const db = await connect(site.server.socket);
      const script = join(__dirname, '../clients/crud.php');
      const outputs: string[] = [];
      for (const port of [site.server.port, site.proxy.port]) {
        await db.query('DROP TABLE IF EXISTS crud');
        site.catalog.forget();
        await db.query(
          'CREATE TABLE crud (id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY, name VARCHAR(60) NOT NULL UNIQUE, note TEXT)',
        );
        const result = await run('php', [script, driver, '127.0.0.1', String(port), 'app', 'secret', 'app', 'crud']);
        expect([result.status, result.status === 0 ? '' : result.out + result.err]).toEqual([0, '']);
        outputs.push(result.out);
        const keys = (/\{"keys":\[(.*)\]\}/.exec(result.err)?.[1] ?? '').replace(/"/g, '').split(',');
        expect(keys.length).toBeGreaterThan(1);
        const own = port === site.proxy.port;
        expect(keys.every((key) => BigInt(key) >= 1_000_000_000_000n === own)).toBe(true);
      }
      expect(outputs[1]).toBe(outputs[0]);
      db.destroy();
    },
  );
});
