import { type Connection, type ResultSetHeader, type RowDataPacket } from 'mysql2/promise';
import { composeKey, decomposeKey, ISSUED_KEYS, keySeconds } from '../../proxy/keys/key-ranges';
import { describeKeyed } from './describe-keyed';
import { KeyedSite } from './keyed-site';

describeKeyed('keys of rows that triggers, routines and events insert', (start) => {
  let site: KeyedSite;
  let db: Connection;
  let direct: Connection;

  beforeAll(async () => {
    site = await start({ leaseKeys: { 8: 8n, 16: 64n, 24: 64n, 32: 64n } });
    direct = await site.direct();
    await direct.query(`
      CREATE TABLE post (id BIGINT AUTO_INCREMENT PRIMARY KEY, v VARCHAR(50), log_id BIGINT);
      CREATE TABLE log (id BIGINT AUTO_INCREMENT PRIMARY KEY, v VARCHAR(50));
      CREATE TABLE small (id SMALLINT AUTO_INCREMENT PRIMARY KEY, v VARCHAR(50));
      CREATE TABLE plain (id BIGINT AUTO_INCREMENT PRIMARY KEY, v VARCHAR(50));
      CREATE TRIGGER post_log BEFORE INSERT ON post FOR EACH ROW
        BEGIN INSERT INTO log (v) VALUES (NEW.v); SET NEW.log_id = LAST_INSERT_ID(); END;
      CREATE TRIGGER plain_upper BEFORE INSERT ON plain FOR EACH ROW SET NEW.v = UPPER(NEW.v);
      CREATE FUNCTION logged(x VARCHAR(50)) RETURNS BIGINT BEGIN INSERT INTO log (v) VALUES (x); RETURN LAST_INSERT_ID(); END;
      CREATE PROCEDURE fill(n INT)
        BEGIN INSERT INTO post (v) VALUES ('p1'), ('p2'); SELECT LAST_INSERT_ID() AS id;
              INSERT INTO small (v) SELECT seq FROM seq_1_to_5 LIMIT n; SELECT LAST_INSERT_ID() AS id; END`);
    await site.schemaChanged();
    db = await site.connect();
  });
  afterAll(() => expect(site.alarms).toEqual([]));

  const rows = async (sql: string): Promise<RowDataPacket[]> => (await direct.query<RowDataPacket[]>(sql))[0];
  const isOurs = (key: string): boolean =>
    decomposeKey(BigInt(key)).scope === KeyedSite.scope && decomposeKey(BigInt(key)).n >= ISSUED_KEYS;

  it('puts triggers on just those tables', async () => {
    const found = await rows(
      "SELECT event_object_table AS t FROM information_schema.triggers WHERE trigger_name LIKE 'duara%' ORDER BY 1",
    );
    expect(found.map(({ t }) => String(t))).toEqual(['log', 'post', 'small']);
    await site.schemaChanged();
    expect(
      await rows("SELECT trigger_name AS n FROM information_schema.triggers WHERE trigger_name LIKE 'duara%'"),
    ).toHaveLength(3);
  });

  it.each([
    ['through the proxy', (): Connection => db],
    ['beside it', (): Connection => direct],
  ])('are of this site, and LAST_INSERT_ID() is right inside and outside, %s', async (_how, client) => {
    await direct.query('DELETE FROM post; DELETE FROM log');
    const [result] = await client().query<ResultSetHeader>("INSERT INTO post (v) VALUES ('a'), ('b'), ('c')");
    const [last] = await client().query<RowDataPacket[]>('SELECT LAST_INSERT_ID() AS id');
    const posts = await rows(
      'SELECT post.id, post.log_id, log.id AS joined FROM post LEFT JOIN log ON log.id = log_id ORDER BY 1',
    );
    expect(posts).toHaveLength(3);
    for (const { id, log_id, joined } of posts) {
      expect(isOurs(String(id)) && isOurs(String(log_id))).toBe(true);
      expect(joined).toBe(log_id);
    }
    expect(String(result.insertId)).toBe(String(posts[0]?.['id']));
    expect(last).toEqual([{ id: String(posts[0]?.['id']) }]);
  });

  it('serve procedures, functions and mixed lists', async () => {
    await direct.query('DELETE FROM post; DELETE FROM log; DELETE FROM small');
    const [called] = await db.query<RowDataPacket[][]>('CALL fill(5)');
    const posts = await rows('SELECT id FROM post ORDER BY id');
    expect(called[0]).toEqual([{ id: posts[0]?.['id'] as string }]);
    const smalls = (await rows('SELECT id FROM small ORDER BY id')).map(({ id }) => BigInt(id as number));
    expect(smalls).toHaveLength(5);
    const blocks = site.whiteboard.granted.get('app.small') ?? [];
    expect(smalls.every((id) => blocks.some(({ from, to }) => id >= from && id < to))).toBe(true);
    const [made] = await db.query<RowDataPacket[]>("SELECT logged('f') AS id");
    expect(isOurs(String(made[0]?.['id']))).toBe(true);
    const far = 2n ** 60n;
    const [mixed] = await db.query<ResultSetHeader>(
      `INSERT INTO log (id, v) VALUES (NULL, 'm1'), (5, 'm2'), (NULL, 'm3'), (${far}, 'm4'), (0, 'm5'), (DEFAULT, 'm6')`,
    );
    const keys = (await rows("SELECT id, v FROM log WHERE v LIKE 'm%' ORDER BY v")).map(({ id }) => String(id));
    expect(keys.map((key) => isOurs(key))).toEqual([true, false, true, false, true, true]);
    expect(String(mixed.insertId)).toBe(keys[0]);
  });

  it('leave tables alone whose trigger inserts nothing', async () => {
    const [result] = await db.query<ResultSetHeader>("INSERT INTO plain (v) VALUES ('x')");
    expect(decomposeKey(BigInt(result.insertId))).toMatchObject({ scope: KeyedSite.scope });
    expect(decomposeKey(BigInt(result.insertId)).n).toBeLessThan(ISSUED_KEYS);
  });

  it('lie above what was seen applied from another site', async () => {
    const t = keySeconds(Date.now()) + 90;
    site.board.raiseFloor('app', 'log', (BigInt(t) << 22n) | (9n << 10n));
    await site.triggers.advance();
    const [result] = await db.query<ResultSetHeader>("INSERT INTO log (v) VALUES ('later')");
    expect(decomposeKey(BigInt(result.insertId)).t).toBe(t + 1);
  });

  const calls: [sql: string, rows: number][] = [
    ["INSERT INTO free (v, log_id) VALUES ('a', logged('a'))", 1],
    ["INSERT INTO free (log_id, v) VALUES (logged('a'), 'a'), (7, 'b'), (logged('c'), 'c')", 3],
    ["INSERT INTO free VALUES (NULL, 'a', logged('a')), (0, 'b', logged('b'))", 2],
    ["REPLACE free SET v = 'a', log_id = logged('a')", 1],
    ["EXECUTE IMMEDIATE 'INSERT INTO free (v, log_id) VALUES (''a'', logged(''a'')), (''b'', 8)'", 2],
  ];
  const sent = calls.flatMap(([sql, count]) => [
    [sql, count, 'as text'] as const,
    ...(sql.startsWith('EXECUTE') ? [] : [[sql, count, 'prepared'] as const]),
  ]);
  it.each(sent)(
    'leave the rows of a statement whose functions insert their own: %s (%d, %s)',
    async (sql, count, how) => {
      await db.query(
        'CREATE TABLE IF NOT EXISTS free (id BIGINT AUTO_INCREMENT PRIMARY KEY, v VARCHAR(50), log_id BIGINT); DELETE FROM free',
      );
      const [told] =
        how === 'prepared'
          ? await db.execute<ResultSetHeader>(sql.replace("'a'", '?'), ['a'])
          : await db.query<ResultSetHeader>(sql);
      const [[last]] = await db.query<RowDataPacket[]>('SELECT LAST_INSERT_ID() AS id');
      const found = await rows(
        'SELECT free.id, log_id, log.id AS joined FROM free LEFT JOIN log ON log.id = log_id ORDER BY 1',
      );
      expect(found).toHaveLength(count);
      for (const { id } of found) {
        expect(decomposeKey(BigInt(id as string))).toMatchObject({ scope: KeyedSite.scope });
        expect(isOurs(String(id)) && decomposeKey(BigInt(id as string)).n >= ISSUED_KEYS).toBe(false);
      }
      expect(found.some(({ joined }) => joined !== null)).toBe(true);
      expect(String(last?.['id'])).toBe(String(found[0]?.['id']));
      // Of a function behind the key in the last row the server forgets, for the OK packet, what it was told before.
      const first = sql.includes('VALUES (NULL') ? found[count - 1] : found[0];
      expect(String(told.insertId)).toBe(String(first?.['id']));
    },
  );

  const updating: [how: string, run: (sql: string) => Promise<unknown>][] = [
    ['text', (sql) => db.query(sql)],
    ['prepared', (sql) => db.execute(sql.replace("'far'", '?'), ['far'])],
    ['dynamic', (sql) => db.query(`EXECUTE IMMEDIATE '${sql.replaceAll("'", "''")}'`)],
  ];
  const far = 2n ** 60n;
  const told: [sql: string, own: string[], why: string][] = [
    ["(v) VALUES ('far'), ('a'), ('b')", ['a', 'b'], 'behind a row that is updated and has a large key'],
    [
      `(id, v) VALUES (NULL, 'a'), (NULL, 'far'), (NULL, 'b'), (7, 'far'), (0, 'c')`,
      ['a', 'b', 'c'],
      'and a small one',
    ],
    [`(id, v) VALUES (NULL, 'a'), ((SELECT ${far + 9n}), 'x'), (NULL, 'far'), (NULL, 'b')`, ['a', 'b'], 'a subquery'],
    ["(v) SELECT * FROM (SELECT 'far' AS v UNION ALL SELECT 'a' UNION ALL SELECT 'b') AS q", ['a', 'b'], 'a query'],
  ];
  const ways = updating.flatMap(([how, run]) => told.map(([sql, own, why]) => [how, sql, own, why, run] as const));
  it.each(ways)(
    'are of this site where ON DUPLICATE KEY UPDATE tells them: %s, %s',
    async (_how, sql, own, _why, run) => {
      await direct.query(
        'CREATE TABLE IF NOT EXISTS noted (id BIGINT AUTO_INCREMENT PRIMARY KEY, v VARCHAR(50) UNIQUE, n INT)',
      );
      await direct.query('CREATE OR REPLACE PROCEDURE note() INSERT INTO noted (v) VALUES (1)');
      await site.schemaChanged();
      await direct.query(`DELETE FROM noted; INSERT INTO noted (id, v) VALUES (${far}, 'far')`);
      await run(`INSERT INTO noted ${sql} ON DUPLICATE KEY UPDATE id = LAST_INSERT_ID(id), n = 8`);
      const found = await rows('SELECT id, v FROM noted ORDER BY v');
      expect(found.filter(({ id }) => isOurs(String(id))).map(({ v }) => String(v))).toEqual(own);
      expect(found.find(({ v }) => v === 'far')).toEqual({ id: String(far), v: 'far' });
    },
  );

  const lists = "VALUES ('taken', logged('x')), ('a', logged('a')), ('taken', 0), ('b', logged('b'))";
  const query = `SELECT v, logged(v) FROM (${['taken', 'a', 'b'].map((v) => `SELECT '${v}' AS v`).join(' UNION ALL ')}) AS q`;
  const nested: [sql: string, told: string, why: string][] = [
    [`INSERT INTO lent (v, log_id) ${query} WHERE v <> 'taken'`, 'a', 'a query'],
    [`INSERT IGNORE INTO lent (v, log_id) ${query}`, 'a', 'a query whose first row is left out'],
    [
      `INSERT INTO lent (v, log_id) ${query} ON DUPLICATE KEY UPDATE log_id = 7`,
      'a',
      'a query whose first row is updated',
    ],
    [`INSERT IGNORE INTO lent (v, log_id) ${lists}`, 'a', 'a list whose first row is left out'],
    [
      `INSERT INTO lent (v, log_id) ${lists} ON DUPLICATE KEY UPDATE log_id = 7`,
      'a',
      'a list whose first row is updated',
    ],
    [`REPLACE INTO lent (v, log_id) ${query}`, 'taken', 'a query that replaces'],
    ['INSERT IGNORE INTO lent (v, log_id) SELECT v, log_id FROM looked', 'a', 'a view of a view that calls it'],
    [`INSERT IGNORE INTO lent (v, log_id, id) ${lists.replace(/\)(?=, \(|$)/g, ', NULL)')}`, 'a', 'a list with keys'],
  ];
  const nestedWays = updating.flatMap(([how, run]) =>
    nested.map(([sql, told, why]) => [how, why, sql, told, run] as const),
  );
  let tables = 0;
  it.each(nestedWays)('are of this site where functions insert: %s, %s', async (how, _why, sql, told, run) => {
    const lent = `lent_${tables++}`;
    // A new table each time: the first statement finds it without a trigger, and with keys of another site.
    await direct.query(
      `CREATE TABLE ${lent} (id BIGINT AUTO_INCREMENT PRIMARY KEY, v VARCHAR(50) UNIQUE, log_id BIGINT)`,
    );
    await site.schemaChanged();
    const other = composeKey({ t: keySeconds(Date.now()), scope: KeyedSite.scope + 1, n: 5 });
    await direct.query(`INSERT INTO ${lent} (id, v) VALUES (${other}, 'taken')`);
    await direct.query(`CREATE OR REPLACE VIEW logs (v, log_id) AS ${query.replace("'a'", `'${how}'`)}`);
    await direct.query('CREATE OR REPLACE VIEW looked AS SELECT * FROM logs');
    await site.schemaChanged();
    for (let round = 0; round < 2; round++) {
      await direct.query(`DELETE FROM ${lent} WHERE v <> 'taken'`);
      const result = (await run(sql.replace('lent', lent).replaceAll("'a'", `'${how}'`))) as [ResultSetHeader];
      const found = await rows(`SELECT id, v FROM ${lent} ORDER BY id`);
      const name = told === 'a' ? how : told;
      const ours = found.filter(({ v }) => v !== 'taken' || sql.startsWith('REPLACE'));
      expect(ours.length).toBeGreaterThan(1);
      for (const { id } of ours) expect(decomposeKey(BigInt(id as string)).scope).toBe(KeyedSite.scope);
      const first = found.find(({ v }) => v === name);
      expect(String(result[0].insertId)).toBe(String(first?.['id']));
      const [[last]] = await db.query<RowDataPacket[]>('SELECT LAST_INSERT_ID() AS id');
      expect(last?.['id']).toBe(first?.['id']);
    }
  });

  it('are given once the transaction has ended that holds the table', async () => {
    await direct.query(
      'CREATE OR REPLACE TABLE kept (id BIGINT AUTO_INCREMENT PRIMARY KEY, v VARCHAR(50) UNIQUE, log_id BIGINT)',
    );
    await site.schemaChanged();
    await db.query("BEGIN; INSERT INTO kept (v) VALUES ('held')");
    await db.query("INSERT IGNORE INTO kept (v, log_id) VALUES ('a', logged('a'))");
    expect(site.alarms.splice(0)).toEqual([expect.stringMatching(/app\.kept call stored functions/)]);
    await db.query('COMMIT');
    await site.schemaChanged();
    await db.query("INSERT IGNORE INTO kept (v, log_id) VALUES ('b', logged('b'))");
    const [last] = await rows("SELECT id FROM kept WHERE v = 'b'");
    expect(isOurs(String(last?.['id']))).toBe(true);
    await direct.query('DROP TABLE kept');
    await site.schemaChanged();
  });

  it('follow one another in a statement, wherever in its second it begins', async () => {
    await db.query('CREATE TABLE once (id BIGINT AUTO_INCREMENT PRIMARY KEY, v VARCHAR(50) UNIQUE)');
    await db.query(
      'CREATE TRIGGER again AFTER INSERT ON plain FOR EACH ROW INSERT IGNORE INTO once (v) VALUES (NEW.v)',
    );
    await site.schemaChanged();
    await db.query("INSERT INTO once (v) VALUES ('taken')");
    // Three of 256 places each time: one of them would begin at the last.
    for (let round = 0; round < 260; round++) {
      const rows = `('taken'), ('r${round}-0'), ('r${round}-1')`;
      const [told] = await db.query<ResultSetHeader>(`INSERT IGNORE INTO once (v) VALUES ${rows}`);
      const [[first]] = await db.query<RowDataPacket[]>(`SELECT id FROM once WHERE v = 'r${round}-0'`);
      expect(String(told.insertId)).toBe(String(first?.['id']));
    }
    await db.query('DROP TRIGGER again');
    await site.schemaChanged();
  });

  it('never come twice: a clock that runs back, a restart, many sessions at once', async () => {
    const seen = new Set((await rows('SELECT id FROM log')).map(({ id }) => String(id)));
    await direct.query('DELETE FROM log; DELETE FROM post');
    site.clockOffsetMs = -3_600_000;
    await db.end();
    await site.restart('crash');
    const clients = await Promise.all(Array.from({ length: 4 }, () => site.connect()));
    const work = clients.map(async (client, index) => {
      for (let round = 0; round < 10; round++) {
        await client.query(`INSERT INTO post (v) SELECT CONCAT('${index}-', seq) FROM seq_1_to_7`);
        await client.query("INSERT INTO log (v) VALUES ('x'), ('y')");
      }
    });
    await Promise.all(work);
    await Promise.all(clients.map((client) => client.end()));
    site.clockOffsetMs = 0;
    db = await site.connect();
    const logs = (await rows('SELECT id FROM log')).map(({ id }) => String(id));
    expect(logs).toHaveLength(4 * 10 * (7 + 2));
    expect(logs.filter((id) => seen.has(id) || !isOurs(id))).toEqual([]);
    expect(await rows('SELECT COUNT(*) AS n FROM post JOIN log ON log.id = log_id AND log.v = post.v')).toEqual([
      { n: '280' },
    ]);
  });

  it('end with 1467 when the leased blocks are used up, and go on when there is a new one', async () => {
    await db.query('DELETE FROM small');
    const insert = (): Promise<unknown> => db.query("INSERT INTO small (v) SELECT 'x' FROM seq_1_to_100");
    await insert();
    await expect(insert()).rejects.toMatchObject({ errno: 1467 });
    await site.triggers.refill();
    const [result] = await db.query<ResultSetHeader>("INSERT INTO small (v) VALUES ('z')");
    const blocks = site.whiteboard.granted.get('app.small') ?? [];
    expect(blocks.some(({ from, to }) => BigInt(result.insertId) >= from && BigInt(result.insertId) < to)).toBe(true);
  });
});
