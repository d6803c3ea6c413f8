import { type Connection, createConnection } from 'mariadb';
import { isOwn } from '../../proxy/keys/key-ranges';
import { appAccount } from '../wire/proxied-server';
import { describeKeyed } from './describe-keyed';
import { KeyedSite } from './keyed-site';

const far = 2n ** 60n;

type Key = bigint | string | null;
interface Batch {
  readonly keys: readonly Key[];
  /** Rows where keys of this site must stand. */
  readonly ours: readonly number[];
  readonly why: string;
}

describeKeyed('bulk executions that bring keys for some rows', (start) => {
  let site: KeyedSite;
  let db: Connection;

  beforeAll(async () => {
    site = await start({ leaseKeys: { 8: 8n, 16: 64n, 24: 2048n, 32: 4096n } });
    db = await createConnection({ socketPath: site.socket, ...appAccount, bulk: true, bigIntAsNumber: false });
    await db.query(
      'CREATE TABLE post (id BIGINT AUTO_INCREMENT PRIMARY KEY, v VARCHAR(50), k VARCHAR(20) UNIQUE, n INT)',
    );
    await site.schemaChanged();
  });
  beforeEach(async () => {
    await db.query('DELETE FROM post');
  });
  afterAll(() => db.end());

  const found = async (): Promise<Map<string, bigint>> => {
    const rows = await db.query<{ id: bigint; v: string }[]>('SELECT id, v FROM post');
    return new Map(rows.map(({ id, v }) => [v, BigInt(id)]));
  };

  const batches: Batch[] = [
    { keys: [3n, null, far, null, null], ours: [1, 3, 4], why: 'as a number' },
    { keys: [null, String(far), null, '0', '7', null], ours: [0, 2, 3, 5], why: 'as text' },
    { keys: [far, null, null], ours: [1, 2], why: 'nothing generated before it' },
    { keys: [9n, null, 5n, null, far, null, far + 1n, null], ours: [1, 3, 5, 7], why: 'several' },
    { keys: [4n, null, far, far + 5n], ours: [1], why: 'nothing behind it' },
  ];
  it.each(batches)('%j', async ({ keys, ours }) => {
    const told = await db.batch<{ affectedRows: number; insertId: bigint }>(
      'INSERT INTO post (v, id) VALUES (?, ?)',
      keys.map((key, at) => [`r${at}`, key]),
    );
    const [last] = await db.query<{ id: bigint }[]>('SELECT LAST_INSERT_ID() AS id');
    const byTag = await found();
    const keysFound = keys.map((_key, at) => byTag.get(`r${at}`) ?? 0n);
    expect(keysFound.flatMap((key, at) => (isOwn(KeyedSite.scope, key) ? [at] : []))).toEqual(ours);
    keys.forEach((key, at) => {
      if (!ours.includes(at)) expect(keysFound[at]).toBe(BigInt(key ?? 0));
    });
    const generated = ours.map((at) => keysFound[at] ?? 0n);
    expect(generated).toEqual([...generated].sort((a, b) => (a < b ? -1 : 1)));
    expect(told.affectedRows).toBe(keys.length);
    expect(BigInt(told.insertId)).toBe(generated[0]);
    expect(BigInt(last?.id ?? 0)).toBe(generated[0]);
  });

  it.each([`${far} + 0`, `(SELECT ${far})`])('REPLACE behind %s in the list', async (key) => {
    const rows = ['a', 'b', 'c'].map((tag) => [`${tag}0`, `${tag}1`, null, `${tag}2`, '0']);
    const told = await db.batch<{ insertId: bigint }>(
      `REPLACE INTO post (v, id) VALUES (?, ${key}), (?, ?), (?, ?)`,
      rows,
    );
    const byTag = await found();
    const ours = [...byTag].filter(([, own]) => isOwn(KeyedSite.scope, own)).map(([tag]) => tag);
    expect(ours.sort()).toEqual(['a1', 'a2', 'b1', 'b2', 'c1', 'c2']);
    expect(BigInt(told.insertId)).toBe(byTag.get('a1'));
  });

  it('keep their keys behind a row that is updated and tells its key', async () => {
    await db.query(`INSERT INTO post (id, v, k) VALUES (${far}, 'old', 'taken'), (7, 'low', 'low')`);
    await db.batch(
      'INSERT INTO post (id, v, k) VALUES (?, ?, ?) ON DUPLICATE KEY UPDATE id = LAST_INSERT_ID(id), n = 8',
      [
        [null, 'a', 'a'],
        [null, 'x', 'taken'],
        [null, 'b', 'b'],
        ['7', 'y', 'z'],
        [null, 'c', 'c'],
      ],
    );
    const byTag = await found();
    const ours = [...byTag].filter(([, key]) => isOwn(KeyedSite.scope, key)).map(([tag]) => tag);
    expect(ours.sort()).toEqual(['a', 'b', 'c']);
    expect(byTag.get('old')).toBe(far);
    expect(byTag.get('low')).toBe(7n);
  });

  it('go over many packets', async () => {
    const long = 'x'.repeat(40);
    const rows = Array.from({ length: 20_000 }, (_, at) => [`${at}-${long}`, at === 3 ? String(far) : null]);
    await db.batch('INSERT INTO post (v, id) VALUES (?, ?)', rows);
    const byTag = await found();
    expect(byTag.size).toBe(20_000);
    expect([...byTag.values()].filter((key) => !isOwn(KeyedSite.scope, key))).toEqual([far]);
  });

  const rest: [list: string, rows: Key[][], ours: string[], why: string][] = [
    [
      '(?, ?), (NULL, ?)',
      [
        [null, 'a', 'b'],
        [String(far), 'c', 'd'],
        ['7', 'e', 'f'],
      ],
      ['a', 'b', 'd', 'f'],
      'NULL',
    ],
    [
      '(0, ?), (?, ?)',
      [
        ['a', far, 'b'],
        ['c', null, 'd'],
      ],
      ['a', 'c', 'd'],
      'zero before it',
    ],
    [
      '(DEFAULT, ?), (?, ?)',
      [
        ['a', far, 'b'],
        ['c', null, 'd'],
      ],
      ['a', 'c', 'd'],
      'a default before it',
    ],
    [`((SELECT ${far}), ?), (NULL, ?)`, [['a', 'b']], ['b'], 'a computed one, and none generated before'],
    [
      '(NULLIF(?, 0), ?)',
      [
        [0n, 'a'],
        [far, 'b'],
        [0n, 'c'],
        [5n, 'd'],
        [0n, 'e'],
      ],
      ['a', 'c', 'e'],
      'computed from a parameter',
    ],
    [
      '(? + 0, ?), (?, ?)',
      [
        [0n, 'a', far, 'b'],
        [0n, 'c', null, 'd'],
      ],
      ['a', 'c', 'd'],
      'computed, and zero',
    ],
    [
      "(?, ?), ('0', ?)",
      [
        [null, 'a', 'b'],
        [String(far), 'c', 'd'],
      ],
      ['a', 'b', 'd'],
      'zero as text',
    ],
  ];
  it.each(rest)('%s: rows whose key is no parameter', async (list, rows, ours) => {
    const told = await db.batch<{ affectedRows: number; insertId: bigint }>(
      `INSERT INTO post (id, v) VALUES ${list}`,
      rows,
    );
    const [last] = await db.query<{ id: bigint }[]>('SELECT LAST_INSERT_ID() AS id');
    const byTag = await found();
    const own = [...byTag].filter(([, key]) => isOwn(KeyedSite.scope, key));
    expect(own.map(([tag]) => tag).sort()).toEqual(ours);
    expect(ours.map((tag) => byTag.get(tag) ?? 0n)).toEqual(own.map(([, key]) => key).sort((a, b) => (a < b ? -1 : 1)));
    expect([told.affectedRows, BigInt(told.insertId)]).toEqual([byTag.size, byTag.get(ours[0] ?? '')]);
    expect(BigInt(last?.id ?? 0)).toBe(byTag.get(ours[0] ?? ''));
  });

  it('are told the first new one where rows before it are left out', async () => {
    await db.query("INSERT INTO post (id, k) VALUES (3, 'taken')");
    const told = await db.batch<{ insertId: bigint }>(
      'INSERT IGNORE INTO post (id, k, v) VALUES (NULL, ?, ?), (?, ?, ?)',
      [
        ['taken', 'a', far, 'far', 'b'],
        ['taken', 'c', null, 'new', 'd'],
      ],
    );
    expect(BigInt(told.insertId)).toBe((await found()).get('d'));
  });

  it('leave keys as they come beside computed ones, in the first execution of a session too', async () => {
    const client = await createConnection({ socketPath: site.socket, ...appAccount, bulk: true });
    const sql = 'INSERT INTO post (id, v) VALUES (?, ?), (?, ?), (?, ?), (1 - 1, ?), (?, ?)';
    await client.batch(sql, [[null, 'a', '192', 'b', '823', 'c', 'd', '746', 'e']]);
    await client.batch(sql, [
      [null, 'f', '193', 'g', '824', 'h', 'i', String(far), 'j'],
      [null, 'k', null, 'l', '825', 'm', 'n', '0', 'o'],
    ]);
    await client.end();
    const byTag = await found();
    expect(['b', 'c', 'e', 'g', 'h', 'j', 'm'].map((tag) => byTag.get(tag))).toEqual([
      192n,
      823n,
      746n,
      193n,
      824n,
      far,
      825n,
    ]);
    expect([...byTag.values()].filter((key) => isOwn(KeyedSite.scope, key))).toHaveLength(8);
  });

  it('take keys as text behind a NULL, where one execution before was given keys as values', async () => {
    const sql = 'INSERT INTO post (id, v) VALUES (?, ?), (?, ?), (?, ?)';
    const prepared = await db.prepare(sql);
    await prepared.execute([null, 'a', String(far), 'b', null, 'c']);
    await db.batch(sql, [
      [null, 'd', '7.6', 'e', null, 'f'],
      ['9.4', 'g', null, 'h', '10.5', 'i'],
    ]);
    prepared.close();
    const byTag = await found();
    expect(['b', 'e', 'g', 'i'].map((tag) => byTag.get(tag))).toEqual([far, 8n, 9n, 11n]);
    expect([...byTag.values()].filter((key) => isOwn(KeyedSite.scope, key))).toHaveLength(5);
  });

  it.each(['(?, ?)', '(@nothing + 0, ?), (?, ?)'])('take numbers written as text: %s', async (list) => {
    const sets = list.split('), (').length;
    const keys = [null, '0.4', '1.5', `${far}.2`, '0e3', null, '0.6', null].slice(0, 8);
    const rows = keys.map((key, at) => (sets === 1 ? [key, `r${at}`] : [`n${at}`, key, `r${at}`]));
    const told = await db.batch<{ insertId: bigint; warningStatus: number }>(
      `INSERT INTO post (id, v) VALUES ${list}`,
      rows,
    );
    const byTag = await found();
    const own = [...byTag].filter(([, key]) => isOwn(KeyedSite.scope, key)).map(([tag]) => tag);
    const generated = ['r0', 'r1', 'r4', 'r5', 'r7'];
    expect(own.sort()).toEqual(sets === 1 ? generated : [...keys.map((_key, at) => `n${at}`), ...generated]);
    expect(['r2', 'r3', 'r6'].map((tag) => byTag.get(tag))).toEqual([2n, far, 1n]);
    expect(told.warningStatus).toBe(0);
    expect(BigInt(told.insertId)).toBe(byTag.get(sets === 1 ? 'r0' : 'n0'));
  });

  it("go on in the same session by the client's own statement", async () => {
    const sql = 'INSERT INTO post (id, v) VALUES (?, ?), (NULL, ?)';
    for (const key of [null, String(far), null])
      await db.batch(sql, [
        [null, 'a', 'b'],
        [key, 'c', 'd'],
      ]);
    const rows = await db.query<{ id: bigint }[]>('SELECT id FROM post ORDER BY id');
    expect(rows.filter(({ id }) => isOwn(KeyedSite.scope, BigInt(id))).length).toBe(11);
    const [open] = await db.query<{ Value: string }[]>("SHOW SESSION STATUS LIKE 'Com_stmt_close'");
    expect(Number(open?.Value)).toBeGreaterThan(0);
  });

  const moves: [what: string, before: string, behind: string][] = [
    ['default schema', 'USE elsewhere', 'USE app'],
    ['sql_mode', "SET sql_mode = 'ANSI_QUOTES,PIPES_AS_CONCAT'", "SET sql_mode = ''"],
    ['character set', 'SET NAMES latin1', 'SET NAMES utf8mb4'],
    ['session, as a procedure may leave it', 'CALL moves()', 'DO 0'],
    ['sql_mode that is computed', "SET sql_mode = CONCAT('ANSI', '_QUOTES')", "SET sql_mode = ''"],
  ];
  it.each(moves)(
    'are read by another %s as when they were prepared, and leave it as it is',
    async (_what, before, behind) => {
      await db.query('CREATE TABLE IF NOT EXISTS elsewhere.post LIKE app.post');
      await db.query("CREATE OR REPLACE PROCEDURE moves() SET character_set_client = 'latin1'");
      await site.schemaChanged();
      // So that the connector takes the statement that it has, as others do.
      await db.query('SET session_track_schema = 0');
      await db.query(behind);
      const session =
        'SELECT DATABASE(), @@sql_mode, @@character_set_client, @@collation_connection, @@collation_database';
      const sql = 'INSERT INTO post (v, n, id) VALUES (?, CHAR_LENGTH("é"), ? + 0)';
      const rows = (tag: string, key: bigint): Key[][] => [0n, key, 0n].map((id, at) => [`${tag}${at}`, id]);
      await db.batch(sql, rows('a', 0n));
      await db.query(before);
      const then = await db.query<object[]>(session);
      await db.batch(sql, rows('b', far));
      await db.batch(sql, rows('c', 0n).slice(0, 1));
      expect(await db.query<object[]>(session)).toEqual(then);
      await db.query('SET NAMES utf8mb4');
      await db.query(behind);
      await db.batch(sql, rows('d', far + 1n));
      expect(await db.query('SELECT v FROM elsewhere.post')).toEqual([]);
      const found = await db.query<{ id: bigint; v: string; n: number }[]>('SELECT * FROM app.post ORDER BY v');
      expect(found.map(({ n }) => n)).toEqual(found.map(() => 1));
      expect(found.map(({ v }) => v)).toEqual(['a0', 'a1', 'a2', 'b0', 'b1', 'b2', 'c0', 'd0', 'd1', 'd2']);
      const foreign = found.filter(({ id }) => !isOwn(KeyedSite.scope, BigInt(id)));
      expect(foreign.map(({ v }) => v.slice(0, 2))).toEqual(['b1', 'd1']);
    },
  );

  it('give each row its own key in another character set', async () => {
    const sql = 'INSERT INTO post (id, v) VALUES (?, ?), (NULLIF(?, 0), ?), (1 - 1, ?)';
    await db.batch(sql, [['0', 'x', '0', 'y', 'z']]);
    await db.query('SET NAMES latin1');
    const rows = [0, 1, 2, 3].map((at) => ['0', `a${at}`, [String(far), '0', '0', '8'][at], `b${at}`, `c${at}`]);
    await db.batch(sql, rows);
    await db.query('SET NAMES utf8mb4');
    const byTag = await found();
    const own = [...byTag].filter(([, key]) => isOwn(KeyedSite.scope, key)).map(([tag]) => tag);
    expect(own.sort()).toEqual(['a0', 'a1', 'a2', 'a3', 'b1', 'b2', 'c0', 'c1', 'c2', 'c3', 'x', 'y', 'z']);
    expect([byTag.get('b0'), byTag.get('b3')]).toEqual([far, 8n]);
  });

  it.each(['ucs2_general_ci', 'utf16_general_ci', 'latin1_swedish_ci', 'binary'])(
    'give each row its own key where numbers become text in %s',
    async (collation) => {
      const sql = 'INSERT INTO post (v, id) VALUES (?, NULLIF(?, 0)), (?, ? + 0), (?, @nothing)';
      await db.query(`SET collation_connection = '${collation}'`);
      try {
        const keys = [0n, far, 0n, 8n];
        await db.batch(
          sql,
          keys.map((key, at) => [`a${at}`, key, `b${at}`, key === 0n ? 0n : key + 1n, `c${at}`]),
        );
      } finally {
        await db.query('SET NAMES utf8mb4');
      }
      const byTag = await found();
      const own = [...byTag].filter(([, key]) => isOwn(KeyedSite.scope, key)).map(([tag]) => tag);
      expect(own.sort()).toEqual(['a0', 'a2', 'b0', 'b2', 'c0', 'c1', 'c2', 'c3']);
      expect(['a1', 'a3', 'b1', 'b3'].map((tag) => byTag.get(tag))).toEqual([far, 8n, far + 1n, 9n]);
    },
  );

  it('are refused where nothing leads back to the default schema, and so is what cannot be prepared', async () => {
    const client = await createConnection({
      socketPath: site.socket,
      ...appAccount,
      database: 'elsewhere',
      bulk: true,
    });
    await client.query('CREATE TABLE IF NOT EXISTS elsewhere.post LIKE app.post');
    await client.query('SET session_track_schema = 0');
    const sql = 'INSERT INTO post (v, id) VALUES (?, ? + 0)';
    const rows = [0n, far, 0n].map((id) => ['x', id]);
    await client.query('USE app');
    await client.batch(sql, rows.slice(0, 1));
    await client.query('CREATE DATABASE IF NOT EXISTS direct');
    await client.query('USE direct');
    await client.query('DROP DATABASE direct');
    await expect(client.batch(sql, rows)).rejects.toMatchObject({ errno: 1467 });
    expect(await client.query('SELECT DATABASE() AS d')).toEqual([{ d: null }]);
    await client.query('USE app');
    await client.batch(sql, rows);
    await client.end();
    await db.query('DELETE FROM post');
  });

  it.each(['?', '? + 0'])('that would become too large for the server with %s are refused', async (key) => {
    const limit = 2 ** 20;
    const root = await createConnection({ socketPath: site.server.socket, user: 'root', connectTimeout: 60_000 });
    const [before] = await root.query<{ bytes: bigint }[]>('SELECT @@GLOBAL.max_allowed_packet AS bytes');
    await root.query(`SET GLOBAL max_allowed_packet = ${limit}`);
    // The proxy, which refuses it, asks the next session anew.
    await expect(db.query(`SET GLOBAL max_allowed_packet = ${limit}`)).rejects.toMatchObject({ errno: 1227 });
    const client = await createConnection({ socketPath: site.socket, ...appAccount, bulk: true });
    try {
      // The first row says that keys are numbers.
      const rows = Array.from({ length: 22_000 }, (_, at): Key[] => ['x'.repeat(40), [0n, far][at] ?? null]);
      const sent = client.batch(`INSERT INTO post (v, id) VALUES (?, ${key})`, rows);
      await expect(sent).rejects.toMatchObject({ errno: 1467 });
      expect(await client.query('SELECT id FROM post')).toEqual([]);
    } finally {
      await client.end();
      await root.query('SET GLOBAL max_allowed_packet = ?', [before?.bytes]);
      await root.end();
      await expect(db.query('SET GLOBAL max_allowed_packet = 1')).rejects.toMatchObject({ errno: 1227 });
    }
  });
});
