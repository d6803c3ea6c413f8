import { createReadStream } from 'node:fs';
import { writeFileSync } from 'node:fs';
import { once } from 'node:events';
import { createHash } from 'node:crypto';
import { type Connection as PlainConnection, createConnection as plainConnection } from 'mysql2';
import {
  type Connection,
  type ConnectionOptions,
  createConnection,
  createPool,
  type RowDataPacket,
} from 'mysql2/promise';
import { Transcript } from './transcript';

// A long session by mysql2: what it prints must be the same direct and through the proxy.
// usage: node mysql2-session.js HOST PORT SOCKET USER PASSWORD DATABASE FOLDER
const [host = '', port = '', socketPath = '', user = '', password = '', database = '', folder = ''] =
  process.argv.slice(2);
const { say, key, failing, end } = new Transcript();
const account = { user, password, database, supportBigNumbers: true, bigNumberStrings: true };
const options: ConnectionOptions = { ...account, host, port: Number(port), charset: 'utf8mb4', dateStrings: true };

async function rows(db: Connection, sql: string, values: unknown[] = []): Promise<unknown> {
  const [result] = await db.query<RowDataPacket[]>({ sql, rowsAsArray: true }, values);
  return result;
}
async function insert(db: Connection, sql: string, values: (string | null | Buffer)[] = []): Promise<unknown[]> {
  const [result] = await db.execute(sql, values);
  const { affectedRows, insertId, info, warningStatus } = result as unknown as Record<string, string | number>;
  return [affectedRows, key(insertId ?? 0), info, warningStatus];
}

async function values(db: Connection): Promise<void> {
  await db.query(
    'CREATE TABLE t (id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY, name VARCHAR(60) UNIQUE, d DATE, dt DATETIME(6), ti TIME(3), ' +
      'de DECIMAL(40,20), bu BIGINT UNSIGNED, bs BIGINT, f FLOAT, do DOUBLE, b LONGBLOB, bi BIT(10), j JSON, y YEAR)',
  );
  const row = [
    'jina 日本 🦁 ü\'"\\',
    '2026-02-28',
    '2026-02-28 23:59:59.123456',
    '-30:00:00.007',
    '1.00000000000000000001',
  ];
  const numbers = ['18446744073709551615', '-9223372036854775808', '1.5', '0.1'];
  const rest = [Buffer.from(Array.from({ length: 256 }, (_, i) => i)), Buffer.from([3, 255]), '{"a":[1,null]}', '2026'];
  const sql =
    'INSERT INTO t (name, d, dt, ti, de, bu, bs, f, do, b, bi, j, y) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)';
  say('prepared', await insert(db, sql, [...row, ...numbers, ...rest]));
  say('again', await insert(db, sql, ['second', ...row.slice(1), ...numbers, ...rest]));
  say('nulls', await insert(db, sql, Array<null>(13).fill(null)));
  say('many', await insert(db, "INSERT INTO t (name) VALUES ('a'), ('b'), ('c')"));
  const columns = 'name, d, dt, ti, de, bu, bs, f, do, HEX(b), bi, j, y';
  const [text, fields] = await db.query<RowDataPacket[]>({
    sql: `SELECT ${columns} FROM t ORDER BY id`,
    rowsAsArray: true,
  });
  say('text', text);
  say(
    'fields',
    fields.map(({ name, columnType, columnLength, flags, decimals }) => [
      name,
      columnType,
      columnLength,
      flags,
      decimals,
    ]),
  );
  say(
    'binary',
    (await db.execute({ sql: `SELECT ${columns}, b FROM t WHERE bu = ?`, rowsAsArray: true }, [numbers[0] ?? '']))[0],
  );
  // Ids beyond 2^53 stay exact.
  await db.query('CREATE TABLE wide (id BIGINT UNSIGNED PRIMARY KEY, v INT)');
  await db.query('INSERT INTO wide VALUES (9007199254740993, 1), (18446744073709551615, 2)');
  say('beyond 2^53', await rows(db, 'SELECT id, id + 0 FROM wide ORDER BY id'));
}

async function transactions(db: Connection): Promise<void> {
  await db.beginTransaction();
  say('inside', await insert(db, "INSERT INTO t (name) VALUES ('gone')"), await rows(db, 'SELECT COUNT(*) FROM t'));
  await db.rollback();
  await db.query('SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED');
  await db.beginTransaction();
  say('stays', await insert(db, "INSERT INTO t (name) VALUES ('stays')"));
  await db.commit();
  say('after', await rows(db, 'SELECT COUNT(*), SUM(name = "gone") FROM t'));
  const other = await createConnection({ ...options });
  await other.query('SET innodb_lock_wait_timeout = 1');
  await db.beginTransaction();
  await db.query("UPDATE t SET y = 2000 WHERE name = 'second'");
  say('lock wait', await failing(() => other.query("UPDATE t SET y = 2001 WHERE name = 'second'")));
  await db.rollback();
  await other.end();
}

