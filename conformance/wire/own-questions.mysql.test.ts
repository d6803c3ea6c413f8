import { join } from 'node:path';
import { type Connection, createConnection, type RowDataPacket } from 'mysql2/promise';
import type { ServerDefaults } from '../../proxy/ports';
import { findServer } from '../../site/lab/find-server';
import { readServerDefaults } from '../../site/server-defaults';
import { anotherProxy, type ProxiedServer, startProxiedServer } from './proxied-server';
import type { LoginOptions } from './raw-client';
import { asked } from './reuse-client';
import { type Answer, SessionClient } from './session-client';

const binary = findServer();

/** What a client sees of a question that it did not ask, in a session as new. */
const scripts: readonly (readonly [reason: string, texts: readonly string[]])[] = [
  // Not FOUND_ROWS(): a new session of MariaDB's tells what another client's found there before.
  ['rows written and the last key, before anything was done', ['SELECT ROW_COUNT(), LAST_INSERT_ID()']],
  ['counters of the session', ["SHOW SESSION STATUS WHERE Variable_name IN ('Questions', 'Com_select')"]],
  ['warnings of nothing', ['SHOW WARNINGS']],
  [
    'rows found, behind a SET whose value only the server knows',
    [
      "SET @m = 'ANSI_QUOTES'",
      'SELECT SQL_CALC_FOUND_ROWS seq FROM seq_1_to_7 LIMIT 1',
      'SET sql_mode = @m',
      'SELECT FOUND_ROWS()',
      'SELECT FOUND_ROWS()',
    ],
  ],
  ['rows written, behind one', ["SET @m = 'ANSI_QUOTES'", 'SET sql_mode = @m', 'SELECT ROW_COUNT()']],
  [
    'the last key, behind one',
    ['INSERT INTO plain.t (v) VALUES (1)', 'SET sql_mode = CONCAT(@@sql_mode)', 'SELECT LAST_INSERT_ID(), ROW_COUNT()'],
  ],
  ['counters, behind one', ['SET sql_mode = DEFAULT', "SHOW SESSION STATUS LIKE 'Questions'"]],
  [
    'its error, behind one',
    ["SET sql_mode = CONCAT('no', 'thing')", 'SHOW WARNINGS', 'SHOW ERRORS', 'SELECT @@error_count, @@warning_count'],
  ],
  ['its warnings, behind one', ['SET sql_mode = IF(1 / 0 IS NULL, 1 << 30, 0)', 'SHOW WARNINGS']],
  [
    'profiles, behind one',
    [
      'SET profiling = 1',
      'SET sql_mode = CONCAT(@@sql_mode)',
      'SELECT query FROM (SELECT 1 AS query) AS q',
      'SELECT query_id, COUNT(*) > 0 FROM information_schema.profiling GROUP BY query_id',
    ],
  ],
];

