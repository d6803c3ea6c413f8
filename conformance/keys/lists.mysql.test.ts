import { type Connection, type ResultSetHeader, type RowDataPacket } from 'mysql2/promise';
import { isOwn } from '../../proxy/keys/key-ranges';
import { describeKeyed } from './describe-keyed';
import { KeyedSite } from './keyed-site';

const far = String(2n ** 60n);

/** What the lists take for their keys. */
const variables = `SET @none = NULL, @zero = 0, @small = 5, @far = ${far}`;

describeKeyed('lists whose keys only the server knows', (start) => {
  let site: KeyedSite;
  let db: Connection;

  beforeAll(async () => {
    site = await start();
    db = await site.connect();
    await db.query(`CREATE TABLE post (id BIGINT AUTO_INCREMENT PRIMARY KEY, v VARCHAR(50));
      CREATE FUNCTION brought() RETURNS BIGINT NO SQL RETURN ${far} - 1`);
    await site.schemaChanged();
  });
  beforeEach(async () => {
    await db.query(`DELETE FROM post; DO LAST_INSERT_ID(77); ${variables}`);
  });

  /** `rows`: where keys of this site must stand. */
  const lists: [keys: string[], rows: number[], why: string][] = [
    [['NULL', '@far', 'NULL', '0'], [0, 2, 3], 'a large key in a variable'],
    [['NULL', '@none', 'NULL'], [0, 1, 2], 'none in it'],
    [['NULL', '@small', '@none', 'DEFAULT'], [0, 2, 3], 'a small one'],
    [['NULL', '@zero', 'NULL'], [0, 1, 2], 'zero'],
    [['@far', 'NULL', 'NULL'], [1, 2], 'nothing generated before it'],
    [['@none', '@far', 'NULL', '@none'], [0, 2, 3], 'the first of them is generated'],
    [['@small', '@far', 'NULL', 'NULL'], [2, 3], 'the third row is the first generated'],
    [['NULL', 'brought()', '@none', 'NULL'], [0, 2, 3], 'by a function'],
    [['NULL', '(SELECT @far)', `${BigInt(far) + 9n}`, 'NULL'], [0, 3], 'and one that is seen behind it'],
    [['NULL', `'${far}'`, 'NULL', '@none'], [0, 2, 3], 'only one that is seen'],
    [['@none', '@far', '@none'], [0, 2], 'variables alone'],
    [['NULL', '@none', '@none', '@far', '@none'], [0, 1, 2, 4], 'the third of them'],
    [['@far', '@far + 1', 'brought()', '@none', 'NULL'], [3, 4], 'nothing generated before any'],
    [['NULL', '@none + 0', 'NULL'], [0, 1, 2], 'none of a numeric type'],
    [['NULL', '@far', '@zero', 'NULL', '@none + 0'], [0, 2, 3, 4], 'zero behind a large key'],
    [['NULL', `${far}`, '@zero', '(SELECT 0)', '@small'], [0, 2, 3], 'and behind one that is seen'],
    [['@zero', '@far', '(SELECT @zero)', 'NULL'], [0, 2, 3], 'zero first'],
    [['NULL', '@far', '(SELECT @far + 5)', '@zero'], [0, 3], 'exact, also as text'],
    [['NULL', '@small', '@far', '@none', '@none'], [0, 3, 4], 'the second of them'],
  ];
  const ways: [name: string, run: (keys: string[]) => Promise<bigint>][] = [
    ['text', async (keys) => insertId(await db.query(listOf(keys)))],
    ['prepared', async (keys) => insertId(await db.execute(listOf(keys).replace("'r0'", '?'), ['r0']))],
    ['dynamic', async (keys) => insertId(await db.query(`EXECUTE IMMEDIATE ${quoted(listOf(keys))}`))],
    [
      'named',
      async (keys) => {
        await db.query(`PREPARE p FROM ${quoted(listOf(keys).replace("'r0'", '?'))}`);
        return insertId(await db.query("SET @a = 'r0'; EXECUTE p USING @a"));
      },
    ],
    [
      'parameters',
      async (keys) => {
        const generates = keys.filter((key) => key.startsWith('@'));
        const parameters = keys.map((key) => (key.startsWith('@') ? '?' : key));
        return insertId(
          await db.query(
            generates.length === 0
              ? listOf(keys)
              : `EXECUTE IMMEDIATE ${quoted(listOf(parameters))} USING ${generates.join()}`,
          ),
        );
      },
    ],
  ];
  describe.each(ways)('%s', (_way, run) => {
    it.each(lists)('%j', async (keys, rows) => {
      const told = await run(keys);
      const [found] = await db.query<RowDataPacket[]>('SELECT id, v FROM post');
      const byTag = new Map(found.map(({ id, v }) => [String(v), BigInt(id as string)]));
      expect(byTag.size).toBe(keys.length);
      // Large ones lose nothing on their way.
      keys.forEach((key, at) => {
        if (/@far$/.test(key)) expect(byTag.get(`r${at}`)).toBe(BigInt(far));
        if (key.includes('@far + 5')) expect(byTag.get(`r${at}`)).toBe(BigInt(far) + 5n);
      });
      const ours = keys.flatMap((_key, at) => (isOwn(KeyedSite.scope, byTag.get(`r${at}`) ?? 0n) ? [at] : []));
      expect(ours).toEqual(rows);
      const generated = rows.map((at) => byTag.get(`r${at}`) ?? 0n);
      expect(generated).toEqual([...generated].sort((a, b) => (a < b ? -1 : 1)));
      expect(told).toBe(generated[0]);
      const [[last]] = await db.query<RowDataPacket[]>('SELECT LAST_INSERT_ID() AS id');
      expect(BigInt(last?.['id'] as string)).toBe(generated[0]);
    });
  });
});

