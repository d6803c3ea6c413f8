import { Readable } from 'node:stream';
import { type Connection, type QueryOptions, type ResultSetHeader, type RowDataPacket } from 'mysql2/promise';
import { decomposeKey, isOwn } from '../../proxy/keys/key-ranges';
import { describeKeyed } from './describe-keyed';
import { KeyedSite } from './keyed-site';

describeKeyed('keys of unusual tables', (start) => {
  let site: KeyedSite;
  let db: Connection;

  beforeAll(async () => {
    site = await start({ leaseKeys: { 8: 8n, 16: 32n, 24: 64n, 32: 64n } });
    db = await site.connect();
    await db.query(`
      CREATE TABLE post (id BIGINT AUTO_INCREMENT PRIMARY KEY, v VARCHAR(50), n INT DEFAULT 7);
      CREATE TABLE tag (tid BIGINT AUTO_INCREMENT PRIMARY KEY, name VARCHAR(50));
      CREATE VIEW shown AS SELECT v AS text, id AS number FROM post WHERE n = 7 WITH CHECK OPTION;
      CREATE VIEW texts AS SELECT text FROM shown;
      CREATE VIEW joined AS SELECT post.v AS v, tag.name AS name, tag.tid AS tid FROM post JOIN tag ON tag.tid = post.id;
      CREATE TABLE hidden (secret INT INVISIBLE DEFAULT 1, v VARCHAR(50), id BIGINT AUTO_INCREMENT PRIMARY KEY, w INT DEFAULT 3);
      CREATE TABLE unseen (id BIGINT INVISIBLE AUTO_INCREMENT PRIMARY KEY, v VARCHAR(50));
      CREATE TABLE parts (id BIGINT AUTO_INCREMENT, v INT, PRIMARY KEY (id, v)) PARTITION BY HASH (v) PARTITIONS 4;
      CREATE TABLE small (id SMALLINT UNSIGNED AUTO_INCREMENT PRIMARY KEY, v INT)`);
  });

  const forms: [sql: string, from: string, count: number][] = [
    ["INSERT INTO shown (text) VALUES ('a'), ('b')", 'id FROM post', 2],
    ["INSERT INTO shown VALUES ('a', NULL)", 'id FROM post', 1],
    ["INSERT INTO shown SET text = 'a', number = 0", 'id FROM post', 1],
    ["INSERT INTO texts SELECT 'a'", 'id FROM post', 1],
    ["INSERT INTO joined (name) VALUES ('t')", 'tid FROM tag', 1],
    ["INSERT INTO joined (v) VALUES ('t')", 'id FROM post', 1],
    ["INSERT INTO hidden VALUES ('a', NULL, 1), ('b', 0, 2)", 'id FROM hidden', 2],
    ["INSERT INTO unseen VALUES ('a'), ('b')", 'id FROM unseen', 2],
    ['INSERT INTO parts (v) VALUES (1), (2), (3), (4)', 'id FROM parts', 4],
    ['INSERT INTO parts PARTITION (p1) (v) VALUES (1), (5)', 'id FROM parts', 2],
  ];
  it.each(forms)('%s', async (sql, from, count) => {
    const table = from.split(' ').pop() ?? '';
    await db.query(`DELETE FROM ${table}`);
    const [result] = await db.query<ResultSetHeader>(sql);
    const [rows] = await db.query<RowDataPacket[]>(`SELECT ${from.split(' ')[0]} AS k FROM ${table} ORDER BY 1`);
    expect(rows).toHaveLength(count);
    for (const { k } of rows)
      expect(decomposeKey(BigInt(k as string))).toMatchObject(
        sql.includes('SELECT') ? { t: KeyedSite.scope << 10 } : { scope: KeyedSite.scope },
      );
    expect(String(result.insertId)).toBe(String(rows[0]?.['k']));
  });

  it('gives keys of a view their own meaning', async () => {
    await db.query('DELETE FROM post');
    await db.query("INSERT INTO shown (number, text) VALUES (12, 'own')");
    const [rows] = await db.query('SELECT id FROM post');
    expect(rows).toEqual([{ id: '12' }]);
  });

  const keyOf = async (name: string): Promise<string> =>
    String((await db.query<RowDataPacket[]>('SELECT tid FROM tag WHERE name = ?', [name]))[0][0]?.['tid']);

  it.each([
    ['a query', 'INSERT INTO tag (name) SELECT name FROM source ORDER BY n'],
    ['a query of unknown length', 'SET @x = 0; INSERT INTO tag (name) SELECT name FROM source WHERE n > @x ORDER BY n'],
    ['rows', "INSERT INTO tag (name) VALUES ('new1'), ('old2'), ('new2'), ('old1'), ('new3')"],
  ])('gives new rows behind one that is updated no key of another row: %s', async (_what, insert) => {
    await db.query(`DROP TABLE IF EXISTS source; DELETE FROM tag; CREATE TABLE source (n INT, name VARCHAR(50));
      INSERT INTO source VALUES (1, 'new1'), (2, 'old2'), (3, 'new2'), (4, 'old1'), (5, 'new3')`);
    await db.query('ALTER TABLE tag ADD UNIQUE IF NOT EXISTS (name)');
    await db.query("INSERT INTO tag (name) VALUES ('old1'), ('old2'), ('old3'), ('old4')");
    await db.query(`${insert} ON DUPLICATE KEY UPDATE name = VALUES(name)`);
    const [rows] = await db.query<RowDataPacket[]>('SELECT tid, name FROM tag ORDER BY tid');
    const names = (which: string): string[] =>
      rows.map(({ name }) => String(name)).filter((name) => name.startsWith(which));
    expect([names('old'), names('new')]).toEqual([
      ['old1', 'old2', 'old3', 'old4'],
      ['new1', 'new2', 'new3'],
    ]);
    for (const { tid } of rows) expect(isOwn(KeyedSite.scope, BigInt(tid as string))).toBe(true);
  });

  const longUpdates: [sql: string, told: string, why: string][] = [
    ["SELECT CONCAT('q', seq), seq FROM seq_1_to_2000", 'name = VALUES(name)', 'a query'],
    ["SELECT CONCAT('q', seq), seq FROM seq_1_to_2000", 'tid = LAST_INSERT_ID(tid)', 'a query that tells keys'],
    ["SELECT CONCAT('q', seq), @x FROM seq_1_to_2000", 'tid = LAST_INSERT_ID(tag.tid), name = VALUES(name)', 'both'],
    [
      `VALUES ${Array.from({ length: 1200 }, (_, n) => `('q${n + 1}', ${n})`).join()}`,
      'tid = LAST_INSERT_ID(tid)',
      'rows',
    ],
  ];
  it.each(longUpdates)(
    'gives ON DUPLICATE KEY UPDATE of many rows keys of this site: %.40s … %s',
    async (rows, told) => {
      await db.query('SET @x = 1; DELETE FROM tag; ALTER TABLE tag ADD UNIQUE IF NOT EXISTS (name)');
      await db.query('ALTER TABLE tag ADD COLUMN IF NOT EXISTS n INT');
      await db.query(`INSERT INTO tag (tid, name) VALUES (${2n ** 60n}, 'q2'); INSERT INTO tag (name) VALUES ('q900')`);
      const [result] = await db.query<ResultSetHeader>(
        `INSERT INTO tag (name, n) ${rows} ON DUPLICATE KEY UPDATE ${told}`,
      );
      const [found] = await db.query<RowDataPacket[]>(
        "SELECT tid FROM tag WHERE name NOT IN ('q2', 'q900') ORDER BY tid",
      );
      expect(found.length).toBeGreaterThan(1000);
      expect(found.filter(({ tid }) => !isOwn(KeyedSite.scope, BigInt(tid as string)))).toEqual([]);
      expect(String(result.insertId)).toBe(String(found[0]?.['tid']));
      const [last] = await db.query<RowDataPacket[]>('SELECT LAST_INSERT_ID() AS id');
      expect(String(last[0]?.['id'])).toBe(String(found[0]?.['tid']));
      const [again] = await db.query<ResultSetHeader>(
        `INSERT INTO tag (name) VALUES ('q2'), ('q900') ON DUPLICATE KEY UPDATE ${told}`,
      );
      if (told.startsWith('tid')) expect(BigInt(again.insertId)).toBe(BigInt(await keyOf('q900')));
    },
  );

  it.each([
    ['text', 'NULL', '12'],
    ['an expression', 'NULL', '@own'],
    ['prepared', '?', '12'],
    ['prepared, with an expression', '?', '@own'],
  ])('keeps clear of a count that the server sets back, where some rows bring keys: %s', async (_how, none, own) => {
    await db.query('DELETE FROM tag; ALTER TABLE tag ADD UNIQUE IF NOT EXISTS (name)');
    await db.query(`SET @own = 12; ALTER TABLE tag ADD COLUMN IF NOT EXISTS n INT`);
    // The server would also count on from the large key, and next time meet what it then gave.
    await db.query(`INSERT INTO tag (tid, name, n) VALUES (12, 'own', 7), (${2n ** 60n}, 'same', 8)`);
    for (const round of ['a', 'b']) {
      const names = [`${round}1`, 'same', `${round}2`, 'own', `${round}3`, `${round}4`];
      const keys = ['NULL', none, 'NULL', own, 'NULL', 'NULL'];
      const list = names.map((name, at) => `(${keys[at] ?? ''}, '${name}')`).join();
      const sql = `INSERT INTO tag (tid, name) VALUES ${list} ON DUPLICATE KEY UPDATE tid = LAST_INSERT_ID(tid), n = 8`;
      await (none === '?' ? db.execute(sql, [null]) : db.query(sql));
      await db.query("UPDATE tag SET n = 7 WHERE name = 'own'");
    }
    const [rows] = await db.query<RowDataPacket[]>('SELECT tid, name FROM tag ORDER BY name');
    const generated = rows.filter(({ name }) => !['own', 'same'].includes(String(name)));
    expect(generated.map(({ name }) => String(name))).toEqual(['a1', 'a2', 'a3', 'a4', 'b1', 'b2', 'b3', 'b4']);
    expect(generated.filter(({ tid }) => !isOwn(KeyedSite.scope, BigInt(tid as string)))).toEqual([]);
  });

  const files: [sql: string, line: (n: number) => string, why: string][] = [
    ['INTO TABLE small (v)', (n) => `${n}`, 'the file brings no keys'],
    ['IGNORE INTO TABLE small CHARACTER SET utf8mb4 (@a) SET v = @a + 1', (n) => `${n}`, 'other assignments'],
    ["INTO TABLE small FIELDS TERMINATED BY ',' (v, id)", (n) => `${n},\\N`, 'the file has a place for keys'],
    ['INTO TABLE small', (n) => `\\N\t${n}`, 'no list'],
  ];
  it.each(files)('keeps a file within the keys leased for a narrow column: %s', async (into, line) => {
    const load = (lines: number): Promise<unknown> =>
      db.query({
        sql: `LOAD DATA LOCAL INFILE 'x' ${into}`,
        infileStreamFactory: () =>
          Readable.from([Buffer.from(Array.from({ length: lines }, (_, n) => `${line(n)}\n`).join(''))]),
      } as QueryOptions);
    await db.query('DELETE FROM small');
    await load(9);
    const [rows] = await db.query<RowDataPacket[]>('SELECT id, v FROM small ORDER BY id');
    expect(rows).toHaveLength(9);
    const blocks = site.whiteboard.granted.get('app.small') ?? [];
    const isOurs = (id: bigint): boolean => blocks.some(({ from, to }) => id >= from && id < to);
    expect(rows.filter(({ id }) => !isOurs(BigInt(id as number)))).toEqual([]);
    await expect(load(100)).rejects.toMatchObject({ errno: 1690 });
    expect((await db.query<RowDataPacket[]>('SELECT COUNT(*) AS n FROM small'))[0]).toEqual([{ n: '9' }]);
    await load(3);
  });

  it('refuses ON DUPLICATE KEY UPDATE that changes keys, of more rows than have keys above those of the table', async () => {
    const insert = (rows: number): Promise<unknown> =>
      db.query(
        `INSERT INTO tag (name) SELECT CONCAT('r', seq) FROM seq_1_to_${rows} ON DUPLICATE KEY UPDATE tid = tid + 1`,
      );
    await expect(insert(769)).rejects.toMatchObject({ errno: 1467 });
    await insert(768);
  });
});