(binary?.flavour === 'mariadb' ? describe : describe.skip)('what the proxy asks the server for itself', () => {
  let site: ProxiedServer;
  let admin: Connection;

  beforeAll(async () => {
    if (binary === null) throw new Error('no server');
    site = await startProxiedServer(binary);
    admin = await createConnection({ socketPath: site.server.socket, user: 'root', multipleStatements: true });
    await admin.query(
      `CREATE SCHEMA plain; CREATE TABLE plain.t (id INT AUTO_INCREMENT PRIMARY KEY, v INT);
       CREATE TABLE app.keyed (id BIGINT AUTO_INCREMENT PRIMARY KEY, w VARCHAR(20));
       CREATE USER few1@localhost IDENTIFIED BY 'secret', few2@localhost IDENTIFIED BY 'secret'
         WITH MAX_QUERIES_PER_HOUR 3;
       GRANT ALL ON *.* TO few1@localhost, few2@localhost; GRANT ALL ON plain.* TO app@localhost`,
    );
  });
  afterAll(async () => {
    await admin.end();
    await site.stop();
    expect(site.errors).toEqual([]);
  });
  // A proxy as new has not been told what sessions begin with.
  const asNew = async <T>(use: (socket: string) => Promise<T>): Promise<T> => {
    const socket = join(site.dir, 'new.sock');
    const readDefaults = (): Promise<ServerDefaults> =>
      readServerDefaults(async (sql) => (await admin.query<RowDataPacket[]>(sql))[0]);
    const proxy = await anotherProxy(site, { listen: null, socket, readDefaults });
    try {
      return await use(socket);
    } finally {
      await proxy.close();
    }
  };
  const answers = async (
    socket: string,
    texts: readonly string[],
    options: LoginOptions = {},
  ): Promise<readonly Answer[]> => {
    await admin.query('TRUNCATE plain.t');
    const session = await SessionClient.open(socket, options);
    const all = await asked(session, texts);
    await session.quit();
    return all;
  };

  it.each(scripts)('is not seen by a client: %s', async (_, texts) => {
    const direct = await answers(site.server.socket, texts);
    expect(await asNew((socket) => answers(socket, texts))).toEqual(direct);
  });

  it('is not counted against an account', async () => {
    const texts = ['DO 1', "SET sql_mode = CONCAT('ANSI', '_QUOTES')", 'SELECT 3', 'SELECT 4'];
    const direct = await answers(site.server.socket, texts, { user: 'few1' });
    const proxied = await asNew((socket) => answers(socket, texts, { user: 'few2' }));
    expect(direct.map(String)).toEqual([
      expect.stringContaining('ok'),
      expect.stringContaining('ok'),
      '3',
      expect.stringContaining('1226'),
    ]);
    expect(proxied.map(String)).toEqual(direct.map((answer) => String(answer).replaceAll('few1', 'few2')));
  });

  it('does not stand in the profiles of a session that begins with some', async () => {
    await admin.query("SET GLOBAL profiling = 1, GLOBAL init_connect = 'SET @a = 2; SET @b = 3'");
    const texts = ['SELECT @a, @b', 'SELECT query_id FROM information_schema.profiling GROUP BY query_id'];
    const direct = await answers(site.server.socket, texts);
    const proxied = await asNew((socket) => answers(socket, texts));
    await admin.query("SET GLOBAL profiling = 0, GLOBAL init_connect = ''");
    expect(proxied).toEqual(direct);
    expect(direct[0]).toEqual([['2', '3']]);
  });

  const ours = 1_000_000_000_000n;
  const keyed: readonly (readonly [text: string, keys: 'all ours' | 'zero and ours'])[] = [
    [`INSERT INTO "keyed" (w) VALUES ('a')`, 'all ours'],
    [`INSERT INTO keyed VALUES (0, 'a'), (NULL, 'b')`, 'zero and ours'],
  ];
  const modes = 'ANSI_QUOTES,NO_AUTO_VALUE_ON_ZERO';
  const ways: readonly (readonly [way: string, initConnect: string, texts: readonly string[]])[] = [
    ['a SET that only the server understands', '', [`SET sql_mode = CONCAT('${modes}', '')`]],
    ['one among others', '', [`SET @a = 1, sql_mode = CONCAT('${modes}', '')`]],
    ['a prepared one', '', [`PREPARE s FROM "SET sql_mode = '${modes}'"`, 'EXECUTE s']],
    ['init_connect', `SET sql_mode = '${modes}'`, []],
    ['a word for several modes', '', [`SET sql_mode = 'ORACLE,NO_AUTO_VALUE_ON_ZERO'`]],
  ];
  it.each(ways.flatMap((way) => keyed.map((each) => [way[0], each[0], way, each] as const)))(
    'is known all the same where it matters: by %s, %s',
    async (_, __, [, initConnect, before], [text, keys]) => {
      await admin.query('TRUNCATE app.keyed; SET GLOBAL init_connect = ?', [initConnect]);
      const all = await asNew((socket) => answers(socket, [...before, text]));
      await admin.query("SET GLOBAL init_connect = ''");
      expect(all.map(String).join()).not.toContain('error');
      const [rows] = await admin.query<RowDataPacket[]>('SELECT id FROM app.keyed ORDER BY id');
      const found = rows.map(({ id }) => BigInt(String(id)));
      if (keys === 'zero and ours') expect(found.shift()).toBe(0n);
      expect(found).toHaveLength(1);
      expect(found.every((id) => id >= ours)).toBe(true);
    },
  );
});
