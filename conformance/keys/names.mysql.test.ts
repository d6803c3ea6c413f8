import { Readable } from 'node:stream';
import { type Connection, type ResultSetHeader, type RowDataPacket } from 'mysql2/promise';
import { isOwn } from '../../proxy/keys/key-ranges';
import { describeKeyed } from './describe-keyed';
import { KeyedSite } from './keyed-site';

const far = String(2n ** 60n);

describeKeyed('keys of tables with names beyond ASCII', (start) => {
  let site: KeyedSite;
  let db: Connection;

  beforeAll(async () => {
    site = await start();
    db = await site.connect();
    await db.query(`CREATE TABLE задача (имя VARCHAR(50) UNIQUE, ключ BIGINT AUTO_INCREMENT PRIMARY KEY, счёт INT);
      CREATE TABLE \`ein \`\`\` (naïf BIGINT AUTO_INCREMENT PRIMARY KEY, имя VARCHAR(50) UNIQUE, счёт INT);
      CREATE TABLE λόγος (κωδικοσ BIGINT AUTO_INCREMENT PRIMARY KEY, имя VARCHAR(50) UNIQUE, счёт INT);
      CREATE VIEW вид AS SELECT ключ AS №, имя AS ім_я FROM задача;
      CREATE TABLE source (v VARCHAR(50), k BIGINT); INSERT INTO source VALUES ('a', NULL), ('b', 0), ('far', ${far});
      CREATE TABLE повод (v VARCHAR(50));
      CREATE TRIGGER следует AFTER INSERT ON повод FOR EACH ROW
        INSERT INTO задача (имя, счёт) VALUES (CONCAT(NEW.v, 'a'), 1), (CONCAT(NEW.v, 'b'), 2)`);
    await site.schemaChanged();
  });
  beforeEach(async () => {
    await db.query(
      `DELETE FROM задача; DELETE FROM \`ein \`\`\`; DELETE FROM λόγος; DO LAST_INSERT_ID(77); SET @far = ${far}`,
    );
  });
  afterAll(() => expect(site.alarms).toEqual([]));

  const lists: [sql: string, ours: string[]][] = [
    ["INSERT INTO задача (имя) VALUES ('a'), ('b')", ['a', 'b']],
    ["INSERT INTO задача VALUES ('a', NULL, 1), ('b', 0, 2)", ['a', 'b']],
    ["INSERT INTO задача (имя, ключ) VALUES ('a', NULL), ('b', 0), ('own', 5)", ['a', 'b']],
    ["INSERT INTO ЗАДАЧА (имя, КЛЮЧ) VALUES ('a', NULL), ('b', 0)", []],
    ["INSERT INTO задача (ИМЯ, КЛЮЧ) VALUES ('a', NULL), ('own', 5)", ['a']],
    [`INSERT INTO задача (имя, \`ключ\`) VALUES ('a', NULL), ('far', ${far}), ('b', NULL)`, ['a', 'b']],
    ["INSERT INTO задача (ключ, имя) VALUES (NULL, 'a'), (@far, 'far'), (NULL, 'b')", ['a', 'b']],
    ["INSERT INTO задача SET имя = 'a'", ['a']],
    ["INSERT INTO задача SET имя = 'a', ключ = NULL", ['a']],
    ["INSERT INTO app.`задача` (имя) SELECT v FROM source WHERE v <> 'far' ORDER BY v", ['a', 'b']],
    ['INSERT INTO задача (имя, ключ) SELECT v, k FROM source ORDER BY v', ['a', 'b']],
    ["INSERT INTO вид (ім_я) VALUES ('a'), ('b')", ['a', 'b']],
    ["INSERT INTO вид (№, ім_я) VALUES (NULL, 'a'), (@far, 'far')", ['a']],
    ["REPLACE INTO задача (имя, ключ) VALUES ('a', NULL), ('b', DEFAULT)", ['a', 'b']],
    ["INSERT INTO повод VALUES ('x'), ('y')", ['xa', 'xb', 'ya', 'yb']],
    ["INSERT INTO `ein ``` (имя) VALUES ('a')", ['a']],
    ["INSERT INTO λόγος (ΚΩΔΙΚΟΣ, имя) VALUES (NULL, 'a'), (@far, 'far'), (0, 'b')", ['a', 'b']],
    ["INSERT INTO `ein ``` (NAÏF, имя) VALUES (NULL, 'a'), (@far, 'far'), (0, 'b')", ['a', 'b']],
  ];
  const ways: [name: string, run: (sql: string) => Promise<unknown>][] = [
    ['text', (sql) => db.query(sql)],
    ['prepared', (sql) => db.execute(sql)],
    ['dynamic', (sql) => db.query(`EXECUTE IMMEDIATE '${sql.replaceAll("'", "''")}'`)],
  ];
  const rows = async (): Promise<Map<string, bigint>> => {
    const [found] = await db.query<RowDataPacket[]>(
      'SELECT ключ AS k, имя AS v FROM задача UNION ALL SELECT naïf, имя FROM `ein ``` UNION ALL SELECT κωδικοσ, имя FROM λόγος ORDER BY k',
    );
    return new Map(found.map(({ k, v }) => [String(v), BigInt(k as string)]));
  };
  const own = (found: ReadonlyMap<string, bigint>): string[] =>
    [...found].flatMap(([v, key]) => (isOwn(KeyedSite.scope, key) ? [v] : [])).sort();

  describe.each(ways)('%s', (_way, run) => {
    it.each(lists)('%s', async (sql, ours) => {
      if (ours.length === 0) {
        await expect(run(sql)).rejects.toMatchObject({ errno: 1146 });
        return;
      }
      await run(sql);
      const found = await rows();
      expect(own(found)).toEqual(ours);
      if (found.has('far')) expect(found.get('far')).toBe(BigInt(far));
    });
  });

  it('tells the key of the row that ON DUPLICATE KEY UPDATE met', async () => {
    const sql =
      'INSERT INTO задача (имя) VALUES (?), (?) ON DUPLICATE KEY UPDATE счёт = 5, ключ = LAST_INSERT_ID(ключ)';
    await db.query("INSERT INTO задача (имя) VALUES ('a')");
    const met = (await rows()).get('a');
    const [result] = await db.query<ResultSetHeader>(sql, ['a', 'a']);
    expect(BigInt(result.insertId)).toBe(met);
    await db.query(sql, ['b', 'a']);
    const found = await rows();
    expect(found.get('a')).toBe(met);
    expect(own(found)).toEqual(['a', 'b']);
  });

  it.each(['(имя)', '(имя, ключ)'])('gives the rows of a file theirs: %s', async (columns) => {
    const into = `INTO TABLE задача ${columns}`;
    const file = columns === '(имя)' ? 'a\nb\n' : 'a\t\\N\nb\t0\n';
    await db.query({
      sql: `LOAD DATA LOCAL INFILE 'x' ${into}`,
      infileStreamFactory: () => Readable.from([Buffer.from(file)]),
    });
    expect(own(await rows())).toEqual(['a', 'b']);
  });

  it('takes names of prepared statements and variables for one that the server takes for one', async () => {
    let at = 2n ** 60n;
    // The text itself has to be changed for these: EXECUTE becomes EXECUTE IMMEDIATE.
    const insert = (name: string): string =>
      `'INSERT INTO λόγος (κωδικοσ, имя) VALUES (${at++}, "far ${name}"), (NULL, "${name}")'`;
    await db.query(`PREPARE é FROM ${insert('a')}; EXECUTE É`);
    await db.query(`PREPARE é FROM ${insert('no')}`);
    await db.query(`PREPARE è FROM ${insert('b')}`);
    await db.query('EXECUTE é');
    await db.query(`SET @é = ${insert('no')}; SET @È = ${insert('c')}; EXECUTE IMMEDIATE @é`);
    await db.query(`PREPARE x FROM ${insert('no')}; PREPARE é FROM ${insert('no')}; PREPARE Ë FROM ${insert('d')};
      EXECUTE é`);
    await db.query('DEALLOCATE PREPARE è');
    await expect(db.query('EXECUTE é')).rejects.toMatchObject({ errno: 1243 });
    const found = await rows();
    expect([...found.keys()].filter((name) => !name.startsWith('far')).sort()).toEqual(['a', 'b', 'c', 'd']);
    expect(own(found)).toContain('a');
  });

  it('looks behind the largest key of a table that its own client has locked', async () => {
    await site.restart('crash');
    const client = await site.connect();
    try {
      await client.query("LOCK TABLES задача WRITE; INSERT INTO задача (имя) VALUES ('locked'); UNLOCK TABLES");
    } finally {
      await client.end();
    }
    const found = await site.connect();
    await db.end().catch(() => undefined);
    db = found;
    expect(own(await rows())).toEqual(['locked']);
  });
});
