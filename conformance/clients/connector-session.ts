import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { type Connection, type ConnectionConfig, createConnection, createPool } from 'mariadb';
import { Transcript } from './transcript';

// A session by MariaDB's connector for Node: what it prints must be the same direct and through the proxy.
// usage: node connector-session.js HOST PORT SOCKET USER PASSWORD DATABASE FOLDER
const [host = '', port = '', socketPath = '', user = '', password = '', database = '', folder = ''] =
  process.argv.slice(2);
const { say, key, failing, end } = new Transcript();
const account = { user, password, database };
const options: ConnectionConfig = { ...account, host, port: Number(port), dateStrings: true, rowsAsArray: true };

/** As the connector tells it. */
interface Written {
  readonly affectedRows: number;
  readonly insertId: bigint;
  readonly warningStatus: number;
}

async function write(db: Connection, sql: string, values: unknown[] = []): Promise<unknown[]> {
  const { affectedRows, insertId, warningStatus } = await db.execute<Written>(sql, values);
  return [affectedRows, key(insertId), warningStatus];
}

async function values(db: Connection): Promise<void> {
  await db.query(
    'CREATE TABLE t (id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY, name VARCHAR(60) UNIQUE, d DATE, dt DATETIME(6), ti TIME(3), ' +
      'de DECIMAL(40,20), bu BIGINT UNSIGNED, bs BIGINT, do DOUBLE, b LONGBLOB, bi BIT(10), j JSON, g POINT)',
  );
  const row = [
    'jina 日本 🦁 ü\'"\\',
    '2026-02-28',
    '2026-02-28 23:59:59.123456',
    '-30:00:00.007',
    '1.00000000000000000001',
  ];
  const rest = [
    18446744073709551615n,
    -9223372036854775808n,
    0.1,
    Buffer.from(Array.from({ length: 256 }, (_, i) => i)),
  ];
  const last = [Buffer.from([3, 255]), '{"a":[1,null]}', { type: 'Point', coordinates: [1, 2] }];
  const sql =
    'INSERT INTO t (name, d, dt, ti, de, bu, bs, do, b, bi, j, g) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)';
  say('prepared', await write(db, sql, [...row, ...rest, ...last]));
  say('again', await write(db, sql, ['second', ...row.slice(1), ...rest, ...last]));
  say('nulls', await write(db, sql, Array<null>(12).fill(null)));
  const select = 'SELECT name, d, dt, ti, de, bu, bs, do, b, bi, j, g, id = LAST_INSERT_ID() FROM t ORDER BY id';
  say('text', await db.query(select));
  say('binary', await db.execute(select));
  const named = await db.query<Record<string, unknown>[]>({ sql: `${select} LIMIT 1`, rowsAsArray: false });
  say('named', named);
  await db.query('CREATE TABLE wide (id BIGINT UNSIGNED PRIMARY KEY, v INT)');
  await db.batch('INSERT INTO wide VALUES (?, ?)', [
    [9007199254740993n, 1],
    [18446744073709551615n, 2],
  ]);
  say('beyond 2^53', await db.query('SELECT id, id + 0 FROM wide ORDER BY id'));
}

async function batches(db: Connection): Promise<void> {
  const rows = Array.from({ length: 1000 }, (_, i) => [`b${i}`, i % 7 === 0 ? null : BigInt(i) << 50n]);
  const done = await db.batch<Written | Written[]>('INSERT INTO t (name, bs) VALUES (?, ?)', rows);
  say('batch', affected(done));
  const sum = "SELECT COUNT(*), SUM(bs), MAX(id) - MIN(id) FROM t WHERE name LIKE 'b%'";
  say('its rows', await db.query(sum));
  const numbered = rows.map((_, i) => [i, `b${i}`]);
  const changed = await db.batch<Written | Written[]>('UPDATE t SET do = ? WHERE name = ?', numbered);
  say('updated', affected(changed), await db.query('SELECT SUM(do) FROM t'));
  say('batch error', await failing(() => db.batch('INSERT INTO t (name) VALUES (?)', [['n1'], ['b5'], ['n2']])));
  say('after it', await db.query("SELECT COUNT(*) FROM t WHERE name LIKE 'n_'"));
  const one = await createConnection({ ...options, bulk: false });
  await one.batch('INSERT INTO t (name) VALUES (?)', [['p1'], ['p2'], ['p3']]);
  say('one by one', await one.query("SELECT COUNT(*) FROM t WHERE name LIKE 'p_'"));
  await one.end();
}

/** One result of all rows, or one of each, as server and connector agreed. */
function affected(results: Written | readonly Written[]): number {
  return [results].flat().reduce((sum, { affectedRows }) => sum + affectedRows, 0);
}

async function transactions(db: Connection): Promise<void> {
  await db.beginTransaction();
  say('inside', await write(db, "INSERT INTO t (name) VALUES ('gone')"), await db.query('SELECT COUNT(*) FROM t'));
  await db.rollback();
  await db.beginTransaction();
  say('stays', await write(db, "INSERT INTO t (name) VALUES ('stays')"));
  await db.commit();
  say('after', await db.query('SELECT COUNT(*), SUM(name = "gone") FROM t'));
}

