import { type Connection, createConnection, type RowDataPacket } from 'mysql2/promise';
import { ReadCache } from '../../proxy/cache/read-cache';
import { TableVersions } from '../../proxy/cache/table-versions';
import { findServer } from '../../site/lab/find-server';
import { type ProxiedServer, startProxiedServer } from './proxied-server';
import { zeroCounters } from '../../proxy/zero-counters';

const binary = findServer();

(binary === null ? describe.skip : describe)('reads from the cache', () => {
  let site: ProxiedServer;
  let db: Connection;
  let direct: Connection;
  const board = TableVersions.create();
  const counters = zeroCounters();
  const cache = new ReadCache({ board, maxBytes: 1 << 20, counters });

  beforeAll(async () => {
    if (binary === null) throw new Error('no server');
    board.setCaptureHealthy(true);
    site = await startProxiedServer(binary, { proxy: { cache, versions: board } });
    const account = { user: 'app', password: 'secret', database: 'app' };
    db = await createConnection({ ...account, socketPath: site.proxySocket });
    direct = await createConnection({ ...account, socketPath: site.server.socket });
    await db.query('CREATE TABLE words (w VARCHAR(20) PRIMARY KEY, n INT)');
    await db.query("INSERT INTO words VALUES ('moja', 1), ('mbili', 2)");
  });
  afterAll(async () => {
    db.destroy();
    direct.destroy();
    await site.stop();
    expect(site.errors).toEqual([]);
  });

  const sql = 'SELECT n FROM words ORDER BY n';
  const read = async (text = sql): Promise<unknown[]> => {
    const [rows] = await db.query(text);
    return (rows as { n: unknown }[]).map(({ n }) => n);
  };
  const hitsOf = async (step: () => Promise<unknown>): Promise<number> => {
    const before = counters.cacheHits;
    await step();
    return counters.cacheHits - before;
  };

  it('answers again without the server, until a write through the proxy', async () => {
    expect(await read()).toEqual([1, 2]);
    // A write that the board is not told of shows whether the server was asked.
    await direct.query("UPDATE words SET n = 20 WHERE w = 'mbili'");
    expect(await read()).toEqual([1, 2]);
    await db.query("UPDATE words SET n = 10 WHERE w = 'moja'");
    expect(await read()).toEqual([10, 20]);
  });

  it('is bypassed in a transaction', async () => {
    await read();
    await db.query('BEGIN');
    expect(await hitsOf(() => read())).toBe(0);
    await db.query('COMMIT');
    expect(await hitsOf(() => read())).toBe(1);
  });

  it('shows a session its own open writes, and others nothing of them', async () => {
    const other = await createConnection({
      user: 'app',
      password: 'secret',
      database: 'app',
      socketPath: site.proxySocket,
    });
    await db.query('BEGIN');
    await db.query("UPDATE words SET n = 11 WHERE w = 'moja'");
    expect(await read()).toEqual([11, 20]);
    const [rows] = await other.query(sql);
    expect(rows).toEqual([{ n: 10 }, { n: 20 }]);
    await db.query('COMMIT');
    const [after] = await other.query(sql);
    expect(after).toEqual([{ n: 11 }, { n: 20 }]);
    other.destroy();
  });

  it('lets FOUND_ROWS() see the read before it', async () => {
    const text = 'SELECT n FROM words WHERE n > 15';
    await read(text);
    expect(await hitsOf(() => read(text))).toBe(1);
    expect(await read('SELECT FOUND_ROWS() AS n')).toEqual([1]);
  });

  it('keeps sessions of different settings apart', async () => {
    const text = 'SELECT n FROM words WHERE w = "moja"';
    expect(await read(text)).toEqual([11]);
    await db.query("SET sql_mode = 'ANSI_QUOTES'");
    await expect(db.query(text)).rejects.toMatchObject({ code: 'ER_BAD_FIELD_ERROR' });
    await db.query("SET sql_mode = ''");
  });

  it('is not filled while capture is away', async () => {
    board.setCaptureHealthy(false);
    await read();
    expect(await hitsOf(() => read())).toBe(0);
    board.setCaptureHealthy(true);
  });

  it('tells the server now and then of a client that it answers: it would end the connection of one that is silent', async () => {
    const status = async (name: string): Promise<number> => {
      const [rows] = await direct.query<RowDataPacket[]>(`SHOW GLOBAL STATUS LIKE '${name}'`);
      return Number(rows[0]?.['Value']);
    };
    const rows = await read();
    const [pings, selects] = [await status('Com_admin_commands'), await status('Com_select')];
    const deadline = Date.now() + 240_000;
    while ((await status('Com_admin_commands')) === pings) {
      expect(Date.now()).toBeLessThan(deadline);
      expect(await read()).toEqual(rows);
    }
    // Only what came while the server was told; and what asks about the SELECT is told of it still.
    expect((await status('Com_select')) - selects).toBeLessThan(20);
    expect(await hitsOf(() => read())).toBe(1);
    expect(await read('SELECT FOUND_ROWS() AS n')).toEqual([rows.length]);
  });
});
