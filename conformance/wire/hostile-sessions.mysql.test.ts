import { type Connection, createConnection } from 'mysql2/promise';
import { ReadCache } from '../../proxy/cache/read-cache';
import { TableVersions } from '../../proxy/cache/table-versions';
import { decodeError } from '../../proxy/wire/response';
import { frame } from '../../proxy/wire/packet-framer';
import { findServer } from '../../site/lab/find-server';
import { type ProxiedServer, startProxiedServer } from './proxied-server';
import { command, query, RawClient } from './raw-client';
import { zeroCounters } from '../../proxy/zero-counters';

const binary = findServer();

(binary?.flavour === 'mariadb' ? describe : describe.skip)('sessions that do not behave', () => {
  let site: ProxiedServer;
  const board = TableVersions.create();
  const counters = zeroCounters();

  beforeAll(async () => {
    if (binary === null) throw new Error('no server');
    board.setCaptureHealthy(true);
    const cache = new ReadCache({ board, maxBytes: 1 << 20, counters });
    site = await startProxiedServer(binary, {
      proxy: { cache, versions: board },
      extra: ['--max-connections=4500', '--log-bin-trust-function-creators=1'],
    });
    const admin = await root();
    await admin.query(`CREATE TABLE app.words (w VARCHAR(20) PRIMARY KEY, n INT);
      INSERT INTO app.words VALUES ('moja', 1), ('mbili', 2);
      CREATE TABLE app.post (id BIGINT AUTO_INCREMENT PRIMARY KEY, v VARCHAR(50));
      CREATE DATABASE other; CREATE TABLE other.words (w VARCHAR(20) PRIMARY KEY, n INT);
      INSERT INTO other.words VALUES ('other', 7); GRANT ALL ON other.* TO app@localhost;
      CREATE FUNCTION app.bump(by_n INT) RETURNS INT BEGIN UPDATE words SET n = n + by_n; RETURN 1; END;
      INSTALL SONAME 'auth_ed25519';`);
    await admin.query(
      "CREATE USER ed@'%' IDENTIFIED VIA ed25519 USING PASSWORD('secret'); GRANT ALL ON app.* TO ed@'%'",
    );
    await admin.end();
  });
  afterAll(async () => {
    await site.stop();
    expect(site.errors).toEqual([]);
  });

  const root = (): Promise<Connection> =>
    createConnection({ socketPath: site.server.socket, user: 'root', multipleStatements: true });
  const connect = (user = 'app'): Promise<Connection> =>
    createConnection({
      socketPath: site.proxySocket,
      user,
      password: 'secret',
      database: 'app',
      multipleStatements: true,
    });
  const numbers = async (db: Connection): Promise<unknown[]> => {
    const [rows] = await db.query('SELECT n FROM words ORDER BY n');
    return (rows as { n: unknown }[]).map(({ n }) => n);
  };

  it('keeps commands apart that come with the handshake, or with a change of user', async () => {
    const raw = await RawClient.connect(site.proxySocket, [
      query("INSERT INTO post (v) VALUES ('early')"),
      command(14),
    ]);
    expect((await raw.take(2)).map(({ payload }) => payload[0])).toEqual([0, 0]);
    const change = Buffer.from('app\0\0app\0\x2d\0mysql_native_password\0', 'latin1');
    raw.send(command(17, change), command(14));
    const [asked] = await raw.take(1);
    // An empty password is wrong, or a switch of the plugin is asked for: either way nothing hangs and nothing is lost.
    expect([0xfe, 0xff]).toContain(asked?.payload[0]);
    raw.destroy();
    const db = await connect();
    const [rows] = await db.query("SELECT id FROM post WHERE v = 'early'");
    expect(rows).toEqual([{ id: 1_000_000_000_000 }]);
    db.destroy();
  });

  it('knows that a change of user that fails has cleared the session all the same', async () => {
    const db = await connect();
    const other = await connect();
    await other.query('CREATE TABLE app.kept (id INT PRIMARY KEY, v INT); INSERT INTO app.kept VALUES (1, 1)');
    await db.query('CREATE TEMPORARY TABLE kept (v INT)');
    await db.query("SET sql_mode = 'ANSI_QUOTES'");
    await db.query('SET sql_select_limit = 1');
    const read = async (): Promise<unknown> => (await other.query('SELECT v FROM kept WHERE id = 1'))[0];
    // It is kept once the catalog has told of the table.
    for (const hits = counters.cacheHits; counters.cacheHits === hits;) expect(await read()).toEqual([{ v: 1 }]);
    await expect(db.changeUser({ user: 'app', password: 'wrong' })).rejects.toMatchObject({ errno: 1045 });
    // No temporary table hides it any more, and "…" is a string again.
    await db.query('UPDATE kept SET v = 2 WHERE id = 1 AND "x" = \'x\'');
    expect(await read()).toEqual([{ v: 2 }]);
    await db.query('INSERT INTO post (v) VALUES ("after")');
    const [rows] = await db.query("SELECT id > 999999999999 AS ours FROM post WHERE v = 'after'");
    expect(rows).toEqual([{ ours: 1 }]);
    await other.query('DROP TABLE app.kept');
    db.destroy();
    other.destroy();
  });

  it('reads texts in the character set of the login again when the session is reset', async () => {
    const raw = await RawClient.connect(site.proxySocket);
    raw.send(query('SET NAMES gbk'), command(31));
    await raw.take(2);
    // In gbk the last byte of the three and the backslash were one character, and the string ended there.
    const before = site.keys.demands.length;
    raw.send(query("INSERT INTO post (v) VALUES ('\u4f60\\' x'), ('y')"));
    expect((await raw.take(1)).map(({ payload }) => payload[0])).toEqual([0]);
    expect(site.keys.demands.slice(before)).toMatchObject([{ kind: 'rows', count: 2 }]);
    raw.destroy();
  });

  it('answers hundreds of pipelined commands in order, through a half-closed connection too', async () => {
    const raw = await RawClient.connect(site.proxySocket);
    const commands = Array.from({ length: 300 }, (_, index) => [
      query(`SET @i = ${index}`),
      query(`INSERT INTO post (v) VALUES ('p${index}')`),
      command(14),
    ]).flat();
    raw.send(...commands);
    raw.socket.end();
    const replies = await raw.take(commands.length);
    expect(replies.map(({ payload, sequence }) => [payload[0], sequence])).toEqual(commands.map(() => [0, 1]));
    await raw.until(() => raw.ended);
    raw.destroy();
  });

  it('waits for a slow reader without keeping its rows', async () => {
    const raw = await RawClient.connect(site.proxySocket);
    raw.socket.pause();
    raw.send(query("SELECT REPEAT('x', 1000000) FROM seq_1_to_60"));
    const other = await connect();
    const before = process.memoryUsage().external;
    for (let i = 0; i < 100; i++) await other.query('SELECT 1');
    expect(process.memoryUsage().external - before).toBeLessThan(30_000_000);
    other.destroy();
    raw.socket.resume();
    const packets = await raw.take(64);
    expect(packets.filter(({ payload }) => payload.length > 1_000_000)).toHaveLength(60);
    raw.destroy();
  });

  it('fetches through a cursor', async () => {
    const raw = await RawClient.connect(site.proxySocket);
    raw.send(command(22, Buffer.from('SELECT n FROM words ORDER BY n')));
    const [prepared] = await raw.take(3);
    const id = prepared?.payload.subarray(1, 5) ?? Buffer.alloc(4);
    const execute = Buffer.concat([id, Buffer.from([1, 1, 0, 0, 0])]);
    const fetch = (rows: number): Buffer => command(28, id, Buffer.from([rows, 0, 0, 0]));
    raw.send(command(23, execute), fetch(1), fetch(5), command(26, id), query('SELECT 5'));
    // Columns: count, definition, EOF. Rows 1 and EOF; row 2 and EOF; OK of the reset; five packets of the SELECT.
    const kinds = (await raw.take(3 + 2 + 2 + 1 + 5)).map(({ payload }) => payload[0]);
    expect(kinds.slice(0, 8)).toEqual([1, 3, 0xfe, 0, 0xfe, 0, 0xfe, 0]);
    raw.destroy();
  });

  it('follows an authentication of several steps', async () => {
    const db = await connect('ed').catch((error: { code?: string }) => error);
    // mysql2 knows no ed25519: what matters is that the server's switch reached it.
    expect(db).toMatchObject({ code: 'AUTH_SWITCH_PLUGIN_ERROR' });
  });

  it('knows after COM_RESET_CONNECTION and COM_CHANGE_USER what the session is', async () => {
    const db = await connect();
    await db.query("SET sql_mode = 'ANSI_QUOTES'; CREATE TEMPORARY TABLE words (n INT); INSERT INTO words VALUES (99)");
    expect(await numbers(db)).toEqual([99]);
    await (db as unknown as { reset(): Promise<void> }).reset();
    expect(await numbers(db)).toEqual([1, 2]);
    await db.changeUser({ user: 'app', password: 'secret', database: 'other' });
    expect(await numbers(db)).toEqual([7]);
    await db.changeUser({ user: 'app', password: 'secret', database: 'app' });
    expect(await numbers(db)).toEqual([1, 2]);
    db.destroy();
  });

  it.each(['USE other; SELEKT', "EXECUTE IMMEDIATE 'USE other'"])('reads the right schema after %s', async (sql) => {
    const db = await connect();
    await numbers(db);
    expect(await numbers(db)).toEqual([1, 2]);
    await db.query(sql).catch(() => {});
    expect(await numbers(db)).toEqual([7]);
    db.destroy();
  });

  const hidden: [string, string[]][] = [
    ['a stored function in an INSERT', ['INSERT INTO post (v) VALUES (app.bump(10))']],
    ['a stored function in an UPDATE', ['UPDATE post SET v = bump(10) LIMIT 1']],
    ['UNLOCK TABLES in a transaction', ['BEGIN', 'UPDATE words SET n = n + 10', 'UNLOCK TABLES', 'read', 'COMMIT']],
    ['DDL that failed', ['BEGIN', 'UPDATE words SET n = n + 10', 'CREATE TABLE', 'read', 'COMMIT']],
    ['COMMIT before', ['SET autocommit = 0', 'COMMIT; UPDATE words SET n = n + 10', 'read', 'COMMIT']],
    ['ANALYZE', ['ANALYZE UPDATE words SET n = n + 10']],
  ];
  it.each(hidden)('reads what was written through %s', async (_, steps) => {
    const writer = await connect();
    const reader = await connect();
    await writer.query("UPDATE words SET n = IF(w = 'moja', 1, 2)");
    await numbers(reader);
    for (const step of steps) {
      if (step === 'read') for (let i = 0; i < 3; i++) expect(await numbers(reader)).toEqual([1, 2]);
      else await writer.query(step).catch(() => {});
    }
    expect(await numbers(reader)).toEqual([11, 12]);
    await writer.query("SET autocommit = 1; UPDATE words SET n = IF(w = 'moja', 1, 2)");
    writer.destroy();
    reader.destroy();
  });

  it('reads what one statement of several has committed, before the others have ended', async () => {
    const admin = await root();
    await admin.query(
      `CREATE PROCEDURE app.writes_when_let() BEGIN DO GET_LOCK('write', 100); UPDATE app.words SET n = n + 10; END`,
    );
    await admin.query("SELECT GET_LOCK('write', 0), GET_LOCK('end', 0)");
    const reader = await connect();
    const writer = await RawClient.connect(site.proxySocket);
    writer.send(query("CALL writes_when_let(); SELECT GET_LOCK('end', 100)"));
    for (let i = 0; i < 3; i++) expect(await numbers(reader)).toEqual([1, 2]);
    await admin.query("SELECT RELEASE_LOCK('write')");
    expect((await writer.take(1))[0]?.payload[0]).toBe(0);
    expect(await numbers(reader)).toEqual([11, 12]);
    await admin.end();
    writer.destroy();
    await reader.query('UPDATE words SET n = n - 10');
    reader.destroy();
  });

  it('refuses a command that the server would not take, and stays alive', async () => {
    const admin = await root();
    const raw = await RawClient.connect(site.proxySocket);
    const full = Buffer.alloc(0xffffff, 32);
    for (let i = 0; i < 6; i++) raw.send(frame(full, i).subarray(0, 0xffffff + 4));
    const [answer] = await raw.take(1);
    expect(answer === undefined ? null : decodeError(answer.payload).errorCode).toBe(1153);
    raw.destroy();
    const db = await connect();
    expect(await numbers(db)).toEqual([1, 2]);
    db.destroy();
    await admin.end();
  });

  it('outlives clients that vanish, and backends that are killed, in the middle of a query', async () => {
    const before = site.counters.connections;
    const vanishing = await RawClient.connect(site.proxySocket);
    vanishing.send(query('SELECT SLEEP(30)'));
    vanishing.destroy();
    const killed = await connect();
    const [rows] = await killed.query('SELECT CONNECTION_ID() AS id');
    const sleeping = killed.query('SELECT SLEEP(30)').catch((error: { code?: string }) => error);
    const admin = await root();
    await admin.query(`KILL ${(rows as { id: number }[])[0]?.id ?? 0}`);
    expect(await sleeping).toMatchObject({ fatal: true });
    const deadline = Date.now() + 120_000;
    while (site.counters.connections > before && Date.now() < deadline) await numbersOnce(connect);
    expect(site.counters.connections).toBeLessThanOrEqual(before);
    await admin.end();
  });

  it('takes two thousand idle connections, and a thousand quick ones beside them', async () => {
    const idle: RawClient[] = [];
    for (let i = 0; i < 20; i++) {
      idle.push(...(await Promise.all(Array.from({ length: 100 }, () => RawClient.connect(site.proxySocket)))));
    }
    for (let i = 0; i < 20; i++) {
      const quick = await Promise.all(Array.from({ length: 50 }, () => RawClient.connect(site.proxySocket)));
      for (const client of quick) client.destroy();
    }
    for (const client of idle) client.send(command(14));
    for (const client of idle) expect((await client.take(1))[0]?.payload[0]).toBe(0);
    for (const client of idle) client.destroy();
  });
});

async function numbersOnce(connect: () => Promise<Connection>): Promise<void> {
  const db = await connect();
  await db.query('SELECT 1');
  await db.end();
}
