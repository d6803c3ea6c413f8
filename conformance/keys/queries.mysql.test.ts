import { type Connection, type ResultSetHeader, type RowDataPacket } from 'mysql2/promise';
import { isOwn } from '../../proxy/keys/key-ranges';
import { describeKeyed } from './describe-keyed';
import { KeyedSite } from './keyed-site';

const far = 2n ** 60n;

describeKeyed('queries that bring keys for some rows', (start) => {
  let site: KeyedSite;
  let db: Connection;
  let tables = 0;

  beforeAll(async () => {
    site = await start({ leaseKeys: { 8: 8n, 16: 64n, 24: 2048n, 32: 4096n } });
    db = await site.connect();
    await db.query(`CREATE TABLE source (at INT PRIMARY KEY, id BIGINT, v VARCHAR(20));
      INSERT INTO source VALUES (1, NULL, 'a'), (2, ${far}, 'far'), (3, NULL, 'b'), (4, 7, 'low'), (5, 0, 'c')`);
    await site.schemaChanged();
  });
  afterAll(() => expect(site.alarms).toEqual([]));

  const made = async (type: string): Promise<string> => {
    const name = `copy${tables++}`;
    await db.query(`CREATE TABLE ${name} (id ${type} AUTO_INCREMENT PRIMARY KEY, v VARCHAR(20) UNIQUE)`);
    await site.schemaChanged();
    return name;
  };
  const keys = async (table: string): Promise<Map<string, bigint>> => {
    const [rows] = await db.query<RowDataPacket[]>(`SELECT id, v FROM ${table} ORDER BY id`);
    return new Map(rows.map(({ id, v }) => [String(v), BigInt(id as string)]));
  };
  const keyed = async (table: string): Promise<boolean> => {
    const [rows] = await db.query<RowDataPacket[]>('SHOW TRIGGERS LIKE ?', [table]);
    return rows.length > 0;
  };

  const mixed: [query: string, generated: string[], why: string][] = [
    ['(id, v) SELECT id, v FROM source ORDER BY at', ['a', 'b', 'c'], 'a column'],
    ['SELECT id, v FROM source ORDER BY at', ['a', 'b', 'c'], 'without a list of columns'],
    [
      '(v, id) SELECT CONCAT(v, seq), IF(seq = 2, id, NULL) FROM source, seq_1_to_3 ORDER BY at, seq',
      ['a1', 'a2', 'a3', 'b1', 'b2', 'b3', 'c1', 'c2', 'c3', 'far1', 'far3', 'low1', 'low3'],
      'computed',
    ],
    [`(id, v) SELECT NULL, 'x' UNION ALL SELECT ${far} + 1, 'y' UNION ALL SELECT NULL, 'z'`, ['x', 'z'], 'a union'],
    [
      '(id, v) WITH q AS (SELECT * FROM source) SELECT id, v FROM q ORDER BY at',
      ['a', 'b', 'c'],
      'with a query of its own',
    ],
    ['(id, v) SELECT CAST(id AS CHAR), v FROM source ORDER BY at', ['a', 'b', 'c'], 'as text'],
    ['(id, v) SELECT CAST(id AS DECIMAL(30, 2)), v FROM source ORDER BY at', ['a', 'b', 'c'], 'as decimals'],
  ];
  it.each(mixed)('%s', async (query, generated) => {
    const table = await made('BIGINT');
    const [result] = await db.query<ResultSetHeader>(`INSERT INTO ${table} ${query}`);
    const [[last]] = await db.query<RowDataPacket[]>('SELECT LAST_INSERT_ID() AS id');
    const found = await keys(table);
    const own = [...found].filter(([, key]) => isOwn(KeyedSite.scope, key));
    expect(own.map(([v]) => v).sort()).toEqual(generated);
    expect(result.affectedRows).toBe(found.size);
    expect([BigInt(result.insertId), BigInt(last?.['id'] as string)]).toEqual([own[0]?.[1], own[0]?.[1]]);
    expect(await keyed(table)).toBe(true);
  });

  it('also of a narrow column', async () => {
    const table = await made('INT');
    await db.query(`INSERT INTO ${table} SELECT IF(id > 9, 2000000000, id), v FROM source ORDER BY at`);
    const blocks = site.whiteboard.granted.get(`app.${table}`) ?? [];
    const ours = [...(await keys(table))].filter(([, key]) => blocks.some(({ from, to }) => key >= from && key < to));
    expect(ours.map(([v]) => v).sort()).toEqual(expect.arrayContaining(['a', 'b', 'c']));
  });

  const plain: [query: string, why: string][] = [
    ['(id, v) SELECT NULL, v FROM source', 'no key at all'],
    ['(v) SELECT v FROM source', 'no column for it'],
    ['(id, v) SELECT at, v FROM source', 'a key for each row'],
    ['(id, v) SELECT IF(at = 2, 9, NULL), v FROM source', 'small ones, which lead no count astray'],
  ];
  it.each(plain)('need no trigger for %s', async (query) => {
    const table = await made('BIGINT');
    await db.query(`INSERT INTO ${table} ${query}`);
    const foreign = [...(await keys(table)).values()].filter((key) => key > 9n && !isOwn(KeyedSite.scope, key));
    expect([foreign, await keyed(table)]).toEqual([[], false]);
  });

  const bodyOf = async (table: string): Promise<string> => {
    const [rows] = await db.query<RowDataPacket[]>('SHOW TRIGGERS LIKE ?', [table]);
    return String(rows[0]?.['Statement']);
  };

  it('keep their trigger over a restart, whatever holds the table', async () => {
    const table = await made('BIGINT');
    await db.query(`INSERT INTO ${table} SELECT id, v FROM source ORDER BY at`);
    const before = await bodyOf(table);
    await db.end();
    await site.restart();
    db = await site.connect();
    expect([await keyed(table), await bodyOf(table)]).toEqual([true, before]);
  });

  it('get their trigger though that of another table cannot be replaced now', async () => {
    const [held, other] = [await made('BIGINT'), await made('BIGINT')];
    await db.query(`INSERT INTO ${held} SELECT id, v FROM source ORDER BY at`);
    const ours = await bodyOf(held);
    const [[found]] = await db.query<RowDataPacket[]>('SHOW TRIGGERS LIKE ?', [held]);
    const name = String(found?.['Trigger']);
    const client = await site.direct();
    try {
      await client.query(`DROP TRIGGER ${name}`);
      await client.query(`CREATE TRIGGER ${name} BEFORE INSERT ON ${held} FOR EACH ROW SET NEW.v = NEW.v`);
      await client.query('BEGIN');
      await client.query(`INSERT INTO ${held} (v) VALUES ('open')`);
      await db.query(`INSERT INTO ${other} SELECT id, v FROM source ORDER BY at`);
      expect(await keyed(other)).toBe(true);
      const alarms = site.alarms.splice(0);
      expect(alarms.length).toBeGreaterThan(0);
      expect(alarms.filter((message) => !message.includes(name))).toEqual([]);
    } finally {
      // Its end alone would be noticed by the server when it comes to it.
      await client.query('ROLLBACK');
      await client.end();
    }
    await site.schemaChanged();
    expect(await bodyOf(held)).toBe(ours);
  });

  const once: [before: string, query: string, value: string][] = [
    ["UPDATE source SET v = 'no' WHERE at = 99", "SELECT 5, 'none' FROM DUAL WHERE ROW_COUNT() = 0", 'none'],
    ['SELECT at FROM source', 'SELECT 0, FOUND_ROWS()', '5'],
    ['DO LAST_INSERT_ID(10)', 'SELECT 61, LAST_INSERT_ID(LAST_INSERT_ID() + 1)', '11'],
    ['DO 1', "SELECT 0, CONCAT('got ', GET_LOCK('asked', 0))", 'got 1'],
  ];
  const both = ['BIGINT', 'INT'].flatMap((type) => once.map((each) => [type, ...each] as const));
  it.each(both)('into %s: %s; INSERT %s is not asked before it', async (type, before, query, value) => {
    const table = await made(type);
    await db.query(before);
    await db.query(`INSERT INTO ${table} (id, v) ${query}`);
    expect([...(await keys(table)).keys()]).toEqual([value]);
    const [[lock]] = await db.query<RowDataPacket[]>(
      "SELECT RELEASE_LOCK('asked') AS was, RELEASE_LOCK('asked') AS still",
    );
    expect(lock?.['still'] ?? 0).toBe(0);
  });

  const locking: [isolation: string, lock: string][] = [
    ['SERIALIZABLE', ''],
    ['REPEATABLE READ', 'FOR UPDATE'],
  ];
  it.each(locking)('a deadlock ends the INSERT and its transaction (%s %s)', async (isolation, lock) => {
    const table = await made('BIGINT');
    const [own, other, root] = await Promise.all([site.connect(), site.connect(), site.root()]);
    try {
      await own.query(`SET SESSION TRANSACTION ISOLATION LEVEL ${isolation}`);
      await own.query('BEGIN');
      await own.query(`INSERT INTO ${table} VALUES (1, 'mine')`);
      await own.query("UPDATE source SET v = 'mine' WHERE at = 1");
      await other.query('BEGIN');
      // The server ends the transaction that has changed less.
      await other.query(`INSERT INTO ${table} SELECT seq + 1000, seq FROM seq_1_to_500`);
      await other.query("UPDATE source SET v = 'theirs' WHERE at > 1");
      const waits = other.query("UPDATE source SET v = 'theirs' WHERE at = 1");
      for (let waiting = 0; waiting === 0;) {
        const [[row]] = await root.query<RowDataPacket[]>(
          "SELECT COUNT(*) AS n FROM information_schema.innodb_trx WHERE trx_state = 'LOCK WAIT'",
        );
        waiting = Number(row?.['n']);
        // The server gathers this table anew only when nobody has read it for a tenth of a second.
        await new Promise((resolve) => setTimeout(resolve, 200));
      }
      const insert = own.query(`INSERT INTO ${table} SELECT at + 100, v FROM source WHERE at = 2 ${lock}`);
      await expect(insert).rejects.toMatchObject({ errno: 1213 });
      await waits;
      await other.query('ROLLBACK');
      await own.query('COMMIT');
      expect(await keys(table)).toEqual(new Map());
      await own.query(`INSERT INTO ${table} VALUES (3, 'goes on')`);
      expect([...(await keys(table))]).toEqual([['goes on', 3n]]);
    } finally {
      for (const connection of [own, other, root]) connection.destroy();
    }
  });

  it('do not use up what is set for the next transaction', async () => {
    const table = await made('BIGINT');
    await db.query('SET TRANSACTION READ ONLY');
    const insert = db.query(`INSERT INTO ${table} (id, v) SELECT id, v FROM source ORDER BY at`);
    await expect(insert).rejects.toMatchObject({ errno: 1792 });
    await db.query(`INSERT INTO ${table} (id, v) SELECT id, v FROM source ORDER BY at`);
    expect(await keyed(table)).toBe(true);
  });

  it('that were prepared in another default schema are not taken for what they are in this one', async () => {
    const table = await made('BIGINT');
    await db.query(
      "CREATE OR REPLACE TABLE elsewhere.source AS SELECT at, at AS id, CONCAT(v, '!') AS v FROM app.source",
    );
    const statement = await db.prepare(
      `INSERT INTO ${table} (id, v) SELECT id, v FROM source WHERE at > ? ORDER BY at`,
    );
    await db.query(`PREPARE p FROM 'INSERT INTO ${table} (id, v) SELECT id, CONCAT(v, 2) FROM source ORDER BY at'`);
    await db.query('USE elsewhere');
    try {
      await statement.execute([0]);
      await db.query(
        `UPDATE app.${table} SET id = 99 WHERE v = 'far'; DELETE FROM app.${table} WHERE v = 'low'; EXECUTE p`,
      );
    } finally {
      await db.query('USE app');
    }
    const own = [...(await keys(table))].filter(([, key]) => isOwn(KeyedSite.scope, key)).map(([v]) => v);
    expect(own.sort()).toEqual(['a', 'a2', 'b', 'b2', 'c', 'c2']);
  });

  it('are not run when their INSERT is prepared', async () => {
    const table = await made('BIGINT');
    const selects = async (): Promise<number> => {
      const [[row]] = await db.query<RowDataPacket[]>("SHOW SESSION STATUS LIKE 'Com_select'");
      return Number(row?.['Value']);
    };
    const before = await selects();
    const statement = await db.prepare(`INSERT INTO ${table} (id, v) SELECT id, v FROM source ORDER BY at`);
    expect(await selects()).toBe(before);
    await statement.execute([]);
    expect(await selects()).toBeGreaterThan(before);
    const own = [...(await keys(table))].filter(([, key]) => isOwn(KeyedSite.scope, key));
    expect(own.map(([v]) => v).sort()).toEqual(['a', 'b', 'c']);
  });
});
