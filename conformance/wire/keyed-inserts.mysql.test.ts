import { Readable } from 'node:stream';
import { type Connection, createConnection, type ResultSetHeader } from 'mysql2/promise';
import { ReadCache } from '../../proxy/cache/read-cache';
import { findServer } from '../../site/lab/find-server';
import { anotherProxy, appAccount, type ProxiedServer, startProxiedServer } from './proxied-server';

const binary = findServer();
const base = 1_000_000_000_000n;

(binary?.flavour === 'mariadb' ? describe : describe.skip)('keys of inserts through the proxy', () => {
  let site: ProxiedServer;
  let db: Connection;

  beforeAll(async () => {
    if (binary === null) throw new Error('no server');
    site = await startProxiedServer(binary);
  });
  afterAll(async () => {
    await site.stop();
    expect(site.errors).toEqual([]);
  });
  beforeEach(async () => {
    db = await createConnection({
      host: '127.0.0.1',
      port: site.proxy.port,
      ...appAccount,
      infileStreamFactory: () => Readable.from([Buffer.from('a\nb\nc\n')]),
    });
    await db.query('DROP TABLE IF EXISTS post, other, hooked');
    await db.query('CREATE TABLE post (id BIGINT AUTO_INCREMENT PRIMARY KEY, v VARCHAR(50) UNIQUE, n INT DEFAULT 7)');
    await db.query("INSERT INTO post (id, v) VALUES (5, 'old'), (6, 'older')");
    site.keys.next = base;
    site.keys.settled.length = 0;
    site.keys.explicit.length = 0;
    site.versions.calls.length = 0;
  });
  afterEach(() => {
    db.destroy();
  });

  const ids = async (): Promise<bigint[]> => {
    const [rows] = await db.query('SELECT id FROM post WHERE id > 6 ORDER BY id');
    return (rows as { id: string }[]).map(({ id }) => BigInt(id));
  };
  const lastId = async (): Promise<bigint> => {
    const [rows] = await db.query('SELECT LAST_INSERT_ID() AS id');
    return BigInt((rows as { id: string }[])[0]?.id ?? -1);
  };
  const keysFrom = (count: number): bigint[] => Array.from({ length: count }, (_, index) => base + BigInt(index));

  const forms: [sql: string, rows: number, why: string][] = [
    ["INSERT INTO post (v) VALUES ('a')", 1, 'the usual form'],
    ["insert post values (null, 'a', 1)", 1, 'no INTO, no column list, NULL'],
    ["INSERT INTO app.post (v, id) VALUES ('a', 0), ('b', DEFAULT), ('c', NULL)", 3, 'qualified; all that generates'],
    ["INSERT INTO `post` SET v = 'a'", 1, 'SET form without the key'],
    ["INSERT INTO post SET id = NULL, v = 'a'", 1, 'SET form with NULL'],
    ['INSERT INTO post () VALUES (), ()', 2, 'empty lists'],
    ["INSERT IGNORE INTO post (v) VALUES ('old'), ('a')", 1, 'the duplicate uses no key'],
    ["REPLACE INTO post (v) VALUES ('a')", 1, 'REPLACE'],
    ["INSERT INTO post (v) SELECT CONCAT('x', seq) FROM seq_1_to_300", 300, 'INSERT … SELECT, one run'],
    ["INSERT INTO post (id, v) SELECT NULL, 'x'", 1, 'the key from a query'],
    ["INSERT INTO post (v) VALUES ('a') ON DUPLICATE KEY UPDATE n = 1", 1, 'ODKU that inserts'],
    ["INSERT INTO post (v) VALUES ('a') RETURNING id", 1, 'RETURNING'],
    ["/* hello */ INSERT /*! INTO */ post (v) -- c\n VALUES ('it''s \\' (a),(b)'); ", 1, 'comments, quotes, a last ;'],
    ["SET STATEMENT max_statement_time=9 FOR INSERT INTO post (v) VALUES ('a')", 1, 'a SET STATEMENT of its own'],
    [
      "SET STATEMENT auto_increment_increment=5 FOR INSERT INTO post (v) VALUES ('a'), ('b')",
      2,
      'its increment is pinned',
    ],
    ["SET auto_increment_increment=7, @x=1; INSERT INTO post (v) VALUES ('a'), ('b')", 2, 'so is the session’s'],
    ["PREPARE p FROM 'INSERT INTO post (v) VALUES (?)'; SET @v='a'; EXECUTE p USING @v", 1, 'text PREPARE'],
    ["EXECUTE IMMEDIATE 'INSERT INTO post (v) VALUES (''a'')'", 1, 'EXECUTE IMMEDIATE'],
    ["LOAD DATA LOCAL INFILE 'x' INTO TABLE post (v)", 3, 'LOAD DATA LOCAL'],
    ["INSERT INTO post (v) VALUES ('a'); SELECT 1; INSERT INTO post (v) VALUES ('b'), ('c')", 3, 'several statements'],
  ];
  it.each(forms)('%s', async (sql, rows) => {
    await db.query(sql);
    expect(await ids()).toEqual(keysFrom(rows));
    if (!sql.startsWith('LOAD')) expect([base, base + 1n]).toContainEqual(await lastId());
    expect(site.keys.settled.reduce((sum, { rows: used }) => sum + used, 0n)).toBe(BigInt(rows));
  });

  it('puts the key into the OK packet', async () => {
    const [result] = await db.query("INSERT INTO post (v) VALUES ('a'), ('b')");
    expect(BigInt((result as ResultSetHeader).insertId)).toBe(base);
  });

  it('gives each execution of a prepared statement a key', async () => {
    for (const value of ['a', 'b', 'c']) {
      const [result] = await db.execute('INSERT INTO post (v, n) VALUES (?, ?)', [value, 1]);
      expect(BigInt((result as ResultSetHeader).insertId)).toBe(base + BigInt(site.keys.settled.length - 1));
    }
    expect(await ids()).toEqual(keysFrom(3));
    expect(await lastId()).toBe(base + 2n);
    await db.execute('INSERT INTO post (id, v) VALUES (?, ?)', [99, 'own']);
    expect(await ids()).toEqual([99n, ...keysFrom(3)]);
  });

  it('gives keys to prepared statements that are too long to be kept read apart', async () => {
    const rows = 13_000;
    const text = `INSERT INTO post (v) VALUES ${Array.from({ length: rows }, () => '(?)').join()}`;
    for (let times = 1; times <= 2; times++) {
      const values = Array.from({ length: rows }, (_, at) => `${times} ${at}`);
      const [result] = await db.execute(text, values);
      expect((result as ResultSetHeader).affectedRows).toBe(rows);
      const [own] = await db.query(`SELECT COUNT(*) AS n FROM post WHERE id >= ${base}`);
      expect(own).toEqual([{ n: String(times * rows) }]);
    }
  });

  it('leaves own keys alone and reports them', async () => {
    await db.query("INSERT INTO post (id, v) VALUES (70, 'a'), (71, 'b')");
    expect(await ids()).toEqual([70n, 71n]);
    expect(site.keys.explicit).toEqual([70n, 71n]);
    await db.query("SET insert_id = 80; INSERT INTO post (v) VALUES ('c')");
    await db.query("INSERT INTO post (v) VALUES ('d')");
    expect(await ids()).toEqual([70n, 71n, 80n, base]);
  });

  it('takes 0 for a key under NO_AUTO_VALUE_ON_ZERO', async () => {
    await db.query("SET sql_mode = 'NO_AUTO_VALUE_ON_ZERO'");
    await db.query("INSERT INTO post (id, v) VALUES (0, 'zero'), (72, 'b')");
    expect(await ids()).toEqual([72n]);
    await db.query("SET @m = ''; SET sql_mode = @m");
    await db.query("INSERT INTO post (id, v) VALUES (0, 'generated')");
    expect(await ids()).toEqual([72n, base]);
  });

  const refusals: [sql: string, errno: number, text: RegExp, why: string][] = [
    ['INSERT INTO hooked (v) VALUES (1)', 1467, /app\.hooked .*BEFORE INSERT/, 'the trigger would take the key'],
    ['INSERT INTO exhausted (v) VALUES (1)', 1467, /no keys left/, 'the key source has none'],
    ['SET sql_log_bin = 0', 1227, /sql_log_bin/, 'hides changes'],
    ["SET SESSION binlog_format = 'STATEMENT'", 1227, /binlog_format/, 'hides rows'],
    ["SET @@binlog_row_image = 'MINIMAL'", 1227, /binlog_row_image/, 'hides what was there before'],
    ['SET @x = 1, LOCAL skip_replication = 1', 1227, /skip_replication/, 'hides changes'],
    ["SET GLOBAL binlog_row_metadata = 'NO_LOG'", 1227, /binlog_row_metadata/, 'hides names'],
    ["EXECUTE IMMEDIATE 'SET sql_log_bin = 0'", 1227, /sql_log_bin/, 'in a text that is run'],
    ["PREPARE p FROM 'SET sql_log_bin = 0'; EXECUTE p", 1227, /sql_log_bin/, 'in a text that is prepared'],
    ['SET STATEMENT sql_log_bin = 0 FOR INSERT INTO post (v) VALUES (1)', 1227, /sql_log_bin/, 'for one statement'],
  ];
  it.each(refusals)('refuses %s', async (sql, errno, text) => {
    await db.query('CREATE TABLE hooked (id BIGINT AUTO_INCREMENT PRIMARY KEY, v INT)');
    await db.query('CREATE TABLE IF NOT EXISTS exhausted (id BIGINT AUTO_INCREMENT PRIMARY KEY, v INT)');
    const admin = await createConnection({ socketPath: site.server.socket, user: 'root', database: 'app' });
    await admin.query('CREATE TRIGGER hook BEFORE INSERT ON hooked FOR EACH ROW INSERT INTO other VALUES (NEW.v)');
    await admin.end();
    site.catalog.forget();
    await expect(db.query(sql)).rejects.toMatchObject({ errno, message: expect.stringMatching(text) as string });
    const [rows] = await db.query('SELECT 1 AS one');
    expect(rows).toEqual([{ one: 1 }]);
  });

  it.each([
    ['(NULL, 1), (5, 2), (NULL, 3)', [0n, 1n]],
    [`(NULL, 1), (${base + 700n}, 2), ('0', 3), (DEFAULT, 4)`, [0n, 1n, 2n, 700n]],
    [`(${base + 700n}, 1), ('', 2)`, [0n, 700n]],
    [`(@unset, 1), (${base + 700n}, 2), (NULL, 3), (0, 4)`, [0n, 1n, 2n, 700n]],
    [`(9, 1), ('${base + 700n}', 2), (@unset, 3)`, [0n, 700n]],
  ])('rows with and without keys: %s', async (values, offsets) => {
    await db.query("SET sql_mode = ''");
    await db.query('CREATE OR REPLACE TABLE other (id BIGINT AUTO_INCREMENT PRIMARY KEY, v INT)');
    const [result] = await db.query(`INSERT INTO other (id, v) VALUES ${values}`);
    const [rows] = await db.query('SELECT id, v FROM other WHERE id > 9 ORDER BY id');
    expect((rows as { id: string }[]).map(({ id }) => BigInt(id) - base)).toEqual(offsets);
    expect(BigInt((result as ResultSetHeader).insertId)).toBe(base);
    expect(await lastId()).toBe(base);
  });

  it('waits for keys without losing its place, other sessions going on', async () => {
    let release = (): void => {};
    site.keys.waitFor = new Promise((resolve) => (release = resolve));
    const inserting = db.query("INSERT INTO post (v) VALUES ('late')");
    const after = db.query('SELECT LAST_INSERT_ID() AS id');
    const other = await createConnection({
      socketPath: site.proxySocket,
      user: 'app',
      password: 'secret',
      database: 'app',
    });
    await other.query('SELECT 1');
    await other.end();
    release();
    await inserting;
    const [rows] = await after;
    expect(rows).toEqual([{ id: String(base) }]);
  });

  it('does not key temporary tables, nor those that are not replicated', async () => {
    await db.query('CREATE TEMPORARY TABLE post (id INT AUTO_INCREMENT PRIMARY KEY, v VARCHAR(50))');
    const [result] = await db.query("INSERT INTO post (v) VALUES ('a')");
    expect((result as ResultSetHeader).insertId).toBe(1);
    await db.query('DROP TEMPORARY TABLE post');
    await db.query("INSERT INTO post (v) VALUES ('a')");
    expect(await ids()).toEqual([base]);
  });

  it('gives each row its key where the server counts in steps', async () => {
    const root = await createConnection({ socketPath: site.server.socket, user: 'root', multipleStatements: true });
    await root.query('SET GLOBAL auto_increment_increment = 7; SET GLOBAL auto_increment_offset = 3');
    const stepping = await createConnection({ host: '127.0.0.1', port: site.proxy.port, ...appAccount });
    try {
      // From the second on they are known.
      for (const v of ['a', 'b', 'c']) await stepping.query(`INSERT INTO post (v) VALUES ('${v}')`);
      await stepping.query("INSERT INTO post (v) VALUES ('d'), ('e')");
      expect(await ids()).toEqual(keysFrom(5));
    } finally {
      await root.query('SET GLOBAL auto_increment_increment = 1; SET GLOBAL auto_increment_offset = 1');
      await root.end();
      stepping.destroy();
    }
  });

  it('raises versions around a write, and at the end of its transaction', async () => {
    const { calls } = site.versions;
    const cache = new ReadCache({ board: site.versions, maxBytes: 1 << 20, counters: site.counters });
    const caching = await anotherProxy(site, { cache });
    const client = await createConnection({ host: '127.0.0.1', port: caching.port, ...appAccount });
    calls.length = 0;
    await client.query("INSERT INTO post (v) VALUES ('a')");
    expect(calls.splice(0)).toEqual(['begin app.post', 'end app.post']);
    await client.query('START TRANSACTION');
    await client.query("UPDATE post SET n = 1 WHERE v = 'a'");
    await client.query('SELECT 1');
    expect(calls.splice(0)).toEqual(['begin app.post', 'begin app.post rows']);
    await client.query('COMMIT');
    expect(calls.splice(0)).toEqual(['end app.post', 'end app.post rows']);
    await client.query('CREATE TABLE other (id INT)');
    expect(calls.splice(0)).toEqual(['begin all', 'flush', 'end all']);
    await client.query('BEGIN');
    await client.query("DELETE FROM post WHERE v = 'a'");
    client.destroy();
    await until(() => calls.includes('flush'));
    expect(calls).toEqual(['begin app.post', 'begin app.post rows', 'end app.post', 'end app.post rows', 'flush']);
    await caching.close();
  });

  it('tells nobody of a write where nothing is cached', async () => {
    await db.query("INSERT INTO post (v) VALUES ('a')");
    await db.query("UPDATE post SET n = 1 WHERE v = 'a'");
    await db.query('CREATE TABLE other (id INT)');
    await db.query('BEGIN');
    await db.query("DELETE FROM post WHERE v = 'a'");
    await db.query('COMMIT');
    expect(site.versions.calls).toEqual([]);
  });

  it('keys a packet that the prefix pushes over 16 MiB', async () => {
    const head = "INSERT INTO big (v) VALUES ('";
    await db.query('CREATE TABLE IF NOT EXISTS big (id BIGINT AUTO_INCREMENT PRIMARY KEY, v LONGBLOB)');
    const sql = `${head}${'x'.repeat(0xffffff - 1 - head.length - 2 - 5)}')`;
    const [result] = await db.query(sql);
    expect(BigInt((result as ResultSetHeader).insertId)).toBe(base);
    const [rows] = await db.query('SELECT LENGTH(v) AS bytes FROM big');
    expect(rows).toEqual([{ bytes: sql.length - head.length - 2 }]);
    await db.query('DROP TABLE big');
  });
});

async function until(condition: () => boolean): Promise<void> {
  const deadline = Date.now() + 120_000;
  while (!condition()) {
    if (Date.now() > deadline) throw new Error('waited too long');
    await new Promise((resolve) => setImmediate(resolve));
  }
}
