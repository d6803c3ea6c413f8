import { type Connection, createConnection, type ResultSetHeader } from 'mysql2/promise';
import { findServer } from '../../site/lab/find-server';
import { appAccount, type ProxiedServer, startProxiedServer } from './proxied-server';
import { command, query, RawClient } from './raw-client';

const binary = findServer();
const base = 1_000_000_000_000n;

/** Statements whose key is easily missed, or given to the wrong table. */
(binary?.flavour === 'mariadb' ? describe : describe.skip)('keys of unusual inserts through the proxy', () => {
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
    db = await connect();
    await db.query('DROP TABLE IF EXISTS post, made, passing');
    await db.query('CREATE TABLE post (id BIGINT AUTO_INCREMENT PRIMARY KEY, v VARCHAR(50), n INT DEFAULT 7)');
    site.keys.next = base;
    site.keys.settled.length = 0;
    site.keys.explicit.length = 0;
    site.counters.unclassified = 0;
  });
  afterEach(() => {
    db.destroy();
  });

  const connect = (): Promise<Connection> =>
    createConnection({
      socketPath: site.proxySocket,
      ...appAccount,
    });
  const ids = async (table = 'app.post'): Promise<bigint[]> => {
    const [rows] = await db.query(`SELECT id FROM ${table} ORDER BY id`);
    return (rows as { id: string }[]).map(({ id }) => BigInt(id));
  };

  const oneRow = [
    "INSERT INTO post (v) VALUE ('a')",
    "INSERT LOW_PRIORITY INTO post (v) VALUES ('a')",
    "INSERT HIGH_PRIORITY IGNORE post (v) VALUES ('a')",
    "REPLACE INTO post (v) SELECT 'a'",
    "INSERT INTO post (v) (SELECT 'a')",
    "INSERT INTO post (v) WITH x AS (SELECT 'a' AS v) SELECT v FROM x",
    "INSERT INTO `app`.`post` (`v`, `n`) VALUES (CONCAT('a', '),('), (SELECT COUNT(*) FROM post p WHERE p.id IN (1, 2)))",
    "INSERT INTO post (v) VALUES ('a') ON DUPLICATE KEY UPDATE id = LAST_INSERT_ID(id), n = VALUES(n)",
    "INSERT INTO post SET v = (SELECT 'a' FROM DUAL WHERE 1 IN (1, 2)), n = 3 ON DUPLICATE KEY UPDATE n = 1",
    "INSERT INTO post VALUES (\\N, 'a', 1)",
    "INSERT INTO post VALUES (NULL /* , */, 'a', 1) RETURNING id, v",
    "/*!40000 INSERT */ /*M!100000 INTO */ post /*!50701 nonsense */ (v) VALUES ('a')",
    "/*!INSERT INTO post (v) VALUES ('a')*/",
    "/*!99999 /* inner */ ' */ INSERT INTO post (v) VALUES ('a')",
    "# comment\n-- another\nINSERT INTO post (v) VALUES ('a')",
    "ANALYZE INSERT INTO post (v) VALUES ('a')",
    "ANALYZE FORMAT=JSON INSERT INTO post (v) VALUES ('a')",
    "BEGIN; INSERT INTO post (v) VALUES ('a'); COMMIT",
    "CREATE TEMPORARY TABLE post (id INT AUTO_INCREMENT PRIMARY KEY, v VARCHAR(50)); DROP TABLE post; INSERT INTO post (v) VALUES ('a')",
    "PREPARE p FROM 'INSERT INTO post (v) VALUES (''a'')'; PREPARE p FROM 'INSERT INTO app.post (v) VALUES (''b'')'; EXECUTE p",
  ];
  it.each(oneRow)('%s', async (sql) => {
    await db.query(sql);
    expect(await ids()).toEqual([base]);
  });

  it('reads what follows a change of sql_mode in the same text under the new one', async () => {
    const sql = `SET sql_mode = 'ANSI_QUOTES,NO_AUTO_VALUE_ON_ZERO'; INSERT INTO "post" ("v") VALUES ('a'); INSERT INTO "post" ("id") VALUES (0);
      SET sql_mode = ''; INSERT INTO post (id, v) VALUES (0, "b")`;
    await db.query(sql);
    expect(await ids()).toEqual([0n, base, base + 1n]);
  });

  it('leaves EXPLAIN alone', async () => {
    await db.query("EXPLAIN INSERT INTO post (v) VALUES ('a')");
    expect(await ids()).toEqual([]);
    expect(site.keys.next).toBe(base);
  });

  it('keys the real table again after DROP TABLE of a temporary one', async () => {
    await db.query('CREATE TEMPORARY TABLE post (id INT AUTO_INCREMENT PRIMARY KEY, v VARCHAR(50))');
    await db.query("INSERT INTO post (v) VALUES ('t')");
    expect(await ids('post')).toEqual([1n]);
    await db.query('DROP TABLE post');
    await db.query("INSERT INTO post (v) VALUES ('a')");
    expect(await ids()).toEqual([base]);
  });

  it('and after DROP TEMPORARY TABLE that failed for another name', async () => {
    await db.query('CREATE TEMPORARY TABLE post (id INT AUTO_INCREMENT PRIMARY KEY, v VARCHAR(50))');
    await expect(db.query('DROP TEMPORARY TABLE post, nothing')).rejects.toMatchObject({ errno: 1051 });
    await db.query("INSERT INTO post (v) VALUES ('a')");
    expect(await ids()).toEqual([base]);
  });

  it('and after a temporary one was renamed', async () => {
    await db.query('CREATE TEMPORARY TABLE post (id INT AUTO_INCREMENT PRIMARY KEY, v VARCHAR(50))');
    await db.query('ALTER TABLE post RENAME TO passing');
    await db.query("INSERT INTO post (v) VALUES ('a')");
    expect(await ids()).toEqual([base]);
  });

  it('leaves temporary tables alone that the same text, or a prepared statement, has made', async () => {
    await db.query(
      "CREATE TEMPORARY TABLE post (id TINYINT AUTO_INCREMENT PRIMARY KEY, v VARCHAR(9)); INSERT INTO post (v) VALUES ('t')",
    );
    expect(await ids('post')).toEqual([1n]);
    await db.query('DROP TEMPORARY TABLE post');
    await db.execute('CREATE TEMPORARY TABLE post (id TINYINT AUTO_INCREMENT PRIMARY KEY, v VARCHAR(9))');
    await db.query("INSERT INTO post (v) VALUES ('t')");
    expect(await ids('post')).toEqual([1n]);
    expect(site.keys.next).toBe(base);
  });

  const schemaChanges: [string, (sql: string) => Promise<unknown>][] = [
    ['USE elsewhere', (sql) => db.query(sql)],
    ['USE elsewhere; SELEKT', (sql) => db.query(sql).catch(() => {})],
    ["EXECUTE IMMEDIATE 'USE elsewhere'", (sql) => db.query(sql)],
    ["PREPARE u FROM 'USE elsewhere'; EXECUTE u", (sql) => db.query(sql)],
    ['USE elsewhere', (sql) => db.execute(sql)],
  ];
  it.each(schemaChanges)('follows the default schema: %s', async (sql, run) => {
    const admin = await createConnection({ socketPath: site.server.socket, user: 'root', multipleStatements: true });
    await admin.query(
      'DROP DATABASE IF EXISTS elsewhere; CREATE DATABASE elsewhere; GRANT ALL ON elsewhere.* TO app@localhost; CREATE TABLE elsewhere.post (id BIGINT AUTO_INCREMENT PRIMARY KEY, v VARCHAR(50))',
    );
    await admin.end();
    site.catalog.forget();
    await run(sql);
    await db.query("INSERT INTO post (v) VALUES ('not replicated')");
    expect(await ids('elsewhere.post')).toEqual([1n]);
    await db.query('USE app');
    await db.query("INSERT INTO post (v) VALUES ('a')");
    expect(await ids()).toEqual([base]);
  });

  it('keys a table that the same text has made', async () => {
    await db.query('CREATE TABLE made (v INT, id BIGINT AUTO_INCREMENT PRIMARY KEY); INSERT INTO made (v) VALUES (1)');
    await db.query(
      'RENAME TABLE made TO passing; INSERT INTO passing VALUES (2, NULL); ALTER TABLE passing RENAME made',
    );
    await db.query('CREATE TABLE passing LIKE made; INSERT INTO passing SET v = 3; DROP TABLE passing');
    await db.query(
      'DROP TABLE made; CREATE TABLE made (v INT); ALTER TABLE made ADD COLUMN id INT AUTO_INCREMENT, ADD KEY (id); DROP TABLE made',
    );
    await db.query('CREATE TABLE made (id BIGINT, v INT); INSERT INTO made (v) VALUES (1); DROP TABLE made');
    await db.query('CREATE TABLE made (v INT); ALTER TABLE made ADD id SERIAL; INSERT INTO made (v) VALUES (4), (5)');
    expect(await ids('made')).toEqual([base + 3n, base + 4n]);
    await db.query('TRUNCATE TABLE post; INSERT INTO post (v) VALUES (1)');
    expect(await ids()).toEqual([base + 5n]);
  });

  it('keys CREATE TABLE … SELECT', async () => {
    await db.query("CREATE TABLE made (id BIGINT AUTO_INCREMENT PRIMARY KEY) SELECT 'a' AS v UNION ALL SELECT 'b'");
    expect(await ids('made')).toEqual([base, base + 1n]);
  });

  const texts: [why: string, sql: readonly string[]][] = [
    [
      'PREPARE from a variable',
      [
        "SET @s = 'INSERT INTO post (v) VALUES (?)'",
        'PREPARE p FROM @s',
        "SET @s = 'x', @v = 'a'",
        'EXECUTE p USING @v',
      ],
    ],
    [
      'EXECUTE IMMEDIATE of one',
      ["SET @s = CONCAT('INSERT INTO post (v) ', 'VALUES (''é'')')", 'EXECUTE IMMEDIATE @s'],
    ],
    [
      'of an expression',
      ["SET @t = 'post'", "EXECUTE IMMEDIATE CONCAT('INSERT INTO ', @t, ' (v) VALUES (', QUOTE('a'), ')')"],
    ],
    ['in one text', ["SET @s = 'INSERT INTO post SET v = 1'; PREPARE p FROM @s; EXECUTE p"]],
  ];
  it.each(texts)('keys a text that is a value: %s', async (_why, sql) => {
    for (const one of sql) await db.query(one);
    expect(await ids()).toEqual([base]);
  });

  it('leaves a text alone that cannot be had, and its error to the server', async () => {
    await expect(db.query('PREPARE p FROM @nothing')).rejects.toMatchObject({ errno: 1064 });
    await expect(db.query('EXECUTE IMMEDIATE CONCAT(nocolumn, 1)')).rejects.toMatchObject({ errno: 1054 });
    await db.query("EXECUTE IMMEDIATE 'DO 1'");
  });

  const charsets: [string, Buffer, string][] = [
    ['sjis', Buffer.from([0xb1]), 'one-byte katakana before the quote'],
    ['sjis', Buffer.from([0x83, 0x5c]), 'a backslash as second byte'],
    ['gbk', Buffer.from([0xbf, 0x5c]), 'a backslash as second byte'],
    ['big5', Buffer.from([0xa5, 0x5c]), 'a backslash as second byte'],
    ['cp932', Buffer.from([0xdf]), 'one-byte katakana before the quote'],
    ['latin1', Buffer.from([0xbf, 0x5c, 0x5c]), 'an escaped backslash'],
  ];
  it.each(charsets)('%s %p: %s', async (charset, bytes) => {
    const raw = await RawClient.connect(site.proxySocket);
    const sql = Buffer.concat([Buffer.from("INSERT INTO post (v) VALUES ('"), bytes, Buffer.from("')")]);
    raw.send(query(`SET NAMES ${charset}`), query(sql));
    expect((await raw.take(2)).map(({ payload }) => payload[0])).toEqual([0, 0]);
    raw.destroy();
    expect(await ids()).toEqual([base]);
  });

  it('gives keys to the rows of a prepared statement that bring none', async () => {
    const sql = 'INSERT INTO post (id, v) VALUES (?, ?), (?, ?), (0, ?)';
    const far = String(base + 500n);
    await db.execute(sql, [null, 'a', null, 'b', 'c']);
    expect(await ids()).toEqual([base, base + 1n, base + 2n]);
    await db.execute(sql, [5, 'd', 6, 'e', 'f']);
    expect(await ids()).toEqual([5n, 6n, base, base + 1n, base + 2n, base + 3n]);
    const [mixed] = await db.execute(sql, [null, 'g', far, 'h', 'i']);
    expect(String((mixed as ResultSetHeader).insertId)).toBe(String(base + 4n));
    expect((await ids()).slice(5)).toEqual([base + 3n, base + 4n, base + 5n, base + 500n]);
    // The variables of the row before are not in force any more.
    await db.execute(sql, [7, 'j', null, 'k', 'l']);
    expect((await ids()).slice(9)).toEqual([base + 6n, base + 7n, base + 500n]);
    expect(site.keys.explicit).toEqual([5n, 6n, base + 500n, 7n]);
  });

  it('keys an INSERT that was prepared for a table without a key column', async () => {
    await db.query('CREATE TABLE made (id BIGINT PRIMARY KEY DEFAULT 1, v INT)');
    const statement = await db.prepare('INSERT INTO made (v) VALUES (?)');
    await statement.execute([1]);
    await db.query('ALTER TABLE made MODIFY id BIGINT AUTO_INCREMENT');
    await statement.execute([2]);
    await statement.execute([3]);
    await db.query(
      'CREATE TEMPORARY TABLE passing (id INT AUTO_INCREMENT PRIMARY KEY, v INT); INSERT INTO passing (v) VALUES (1)',
    );
    expect(await ids('made')).toEqual([1n, base, base + 1n]);
    expect(await ids('passing')).toEqual([1n]);
    await statement.close();
  });

  it('goes on with keys after a command that it does not know', async () => {
    const raw = await RawClient.connect(site.proxySocket);
    raw.send(command(0x7f, Buffer.from([1, 2, 3])), query("INSERT INTO post (v) VALUES ('a')"));
    expect((await raw.take(2)).map(({ payload }) => payload[0])).toEqual([255, 0]);
    raw.destroy();
    expect(await ids()).toEqual([base]);
  });

  it('follows sql_mode', async () => {
    await db.query("SET sql_mode = 'ANSI_QUOTES,NO_BACKSLASH_ESCAPES'");
    await db.query(`INSERT INTO "post" ("v") VALUES ('a\\'), ('b')`);
    await db.query('EXECUTE IMMEDIATE \'SET sql_mode = ""\''.replaceAll('"', "''"));
    await db.query(`INSERT INTO post (v) VALUES ("a\\"), ("), ("b")`);
    await db.query("SET sql_mode = DEFAULT; SET sql_mode = CONCAT(@@sql_mode, ',NO_AUTO_VALUE_ON_ZERO')");
    await db.query("INSERT INTO post (id, v) VALUES (0, 'zero')");
    expect(await ids()).toEqual([0n, base, base + 1n, base + 2n, base + 3n]);
  });
});