async function results(db: Connection): Promise<void> {
  const multi = await createConnection({
    ...options,
    multipleStatements: true,
    rowsAsArray: true,
    flags: ['-FOUND_ROWS'],
  });
  say('multi', (await multi.query("SELECT 1; DO 1; SELECT 2, 'ü'; UPDATE t SET y = 2000 WHERE name = 'a'"))[0]);
  say('changed', (await multi.query("UPDATE t SET y = 2000 WHERE name = 'a'"))[0]);
  say('found', (await db.query("UPDATE t SET y = 2000 WHERE name = 'a'"))[0]);
  say(
    'in the middle',
    await failing(() => multi.query('SELECT 1; SELEKT; SELECT 2')),
    (await multi.query('SELECT 3'))[0],
  );
  await multi.query('CREATE PROCEDURE two(n INT) BEGIN SELECT n; SELECT n + 1, n + 2; END');
  say('call', (await multi.query('CALL two(5)'))[0], (await multi.execute('CALL two(?)', [6]))[0]);
  const big = Buffer.alloc(17_500_000, 'blob\0');
  await db.execute("UPDATE t SET b = ? WHERE name = 'a'", [big]);
  const [[row]] = await db.query<RowDataPacket[]>("SELECT b FROM t WHERE name = 'a'");
  say('big', big.equals(row?.['b'] as Buffer));
  const hash = createHash('md5');
  const plain = (db as unknown as { connection: PlainConnection }).connection;
  const stream = plain.query('SELECT seq, REPEAT("z", seq % 100) AS z FROM seq_1_to_20000').stream();
  for await (const found of stream) hash.update(JSON.stringify(found));
  say('streamed', hash.digest('hex'));
  const pipelined = Array.from({ length: 200 }, async (_, i) => rows(db, `SELECT ${i} + ?`, [i]));
  say(
    'pipelined',
    createHash('md5')
      .update(JSON.stringify(await Promise.all(pipelined)))
      .digest('hex'),
  );
  writeFileSync(`${folder}/load.tsv`, 'l1\t2001\nl2\t2002\n');
  const sql = `LOAD DATA LOCAL INFILE '${folder}/load.tsv' INTO TABLE t (name, y)`;
  say('load', (await db.query({ sql, infileStreamFactory: (path: string) => createReadStream(path) }))[0]);
  await multi.end();
}

async function errors(db: Connection): Promise<void> {
  const statements = [
    'SELEKT',
    "INSERT INTO t (name) VALUES ('a')",
    'SELECT * FROM nothing',
    'USE elsewhere',
    'SELECT ? FROM nothing',
    '',
  ];
  for (const sql of [...statements, "INSERT INTO t (name, d) VALUES ('e', '2026-02-30')"]) {
    say('error', sql, await failing(() => db.query(sql)), await failing(() => db.execute(sql)));
  }
  say(
    'ignored',
    await insert(db, "INSERT IGNORE INTO t (name, d) VALUES ('w', '2026-02-30')"),
    await rows(db, 'SHOW WARNINGS'),
  );
  say('wrong password', (await failing(() => createConnection({ ...options, password: 'wrong' }))).slice(0, 2));
}

async function sessions(db: Connection): Promise<void> {
  const victim = await createConnection({ ...options });
  const ids = ((await rows(db, 'SHOW PROCESSLIST')) as string[][]).map(([id]) => Number(id));
  say(
    'ids',
    ids.includes(db.threadId),
    ids.includes(victim.threadId),
    await rows(db, 'SELECT CONNECTION_ID() = ?', [db.threadId]),
  );
  const ended = once(victim as never, 'error');
  await db.query(`KILL ${victim.threadId}`);
  await ended;
  const sleeper = await createConnection({ ...options });
  const asleep = failing(() => sleeper.query('SELECT SLEEP(60) FROM t'));
  const running = 'SELECT COUNT(*) FROM information_schema.processlist WHERE id = ? AND info LIKE "%SLEEP%"';
  while (String(await rows(db, running, [sleeper.threadId])) !== '1');
  await db.query(`KILL QUERY ${sleeper.threadId}`);
  say('query killed', await asleep);
  await sleeper.query('SET @a = 5');
  await sleeper.changeUser({ user: `${user}2`, password, database });
  say('changed user', await rows(sleeper, 'SELECT @a, SUBSTRING_INDEX(CURRENT_USER(), "@", 1), DATABASE()'));
  await sleeper.ping();
  await sleeper.end();
  const bySocket = await createConnection({ ...account, socketPath });
  say('by socket', await rows(bySocket, 'SELECT USER(), DATABASE()'));
  await bySocket.end();
  const pool = createPool({ ...options, connectionLimit: 3 });
  const all = await Promise.all(
    Array.from({ length: 30 }, (_, i) => pool.query<RowDataPacket[]>('SELECT ? AS i', [i])),
  );
  say(
    'pool',
    all.map(([[row]]) => row?.['i'] as unknown),
  );
  await pool.end();
}

async function main(): Promise<void> {
  const db = await createConnection({ ...options, connectAttributes: { program: 'duara' }, connectTimeout: 20_000 });
  await values(db);
  await transactions(db);
  await results(db);
  await errors(db);
  await sessions(db);
  await db.end();
  const callback = plainConnection({ ...account, host, port: Number(port) });
  await new Promise<void>((resolve, reject) =>
    callback.end((error) => (error === null || error === undefined ? resolve() : reject(error))),
  );
  end();
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  process.exit(1);
});
