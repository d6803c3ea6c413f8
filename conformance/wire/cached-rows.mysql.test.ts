import { type Connection, type RowDataPacket, createConnection } from 'mysql2/promise';
import { ReadCache } from '../../proxy/cache/read-cache';
import { TableVersions } from '../../proxy/cache/table-versions';
import type { BypassReason } from '../../proxy/ports';
import { InformationSchemaCatalog } from '../../site/catalog';
import { findServer } from '../../site/lab/find-server';
import { type ProxiedServer, startProxiedServer } from './proxied-server';

const binary = findServer();

(binary === null ? describe.skip : describe)('what a cached reply depends on', () => {
  let site: ProxiedServer;
  let db: Connection;
  let root: Connection;
  const board = TableVersions.create();
  const reasons: BypassReason[] = [];
  const counters = {
    cacheHits: 0,
    cacheMisses: 0,
    cacheInvalidations: 0,
    connections: 0,
    unclassified: 0,
    queries: () => {},
    cacheBypassed: (reason: BypassReason) => void reasons.push(reason),
  };
  const cache = new ReadCache({ board, maxBytes: 1 << 20, counters });
  const opened: Connection[] = [];

  const connect = async (): Promise<Connection> => {
    const account = { user: 'app', password: 'secret', database: 'app', multipleStatements: true };
    const connection = await createConnection({ ...account, socketPath: site.proxySocket });
    opened.push(connection);
    return connection;
  };

  beforeAll(async () => {
    if (binary === null) throw new Error('no server');
    board.setCaptureHealthy(true);
    const catalog = new InformationSchemaCatalog({
      query: async (sql, values = []) => (await root.query<RowDataPacket[]>(sql, [...values]))[0],
      isReplicated: () => true,
    });
    site = await startProxiedServer(binary, {
      proxy: { cache, versions: board, catalog, counters },
      extra: ['--log-bin-trust-function-creators=1'],
    });
    root = await createConnection({ socketPath: site.server.socket, user: 'root', multipleStatements: true });
    await root.query(`USE app;
      CREATE TABLE user (id BIGINT PRIMARY KEY, name VARCHAR(20), seen INT DEFAULT 0);
      INSERT INTO user VALUES (1, 'Asha', 0), (2, 'Juma', 0);
      CREATE VIEW names AS SELECT id, name FROM user; CREATE VIEW now_names AS SELECT NOW() AS at, name FROM user;
      CREATE TABLE traced (id BIGINT PRIMARY KEY, n INT); CREATE TABLE audit (id BIGINT PRIMARY KEY, n INT);
      INSERT INTO traced VALUES (1, 0); INSERT INTO audit VALUES (1, 0);
      CREATE TRIGGER trace AFTER UPDATE ON traced FOR EACH ROW UPDATE audit SET n = NEW.n WHERE id = NEW.id;
      CREATE TABLE parent (id BIGINT PRIMARY KEY);
      CREATE TABLE child (id BIGINT PRIMARY KEY, p BIGINT, FOREIGN KEY (p) REFERENCES parent (id) ON DELETE CASCADE);
      INSERT INTO parent VALUES (1), (2); INSERT INTO child VALUES (1, 1), (2, 2);`);
    db = await connect();
  });
  afterEach(() => void reasons.splice(0));
  afterAll(async () => {
    for (const connection of [...opened, root]) connection?.destroy();
    await site.stop();
    expect(site.errors).toEqual([]);
  });

  const read = async (text: string, client = db): Promise<unknown> => (await client.query(text))[0];
  const isHit = async (text: string, client = db): Promise<boolean> => {
    const before = counters.cacheHits;
    await read(text, client);
    return counters.cacheHits > before;
  };
  /** What is read is kept: a table's first reply is, once the catalog has told of the table. */
  const keep = async (text: string, client = db): Promise<void> => {
    for (let tries = 0; !(await isHit(text, client)); tries++) expect(tries).toBeLessThan(1000);
  };

  it('the row with its key: writes of other rows leave it, new rows too', async () => {
    const text = "SELECT name FROM user WHERE id = '1'";
    await keep(text);
    await db.query('UPDATE user SET seen = 5 WHERE id = 2');
    await db.query("INSERT INTO user VALUES (3, 'Neema', 0)");
    await db.query('DELETE FROM user WHERE id = 3');
    expect(await isHit(text)).toBe(true);
    await db.query("UPDATE user SET name = 'Asha B' WHERE id = 1");
    expect(await read(text)).toEqual([{ name: 'Asha B' }]);
    await keep(text);
    await db.query("UPDATE user SET name = 'Asha C' WHERE name = 'Asha B'");
    expect(await read(text)).toEqual([{ name: 'Asha C' }]);
  });

  it('the whole table, where the row is not there', async () => {
    const text = 'SELECT name FROM user WHERE id = 7';
    await keep(text);
    await db.query("INSERT INTO user VALUES (7, 'Saba', 0)");
    expect(await read(text)).toEqual([{ name: 'Saba' }]);
    await keep(text);
    await db.query('UPDATE user SET id = 8 WHERE id = 7');
    expect(await read(text)).toEqual([]);
  });

  it('the tables behind a view; a view that reads the clock is not kept', async () => {
    const text = 'SELECT name FROM names WHERE id = 2';
    await keep(text);
    await db.query("UPDATE user SET name = 'Juma B' WHERE id = 2");
    expect(await read(text)).toEqual([{ name: 'Juma B' }]);
    await keep(text);
    await db.query("UPDATE names SET name = 'Juma C' WHERE id = 2");
    expect(await read(text)).toEqual([{ name: 'Juma C' }]);
    reasons.splice(0);
    // Once the catalog has told of the view.
    while (reasons.length === 0) await read('SELECT name FROM now_names');
    expect(reasons).toEqual(['view']);
  });

  it('what triggers and cascades write', async () => {
    const [audit, child, user] = ['SELECT n FROM audit', 'SELECT id FROM child', 'SELECT name FROM user WHERE id = 1'];
    for (const text of [audit, child, user]) await keep(text);
    await db.query('UPDATE traced SET n = 4 WHERE id = 1');
    expect(await read(audit)).toEqual([{ n: 4 }]);
    await db.query('DELETE FROM parent WHERE id = 1');
    expect(await read(child)).toEqual([{ id: 2 }]);
    expect(await isHit(user)).toBe(true);
  });

  it('in a transaction: hits at READ COMMITTED until it has written, none at REPEATABLE READ', async () => {
    const text = 'SELECT name FROM user WHERE id = 1';
    await keep(text);
    const own = await connect();
    await own.query('BEGIN');
    expect(await isHit(text, own)).toBe(false);
    expect(reasons).toContain('isolation');
    await own.query('COMMIT; SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED; BEGIN');
    expect(await isHit(text, own)).toBe(true);
    // The status that came with the hit is the one of a transaction, as mysql2 and others go by it.
    await db.query("UPDATE user SET name = 'Asha D' WHERE id = 1");
    expect(await read(text, own)).toEqual([{ name: 'Asha D' }]);
    await own.query('UPDATE user SET seen = 1 WHERE id = 2');
    expect(await isHit(text, own)).toBe(false);
    expect(reasons).toContain('own_writes');
    await own.query('ROLLBACK');
    await keep(text, own);
  });

  it('SET @duara_cache = 0 goes round it, and the server hears of it', async () => {
    const text = 'SELECT name FROM user WHERE id = 1';
    const own = await connect();
    await keep(text, own);
    reasons.splice(0);
    await own.query('SET @duara_cache = 0');
    expect(await isHit(text, own)).toBe(false);
    expect(reasons).toEqual(['opted_out']);
    expect(await read('SELECT @duara_cache AS c', own)).toEqual([{ c: 0 }]);
    await own.query('SET @duara_cache = 1');
    expect(await isHit(text, own)).toBe(true);
  });

  it('rights that change void it, also for who connected before', async () => {
    const text = 'SELECT name FROM user WHERE id = 1';
    await root.query("CREATE USER guest@localhost IDENTIFIED BY 'guest'; GRANT SELECT ON app.user TO guest@localhost");
    await root.query('GRANT ALL ON *.* TO app@localhost WITH GRANT OPTION; GRANT SUPER ON *.* TO app@localhost');
    const account = { user: 'guest', password: 'guest', database: 'app', socketPath: site.proxySocket };
    const guest = await createConnection(account);
    const admin = await connect();
    opened.push(guest);
    await keep(text, guest);
    await admin.query('REVOKE SELECT ON app.user FROM guest@localhost');
    await expect(read(text, guest)).rejects.toMatchObject({ code: 'ER_TABLEACCESS_DENIED_ERROR' });
  });

  it('many clients that miss on one text ask the server once', async () => {
    // Begun at the same rights: those of before the last test are apart.
    const [asker, ...clients] = await Promise.all(Array.from({ length: 8 }, connect));
    await keep('SELECT COUNT(*) AS n FROM user');
    /** How often the server is asked by them all. They wait for each other for two seconds only: null when these passed. */
    const asked = async (text: string): Promise<number | null> => {
      await root.query('USE app; LOCK TABLES user WRITE');
      const misses = counters.cacheMisses;
      const first = read(text, asker);
      while (counters.cacheMisses === misses) await root.query('DO SLEEP(0.001)');
      const begin = performance.now();
      const others = clients.map((client) => read(text, client));
      // Each has been heard, since the proxy answers them in the order they came.
      await Promise.all([connect(), connect()]);
      await root.query('UNLOCK TABLES');
      const replies = await Promise.all([first, ...others]);
      for (const reply of replies) expect(reply).toEqual(replies[0]);
      return performance.now() - begin < 2_000 ? counters.cacheMisses - misses : null;
    };
    const text = 'SELECT COUNT(*) AS n FROM user a JOIN user b JOIN user c WHERE a.name <> b.name';
    let times = await asked(text);
    for (let tries = 1; times === null; tries++) times = await asked(`${text} AND ${tries}`);
    expect(times).toBe(1);
  });

  it('who waits for another that dies asks itself', async () => {
    const text = 'SELECT COUNT(*) + 1 AS n FROM user a JOIN user b';
    const [dying, other] = [await connect(), await connect()];
    await root.query('USE app; LOCK TABLES user WRITE');
    const misses = counters.cacheMisses;
    const first = read(text, dying).catch(() => 'gone');
    for (let tries = 0; counters.cacheMisses === misses; tries++) await root.query('DO SLEEP(0.001)');
    const second = read(text, other);
    await connect();
    dying.destroy();
    await first;
    for (let tries = 0; counters.cacheMisses === misses + 1; tries++) await root.query('DO SLEEP(0.001)');
    await root.query('UNLOCK TABLES');
    expect(await second).toEqual(await read(text));
  });
});
