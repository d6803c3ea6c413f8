import { type Connection, type ConnectionOptions, createConnection, type RowDataPacket } from 'mysql2/promise';
import { ReadCache } from '../../proxy/cache/read-cache';
import { TableVersions } from '../../proxy/cache/table-versions';
import { findServer } from '../../site/lab/find-server';
import { LeanClient } from '../bench/lean-client';
import { type ProxiedServer, startProxiedServer } from './proxied-server';
import { zeroCounters } from '../../proxy/zero-counters';

const binary = findServer();
const account = { user: 'app', password: 'secret', database: 'app' };
/** Both the query and its repetition that is answered from memory, or not. */
const sql = 'SELECT w, n FROM words ORDER BY n';

(binary === null ? describe.skip : describe)('what the cache may answer', () => {
  let site: ProxiedServer;
  let db: Connection;
  let other: Connection;
  /** Straight to the server. */
  let direct: Connection;
  const board = TableVersions.create();
  const counters = zeroCounters();
  const cache = new ReadCache({ board, maxBytes: 4 << 20, counters });
  const opened: Connection[] = [];

  const connect = async (changes: Partial<ConnectionOptions> = {}): Promise<Connection> => {
    const connection = await createConnection({
      ...account,
      socketPath: site.proxySocket,
      multipleStatements: true,
      ...changes,
    });
    opened.push(connection);
    return connection;
  };

  beforeAll(async () => {
    if (binary === null) throw new Error('no server');
    board.setCaptureHealthy(true);
    site = await startProxiedServer(binary, { proxy: { cache, versions: board } });
    [db, other] = [await connect(), await connect()];
    direct = await connect({ user: 'root', password: '', socketPath: site.server.socket });
    await db.query('CREATE TABLE words (w VARCHAR(20) PRIMARY KEY, n INT)');
    await db.query("INSERT INTO words VALUES ('moja', 1), ('mbili', 2)");
  });
  beforeEach(async () => {
    await db.query("REPLACE INTO words VALUES ('moja', 1), ('mbili', 2)");
    await db.query("DELETE FROM words WHERE w NOT IN ('moja', 'mbili')");
    for (const connection of [db, other]) await connection.query("SET sql_mode = ''");
  });
  afterAll(async () => {
    for (const connection of opened) connection.destroy();
    await site.stop();
    expect(site.errors).toEqual([]);
  });

  const hitsOf = async (step: () => Promise<unknown>): Promise<number> => {
    const before = counters.cacheHits;
    await step();
    return counters.cacheHits - before;
  };
  const numbers = async (from: Connection, text = sql): Promise<number[]> => {
    const [rows] = await from.query<RowDataPacket[]>(text);
    return rows.map(({ n }) => Number(n));
  };
  /** A write that the board is not told of: only who asks the server sees [2, 5] instead of [1, 2]. */
  const writeUnseen = async (): Promise<void> =>
    void (await direct.query("UPDATE app.words SET n = 5 WHERE w = 'moja'"));

  it('a schema entered anew after REVOKE gives no reply that was kept for those who are still in it', async () => {
    await direct.query(
      `CREATE USER clerk@'%' IDENTIFIED BY 'secret'; CREATE USER clerk@localhost IDENTIFIED BY 'secret';
       GRANT SELECT, INSERT ON app.* TO clerk@'%'; GRANT SELECT, INSERT ON app.* TO clerk@localhost`,
    );
    const clerk = { user: 'clerk', password: 'secret' };
    const [still, again] = [await connect(clerk), await connect(clerk)];
    const admin = await connect({ user: 'root', password: '' });
    await admin.query("REVOKE SELECT ON app.* FROM clerk@'%'; REVOKE SELECT ON app.* FROM clerk@localhost");
    // The server lets those read on that entered the schema before.
    expect(await numbers(still)).toEqual([1, 2]);
    expect(await hitsOf(async () => expect(await numbers(again)).toEqual([1, 2]))).toBe(1);
    await again.query('USE app');
    await expect(numbers(again)).rejects.toMatchObject({ errno: 1142 });
  });

  it('a text that the server cannot read voids nothing, and what it can read and we cannot voids all', async () => {
    await numbers(db);
    for (const text of ['SELEKT 1', "UPDATE words SET n = 'x", 'DELETE FROM words /* where']) {
      await expect(other.query(text)).rejects.toMatchObject({ errno: 1064 });
      expect(await hitsOf(() => numbers(db))).toBe(1);
      // Nor does it part the session that sent it from the others.
      expect(await hitsOf(() => numbers(other))).toBe(1);
    }
    await direct.query(
      `CREATE PROCEDURE app.refuses() BEGIN UPDATE app.words SET n = n + 10; SIGNAL SQLSTATE '42000' SET MYSQL_ERRNO = 1064; END`,
    );
    const third = await connect();
    await expect(third.query('CALL refuses()')).rejects.toMatchObject({ errno: 1064 });
    expect(await numbers(db)).toEqual([11, 12]);
    const block = `UPDATE words SET n = n + 10; SIGNAL SQLSTATE '42000' SET MYSQL_ERRNO = 1064`;
    await expect(third.query(`BEGIN NOT ATOMIC ${block}; END`)).rejects.toMatchObject({ errno: 1064 });
    expect(await numbers(db)).toEqual([21, 22]);
  });

  it('a repeated SELECT does not reach the server', async () => {
    await numbers(db);
    await writeUnseen();
    expect(await hitsOf(async () => expect(await numbers(db)).toEqual([1, 2]))).toBe(1);
    expect(await hitsOf(async () => expect(await numbers(other)).toEqual([1, 2]))).toBe(1);
    expect(cache.bytes).toBeGreaterThan(0);
  });

  it('shows own and others’ writes at once', async () => {
    await numbers(db);
    await db.query("UPDATE words SET n = 5 WHERE w = 'moja'");
    expect(await numbers(db)).toEqual([2, 5]);
    expect(await numbers(other)).toEqual([2, 5]);
    await other.query("INSERT INTO words VALUES ('tatu', 3)");
    expect(await numbers(db)).toEqual([2, 3, 5]);
  });

  it('shows what a transaction wrote to itself at once, to others when it commits', async () => {
    await numbers(other);
    await db.beginTransaction();
    await db.query("UPDATE words SET n = 7 WHERE w = 'moja'");
    expect(await numbers(db)).toEqual([2, 7]);
    expect(await numbers(other)).toEqual([1, 2]);
    expect(await numbers(other)).toEqual([1, 2]);
    await db.commit();
    expect(await numbers(other)).toEqual([2, 7]);
  });

  it('opens the snapshot of a transaction with its first read', async () => {
    await numbers(db);
    await db.beginTransaction();
    expect(await hitsOf(() => numbers(db))).toBe(0);
    await other.query("UPDATE words SET n = 9 WHERE w = 'moja'");
    expect(await numbers(db)).toEqual([1, 2]);
    await db.commit();
    expect(await numbers(db)).toEqual([2, 9]);
  });

  it('does not hide a temporary table', async () => {
    const own = await connect();
    await numbers(own);
    await own.query('CREATE TEMPORARY TABLE words (w VARCHAR(20), n INT)');
    expect(await numbers(own)).toEqual([]);
    await numbers(other);
    expect(await hitsOf(() => numbers(other))).toBe(1);
  });

  it('forgets nothing when a session makes a temporary table, and indexes for it, but all when a table is indexed', async () => {
    const own = await connect();
    await numbers(other);
    await own.query(
      'CREATE TEMPORARY TABLE ours (a INT);\nCREATE INDEX i ON ours (a);\nCREATE UNIQUE INDEX u ON ours (a)',
    );
    await own.query('CREATE INDEX j ON ours (a); DROP TEMPORARY TABLE ours');
    expect(await hitsOf(() => numbers(other))).toBe(1);
    await own.query('CREATE INDEX k ON words (n); DROP INDEX k ON words');
    expect(await hitsOf(() => numbers(other))).toBe(0);
  });

  it.each([
    ['SELECT n, NOW(6) FROM words', 'the time'],
    ['SELECT n, RAND() FROM words', 'chance'],
    ['SELECT n, @a FROM words', 'a user variable'],
    ['SELECT n, @@sql_mode FROM words', 'a system variable'],
    ['SELECT n, CONNECTION_ID() FROM words', 'the session'],
    ['SELECT n FROM words FOR UPDATE', 'locks'],
    ['SELECT 1 AS n', 'no table'],
    ['SHOW TABLES', 'no SELECT'],
    ['SELECT COUNT(*) AS n FROM information_schema.processlist', 'the server’s own tables'],
    ['SELECT n FROM words; SELECT n FROM words', 'two statements'],
    ["SELECT n FROM words WHERE n < 'x'", 'warnings'],
  ])('%s always reaches the server: %s', async (text) => {
    await db.query(text);
    expect(await hitsOf(() => db.query(text))).toBe(0);
  });

  it('leaves prepared statements to the server', async () => {
    await numbers(db);
    await db.execute(sql);
    expect(await hitsOf(() => db.execute(sql))).toBe(0);
    expect(await hitsOf(() => numbers(db))).toBe(1);
  });

  it.each([
    ['another schema', { database: 'second' }, []],
    ['another user', { user: 'root', password: '' }, [2, 5]],
    ['another character set', { charset: 'LATIN1_SWEDISH_CI' }, [2, 5]],
  ])('%s does not share', async (_name, changes, seen) => {
    await direct.query('CREATE DATABASE IF NOT EXISTS second; CREATE TABLE IF NOT EXISTS second.words LIKE app.words');
    await direct.query("GRANT ALL ON second.* TO app@'%'; GRANT ALL ON second.* TO app@localhost");
    const stranger = await connect(changes);
    await numbers(db);
    await writeUnseen();
    expect(await hitsOf(async () => expect(await numbers(stranger)).toEqual(seen))).toBe(0);
  });

  it('sessions of different settings do not share, of equal ones they do', async () => {
    const [a, b] = [await connect(), await connect()];
    await numbers(a);
    await b.query("SET sql_mode = 'ANSI'");
    expect(await hitsOf(() => numbers(b))).toBe(0);
    await a.query("SET sql_mode = 'ANSI'");
    expect(await hitsOf(() => numbers(a))).toBe(1);
    await a.query('SET time_zone = @@global.time_zone');
    expect(await hitsOf(() => numbers(a))).toBe(0);
  });

  it('a USE changes what a name means', async () => {
    const own = await connect();
    await direct.query('CREATE DATABASE IF NOT EXISTS third; CREATE TABLE IF NOT EXISTS third.words LIKE app.words');
    await direct.query("GRANT ALL ON third.* TO app@'%'; GRANT ALL ON third.* TO app@localhost");
    await numbers(own);
    await own.query('USE third');
    expect(await numbers(own)).toEqual([]);
    await own.changeUser({ ...account });
    expect(await numbers(own)).toEqual([1, 2]);
  });

  it('a table named temporary is none', async () => {
    await db.query('CREATE TABLE temporary (n INT); INSERT INTO temporary VALUES (1)');
    const read = async (): Promise<number[]> => numbers(other, 'SELECT n FROM temporary');
    await read();
    expect(await hitsOf(read)).toBe(1);
    await db.query('TRUNCATE TABLE temporary');
    expect(await read()).toEqual([]);
    await db.query('DROP TABLE temporary');
  });

  it('FOUND_ROWS(), ROW_COUNT() and SHOW WARNINGS after a hit say what they say without a cache', async () => {
    await db.query("INSERT INTO words VALUES ('tatu', 3)");
    await numbers(db);
    for (const [text, expected] of [
      ['SELECT FOUND_ROWS() AS n', [3]],
      ['SELECT ROW_COUNT() AS n', [-1]],
      ['SELECT @@warning_count AS n', [0]],
    ] as const) {
      await db.query("SELECT n FROM words WHERE n < 'x' LIMIT 1");
      expect(await hitsOf(() => numbers(db))).toBe(1);
      expect(await numbers(db, text)).toEqual(expected);
    }
    await db.query("SELECT n FROM words WHERE n < 'x' LIMIT 1");
    expect(await hitsOf(() => numbers(db))).toBe(1);
    expect((await db.query('SHOW WARNINGS'))[0]).toEqual([]);
  });

  it('clients of different protocol do not share, and each gets packets it can read', async () => {
    await numbers(db);
    // Without DEPRECATE_EOF, as PHP's mysqlnd before 8.4.
    const lean = await LeanClient.connect({ ...account, host: '127.0.0.1', port: site.proxy.port });
    expect(await hitsOf(() => lean.query(sql))).toBe(0);
    expect(await hitsOf(() => lean.query(sql))).toBe(1);
    expect(await hitsOf(async () => expect(await numbers(db)).toEqual([1, 2]))).toBe(1);
    await lean.quit();
  });

  it('a large reply passes and is not kept', async () => {
    const large = 'SELECT n, REPEAT(w, 100000) AS text FROM words ORDER BY n';
    const bytes = cache.bytes;
    const read = async (): Promise<string[]> => (await db.query<RowDataPacket[]>(large))[0].map(({ text }) => text);
    const first = await read();
    expect(first.map(({ length }) => length)).toEqual([400_000, 500_000]);
    expect(await hitsOf(async () => expect(await read()).toEqual(first))).toBe(0);
    expect(cache.bytes).toBeLessThanOrEqual(bytes);
  });

  it('definitions and rights that change void what was kept', async () => {
    const text = 'SELECT * FROM words ORDER BY n';
    await db.query(text);
    await db.query('ALTER TABLE words ADD more INT DEFAULT 4');
    expect((await db.query<RowDataPacket[]>(text))[0][0]).toEqual({ w: 'moja', n: 1, more: 4 });
    await db.query('ALTER TABLE words DROP more');
    // The first read after a change of definitions only makes the proxy look the table up anew.
    for (let tries = 0; (await hitsOf(() => numbers(db))) === 0; tries++) expect(tries).toBeLessThan(1000);
    board.flushAll();
    expect(await hitsOf(() => numbers(db))).toBe(0);
    expect(await hitsOf(() => numbers(db))).toBe(1);
  });

  it('a view made anew shows what it is now, also one that reads no table', async () => {
    const shown = async (): Promise<unknown> =>
      (await other.query<RowDataPacket[]>('SELECT * FROM made'))[0][0]?.['it'];
    for (const [from, values] of [
      ['', [1, 2]],
      [' FROM words WHERE n = 1', [10, 20]],
    ] as const) {
      for (const value of values) {
        await db.query(`CREATE OR REPLACE VIEW made AS SELECT ${value} AS it${from}`);
        // The first read after a change of definitions only makes the proxy look the view up anew.
        for (let tries = 0; tries < 20; tries++) expect(await shown()).toBe(value);
      }
    }
  });

  it('is off while capture is away, and knows nothing of before when it is back', async () => {
    await numbers(db);
    board.setCaptureHealthy(false);
    expect(await hitsOf(() => numbers(db))).toBe(0);
    await direct.query("UPDATE app.words SET n = 6 WHERE w = 'moja'");
    board.setCaptureHealthy(true);
    expect(await numbers(db)).toEqual([2, 6]);
  });

  it('answers many commands sent at once in their order', async () => {
    await numbers(db);
    const ids = [1, 2, 3, 4, 5];
    const replies = await Promise.all(
      ids.flatMap((id) => [
        numbers(db),
        numbers(db, `SELECT ${id} AS n`),
        numbers(db, 'SELECT MAX(n) AS n FROM words'),
      ]),
    );
    expect(replies).toEqual(ids.flatMap((id) => [[1, 2], [id], [2]]));
  });

  it('is never older than what was acknowledged, whoever reads and writes', async () => {
    await db.query(
      'CREATE TABLE counter (id INT PRIMARY KEY, n INT); INSERT INTO counter VALUES (0, 0), (1, 0), (2, 0)',
    );
    const acknowledged = [0, 0, 0];
    const end = Date.now() + 3_000;
    const before = counters.cacheHits;
    const shown = (): boolean => counters.cacheHits > before && Math.min(...acknowledged) > 0;
    const running = (): boolean => Date.now() < end || !shown();
    const writers = acknowledged.map(async (_, id) => {
      const own = await connect();
      for (let n = 1; running(); n++) {
        // In turn: at once, in a transaction, prepared, and undone before.
        if (n % 4 === 1) await own.query(`BEGIN; UPDATE counter SET n = ${n} WHERE id = ${id}; COMMIT`);
        else if (n % 4 === 2) await own.execute('UPDATE counter SET n = ? WHERE id = ?', [n, id]);
        else if (n % 4 === 3) {
          await own.query(`BEGIN; UPDATE counter SET n = -1 WHERE id = ${id}; ROLLBACK`);
          await own.query(`REPLACE INTO counter VALUES (${id}, ${n})`);
        } else await own.query(`UPDATE counter SET n = ${n} WHERE id = ${id}`);
        acknowledged[id] = n;
        expect(await numbers(own, `SELECT n FROM counter WHERE id = ${id}`)).toEqual([n]);
        // Until others have read from memory, now and then.
        for (const seen = counters.cacheHits; n % 10 === 0 && counters.cacheHits === seen && running();) {
          await own.query('DO SLEEP(0.01)');
        }
      }
    });
    const readers = [0, 1, 2, 3].map(async (seed) => {
      const own = await connect();
      let reads = 0;
      for (let at = seed; running(); at++, reads++) {
        const id = at % 3;
        const atLeast = acknowledged[id] ?? 0;
        const [n] = await numbers(own, `SELECT n FROM counter WHERE id = ${id}`);
        expect(n).toBeGreaterThanOrEqual(atLeast);
      }
      return reads;
    });
    await Promise.all([...writers, ...readers]);
    expect(Math.min(...acknowledged)).toBeGreaterThan(0);
    // Else nothing was shown of the cache.
    expect(counters.cacheHits).toBeGreaterThan(before);
  });

  // The last one: what sessions begin with is read again after ten seconds, and what it changes meanwhile closes the cache.
  it('sessions before and after a SET GLOBAL do not share, though an EXECUTE ran it', async () => {
    const text = 'SELECT GROUP_CONCAT(w ORDER BY w) AS w FROM words';
    const first = async (from: Connection): Promise<unknown> => (await from.query<RowDataPacket[]>(text))[0];
    await direct.query("GRANT SUPER ON *.* TO app@localhost; GRANT SUPER ON *.* TO app@'%'");
    const before = await connect();
    const setter = await connect();
    await setter.query("EXECUTE IMMEDIATE 'SET GLOBAL group_concat_max_len = 4'");
    try {
      const after = await connect();
      expect(await first(before)).toEqual([{ w: 'mbili,moja' }]);
      expect(await first(after)).toEqual([{ w: 'mbil' }]);
    } finally {
      await setter.query("EXECUTE IMMEDIATE 'SET GLOBAL group_concat_max_len = DEFAULT'");
      await direct.query("REVOKE SUPER ON *.* FROM app@localhost; REVOKE SUPER ON *.* FROM app@'%'");
    }
  });
});