async function results(db: Connection): Promise<void> {
  const multi = await createConnection({
    ...options,
    multipleStatements: true,
    foundRows: false,
    permitLocalInfile: true,
  });
  say('multi', await multi.query("SELECT 1; SELECT 2, 'ü'; UPDATE t SET do = 1 WHERE name = 'b1'"));
  say(
    'changed',
    await multi.query("UPDATE t SET do = 1 WHERE name = 'b1'"),
    await db.query("UPDATE t SET do = 1 WHERE name = 'b1'"),
  );
  say('in the middle', await failing(() => multi.query('SELECT 1; SELEKT; SELECT 2')), await multi.query('SELECT 3'));
  await multi.query('CREATE PROCEDURE two(n INT) BEGIN SELECT n; SELECT n + 1, n + 2; END');
  say('call', await multi.query('CALL two(5)'), await multi.execute('CALL two(?)', [6]));
  writeFileSync(`${folder}/load.tsv`, 'l1\t2001-01-01\nl2\t2002-02-02\n');
  say('load', await multi.query(`LOAD DATA LOCAL INFILE '${folder}/load.tsv' INTO TABLE t (name, d)`));
  await multi.end();
  const big = Buffer.alloc(17_500_000, 'blob\0');
  const packets = await createConnection({ ...options, maxAllowedPacket: 64 << 20 });
  await packets.execute("UPDATE t SET b = ? WHERE name = 'b1'", [big]);
  const [[back]] = await packets.query<[[Buffer]]>("SELECT b FROM t WHERE name = 'b1'");
  say('big', big.equals(back));
  await packets.end();
  const hash = createHash('md5');
  for await (const row of db.queryStream('SELECT seq, REPEAT("z", seq % 100) FROM seq_1_to_20000'))
    hash.update(JSON.stringify(row, (_, v: unknown) => (typeof v === 'bigint' ? String(v) : v)));
  say('streamed', hash.digest('hex'));
  const prepared = await db.prepare('SELECT ? + 1, name FROM t WHERE bs > ? ORDER BY id LIMIT 2');
  for (const from of [0n, 1n << 52n]) say('prepared', await prepared.execute([from, from]));
  prepared.close();
  const pipelined = Array.from({ length: 200 }, async (_, i) => db.query<unknown[][]>(`SELECT ${i} + ?`, [i]));
  say('pipelined', (await Promise.all(pipelined)).map(([row]) => String(row?.[0])).join());
}

async function errors(db: Connection): Promise<void> {
  const date = "INSERT INTO t (name, d) VALUES ('e', '2026-02-30')";
  for (const sql of ['SELEKT', "INSERT INTO t (name) VALUES ('b1')", 'SELECT * FROM nothing', 'USE elsewhere', date]) {
    say('error', sql, await code(() => db.query(sql)), await code(() => db.execute(sql)));
  }
  say('ignored', await write(db, date.replace('INSERT', 'INSERT IGNORE')), await db.query('SHOW WARNINGS'));
  say('wrong password', await code(() => createConnection({ ...options, password: 'wrong' })));
}

/** The connector puts its own thread's id into messages. */
async function code(step: () => Promise<unknown>): Promise<unknown> {
  return (await failing(step)).slice(0, 2);
}

async function sessions(db: Connection): Promise<void> {
  const victim = await createConnection({ ...options });
  victim.on('error', () => {});
  const ids = (await db.query<unknown[][]>('SHOW PROCESSLIST')).map(([id]) => Number(id));
  say(
    'ids',
    ids.includes(db.threadId ?? 0),
    ids.includes(victim.threadId ?? 0),
    await db.query('SELECT CONNECTION_ID() = ?', [db.threadId]),
  );
  const asleep = code(() => victim.query('SELECT SLEEP(60) FROM t'));
  const running = 'SELECT COUNT(*) FROM information_schema.processlist WHERE id = ? AND info LIKE "%SLEEP%"';
  while (String(await db.query(running, [victim.threadId])) !== '1');
  await db.query(`KILL QUERY ${victim.threadId}`);
  say('query killed', await asleep);
  await victim.query('SET @a = 5');
  await victim.query('CREATE TEMPORARY TABLE temp (a INT)');
  await victim.reset();
  say('reset', await victim.query('SELECT @a'), await code(() => victim.query('SELECT * FROM temp')));
  await victim.changeUser({ user: `${user}2`, password, database });
  say('changed user', await victim.query('SELECT SUBSTRING_INDEX(CURRENT_USER(), "@", 1), DATABASE()'));
  await victim.ping();
  await victim.end();
  const other = await createConnection({ ...options });
  other.on('error', () => {});
  await db.query(`KILL ${other.threadId}`);
  say('killed', (await code(() => other.query('SELECT 1'))) !== 'no error', other.isValid());
  const bySocket = await createConnection({ ...account, socketPath, rowsAsArray: true });
  say('by socket', await bySocket.query('SELECT USER(), DATABASE()'), bySocket.serverVersion());
  await bySocket.end();
  const pool = createPool({ ...options, connectionLimit: 3 });
  const all = await Promise.all(Array.from({ length: 30 }, (_, i) => pool.query<unknown[][]>('SELECT ?', [i])));
  say(
    'pool',
    all.map(([row]) => Number(row?.[0])),
  );
  await pool.end();
}

async function main(): Promise<void> {
  const db = await createConnection({ ...options, connectAttributes: { program: 'duara' }, initSql: ['SET @i = 3'] });
  say('initial statement', await db.query('SELECT @i'));
  await values(db);
  await batches(db);
  await transactions(db);
  await results(db);
  await errors(db);
  await sessions(db);
  await db.end();
  end();
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  process.exit(1);
});