describeKeyed('what was prepared under a name', (start) => {
  let site: KeyedSite;
  let db: Connection;
  beforeAll(async () => {
    site = await start();
    db = await site.connect();
    await db.query(`CREATE TABLE post (id BIGINT AUTO_INCREMENT PRIMARY KEY, v VARCHAR(50));
      CREATE TABLE elsewhere.post LIKE post; CREATE TABLE source (v VARCHAR(50)); INSERT INTO source VALUES ('a'), ('b')`);
    await site.schemaChanged();
  });

  const inserts: [sql: string, ours: string[]][] = [
    ["INSERT INTO post (v) VALUES ('a'), ('b')", ['a', 'b']],
    [`INSERT INTO post (id, v) VALUES (NULL, 'a'), (${far}, 'b'), (NULL, 'c')`, ['a', 'c']],
    [`INSERT INTO post (id, v) VALUES (NULL, 'a'), (@far, 'b'), (NULL, 'c')`, ['a', 'c']],
    ['INSERT INTO post (v) SELECT v FROM source', ['a', 'b']],
  ];
  const moves: [what: string, sql: string][] = [
    ['default schema', 'USE elsewhere'],
    ['sql_mode', "SET sql_mode = 'ANSI_QUOTES'"],
    ['sql_mode and default schema', "USE elsewhere; SET sql_mode = CONCAT('NO_BACKSLASH', '_ESCAPES')"],
  ];
  const moved = moves.flatMap(([what, move]) => inserts.map(([sql, ours]) => [what, sql, move, ours] as const));
  it.each(moved)('is run as then by another %s: %s', async (_what, sql, move, ours) => {
    await db.query(`DELETE FROM post; SET @far = ${far}; PREPARE p FROM ${quoted(sql)}; ${move}`);
    await db.query('EXECUTE p');
    await db.query('USE app; SET sql_mode = DEFAULT');
    const [rows] = await db.query<RowDataPacket[]>('SELECT id, v FROM post ORDER BY v');
    expect(rows.filter(({ id }) => isOwn(KeyedSite.scope, BigInt(id as string))).map(({ v }) => String(v))).toEqual(
      ours,
    );
    const [others] = await db.query('SELECT * FROM elsewhere.post');
    expect(others).toEqual([]);
  });
});

function listOf(keys: readonly string[]): string {
  return `INSERT INTO post (id, v) VALUES ${keys.map((key, at) => `(${key}, 'r${at}')`).join(', ')}`;
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

function insertId([result]: readonly [unknown, unknown]): bigint {
  const last = (Array.isArray(result) ? (result as unknown[])[result.length - 1] : result) as ResultSetHeader;
  return BigInt(last.insertId);
}
