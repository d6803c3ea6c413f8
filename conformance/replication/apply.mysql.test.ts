import { RowStore } from '../../replicator/io/row-store';
import { findServer } from '../../site/lab/find-server';
import { type TestSite, type TestSites, settle, startSites, until } from './test-sites';

const binary = findServer();
const withDatabase = binary === null ? describe.skip : describe;

const SCHEMA = [
  'CREATE TABLE app.t (id BIGINT PRIMARY KEY, a VARCHAR(50), b VARCHAR(50), u INT NULL, total INT NOT NULL DEFAULT 0, UNIQUE KEY u (u))',
  'CREATE TABLE app.audit (id BIGINT PRIMARY KEY AUTO_INCREMENT, note VARCHAR(50))',
  'CREATE TABLE app.watched (id BIGINT PRIMARY KEY, v VARCHAR(50))',
  'CREATE TRIGGER app.watch AFTER INSERT ON app.watched FOR EACH ROW INSERT INTO app.audit (id, note) VALUES (NEW.id, NEW.v)',
  'CREATE TABLE app.parent (id BIGINT PRIMARY KEY)',
  'CREATE TABLE app.child (id BIGINT PRIMARY KEY, p BIGINT, FOREIGN KEY (p) REFERENCES app.parent (id) ON DELETE CASCADE)',
  `CREATE TABLE app.few (id VARCHAR(10) PRIMARY KEY, a VARCHAR(50), b VARCHAR(50), u INT NULL, w INT NOT NULL,
    total INT NOT NULL DEFAULT 0, UNIQUE KEY u (u), UNIQUE KEY w (w))`,
  `CREATE TABLE app.every_type (
    id VARCHAR(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci PRIMARY KEY,
    ti TINYINT, tu TINYINT UNSIGNED, si SMALLINT, mi MEDIUMINT, i INT, iu INT UNSIGNED, bi BIGINT, bu BIGINT UNSIGNED,
    f FLOAT, d DOUBLE, de DECIMAL(30, 10), bt BIT(11), c CHAR(10), vc VARCHAR(300), bn BINARY(5), vb VARBINARY(400),
    tt TINYTEXT, tx TEXT CHARACTER SET latin1, mt MEDIUMTEXT, lt LONGTEXT, tb TINYBLOB, bl BLOB, mb MEDIUMBLOB, lb LONGBLOB,
    e ENUM('x', 'y', ''), s SET('p', 'q', 'r'), y YEAR, da DATE, ti6 TIME(6), dt DATETIME, dt6 DATETIME(6),
    ts TIMESTAMP(3) NULL, j JSON, g POINT, un CHAR(36), ip INET6 NULL, uu UUID NULL)`,
];

async function expectEqual(sites: readonly TestSite[], ...tables: readonly string[]): Promise<void> {
  for (const table of tables) {
    const [first, ...others] = await Promise.all(sites.map((site) => site.table(table)));
    for (const other of others) expect(other).toEqual(first);
  }
}

/** The same everywhere, when it was detected aside. */
async function conflictsOf(sites: readonly TestSite[], table: string): Promise<readonly Record<string, unknown>[]> {
  const all = await Promise.all(
    sites.map((site) =>
      site.rows(`SELECT id, row_key, rule, kept_origin, kept_hlc, lost_origin, lost_hlc, kept_image, lost_image, change_set,
        status FROM duara.conflicts WHERE table_name = '${table}' ORDER BY row_key, id`),
    ),
  );
  for (const other of all) expect(other).toEqual(all[0]);
  return all[0] ?? [];
}

/** The interleaving of sites is the machine's; the seed says only what each wrote. */
function randomOf(seed: number): { readonly seed: number; below(n: number): number } {
  let state = seed;
  return {
    seed,
    below: (n) => {
      state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
      return (state >> 8) % n;
    },
  };
}

withDatabase('applying at three sites', () => {
  let lab: TestSites;
  let a: TestSite;
  let b: TestSite;
  let c: TestSite;
  beforeAll(async () => {
    lab = await startSites({ binary: binary!, names: ['a', 'b', 'c'], schema: SCHEMA });
    [a, b, c] = lab.sites as [TestSite, TestSite, TestSite];
  });
  afterAll(() => lab.stop());

  const apart = (): void => {
    lab.network.cut('a', 'b');
    lab.network.cut('a', 'c');
    lab.network.cut('b', 'c');
  };
  const captured = (): Promise<unknown> => Promise.all(lab.sites.map((site) => site.replicator.captured()));
  const together = async (): Promise<void> => {
    await captured();
    lab.network.heal();
    await settle(lab.sites);
  };

  test('insert, update and delete flow both ways', async () => {
    await a.sql.query("INSERT INTO t (id, a, b) VALUES (1, 'from a', 'x'), (2, 'gone soon', NULL)");
    await settle(lab.sites);
    expect(await b.table('t')).toMatchObject([
      { id: 1, a: 'from a' },
      { id: 2, b: null },
    ]);
    await b.sql.query(
      "BEGIN; UPDATE t SET b = 'from b' WHERE id = 1; DELETE FROM t WHERE id = 2; INSERT INTO t (id, a) VALUES (3, 'b'); COMMIT",
    );
    await settle(lab.sites);
    expect(await a.table('t')).toMatchObject([
      { id: 1, a: 'from a', b: 'from b' },
      { id: 3, a: 'b' },
    ]);
    await expectEqual(lab.sites, 't');
  });

  test('what was applied is read back and acknowledged', async () => {
    await until(
      () => Promise.resolve(lab.network.acknowledged('b', 1) >= 1n && lab.network.acknowledged('a', 2) >= 1n),
      () => Promise.resolve('no acknowledgement'),
    );
  });

  test('every column type arrives byte for byte, whole and as an update', async () => {
    await a.sql.query(`INSERT INTO every_type VALUES
      ('Key', -128, 255, -32768, -8388608, -2147483648, 4294967295, -9223372036854775808, 18446744073709551615, 1.1, 2.2e300,
       '-12345678901234567890.0123456789', b'10000000001', 'char ', 'v\u00e4r', 'a\\0b', x'00ff', 'tiny', 'latin \u00e4',
       REPEAT('m', 70000), '\u{1f600} long', x'01', x'0203', REPEAT('b', 80000), x'', 'y', 'p,r', 2026, '1000-01-01',
       '-838:59:58.999999', '9999-12-31 23:59:59', '2026-01-01 00:00:00.000001', '2037-01-01 00:00:00.123',
       '{"k": [1, 2]}', POINT(1, 2), UUID(), '2001:db8::1', '123e4567-e89b-12d3-a456-426655440000'),
      ('nulls', ${Array(37).fill('NULL').join(', ')})`);
    await settle(lab.sites);
    await expectEqual(lab.sites, 'every_type');
    await b.sql
      .query(`UPDATE every_type SET ti = 1, bu = 1, f = -0.5, de = 0.1, bt = b'1', c = '', tx = '\u00fc', e = '', s = '', y = 0,
      da = NULL, ti6 = '00:00:00.5', ts = '1971-01-01 00:00:01', lb = REPEAT('z', 300000), ip = '::' WHERE id = 'KEY'`);
    await b.sql.query("UPDATE every_type SET id = 'NULLS', vc = 'no more' WHERE id = 'nulls'");
    await settle(lab.sites);
    await expectEqual(lab.sites, 'every_type');
    expect(await a.rows("SELECT id, ti, e + 0 AS e FROM every_type WHERE id = 'key'")).toEqual([
      { id: 'Key', ti: 1, e: 3 },
    ]);
  });

  test('triggers do not fire again where their rows arrive anyway', async () => {
    await a.sql.query("INSERT INTO watched VALUES (1, 'once')");
    await settle(lab.sites);
    expect(await c.table('audit')).toEqual([{ id: 1, note: 'once' }]);
    await expectEqual(lab.sites, 'audit', 'watched');
  });

  test('a cascade, which the log does not hold, is repeated by the server', async () => {
    await a.sql.query('INSERT INTO parent VALUES (1), (2); INSERT INTO child VALUES (10, 1), (20, 2)');
    await settle(lab.sites);
    await b.sql.query('DELETE FROM parent WHERE id = 1');
    await settle(lab.sites);
    expect(await c.table('child')).toEqual([{ id: 20, p: 2 }]);
    await expectEqual(lab.sites, 'parent', 'child');
  });

  test('unique values that move from row to row within a transaction', async () => {
    await a.sql.query("INSERT INTO t (id, a, u) VALUES (50, 'first', 501), (51, 'second', 502)");
    await settle(lab.sites);
    await a.sql.query('BEGIN; UPDATE t SET u = 503 WHERE id = 50; UPDATE t SET u = 501 WHERE id = 51; COMMIT');
    await settle(lab.sites);
    await expectEqual(lab.sites, 't');
    await a.sql.query('BEGIN; DELETE FROM t WHERE id = 50; INSERT INTO t (id, u) VALUES (49, 503); COMMIT');
    await settle(lab.sites);
    await expectEqual(lab.sites, 't');
    await a.sql.query(
      'BEGIN; UPDATE t SET u = NULL WHERE id = 49; UPDATE t SET u = 503 WHERE id = 51; UPDATE t SET u = 501 WHERE id = 49; COMMIT',
    );
    await settle(lab.sites);
    await expectEqual(lab.sites, 't');
  });

  test('concurrent writes: all sites equal, and what lost stands in duara.conflicts', async () => {
    await a.sql.query(
      "INSERT INTO t (id, a, b, total) VALUES (101, 'o', 'o', 10), (102, 'o', 'o', 0), (103, 'o', 'o', 0)",
    );
    await settle(lab.sites);
    apart();
    await a.sql.query(
      "UPDATE t SET a = 'a of A' WHERE id = 101; UPDATE t SET a = 'only A' WHERE id = 102; UPDATE t SET total = total + 5 WHERE id = 101",
    );
    await b.sql.query(
      "UPDATE t SET a = 'a of B' WHERE id = 101; UPDATE t SET b = 'only B' WHERE id = 102; UPDATE t SET total = total + 7 WHERE id = 101",
    );
    await a.sql.query('DELETE FROM t WHERE id = 103');
    await c.sql.query("UPDATE t SET b = 'too late' WHERE id = 103");
    await b.sql.query("INSERT INTO t (id, a, u) VALUES (104, 'unique at B', 77)");
    await c.sql.query("INSERT INTO t (id, a, u) VALUES (105, 'unique at C', 77)");
    await together();
    await expectEqual(lab.sites, 't');
    const rows = await c.rows('SELECT id, a, b, total, u FROM t WHERE id BETWEEN 101 AND 105 ORDER BY id');
    expect(rows).toMatchObject([{ id: 101, total: 22 }, { id: 102, a: 'only A', b: 'only B' }, { u: 77 }]);
    const conflicts = await conflictsOf(lab.sites, 't');
    expect(conflicts.map(({ rule, status }) => [rule, status])).toEqual([
      ['M2', 'provisional'],
      ['M3', 'provisional'],
      ['M9', 'parked'],
    ]);
    const loser = rows[0]?.['a'] === 'a of A' ? 'a of B' : 'a of A';
    expect(JSON.parse(String(conflicts[0]?.['lost_image']))).toMatchObject({ a: loser });
    expect(JSON.parse(String(conflicts[1]?.['lost_image']))).toMatchObject({ b: 'too late' });
    const parked = rows[2]?.['id'] === 104 ? 'unique at C' : 'unique at B';
    expect(JSON.parse(String(conflicts[2]?.['lost_image']))).toMatchObject({ a: parked });
  });

  test('a missing table and a missing column wait, and flow once they are there', async () => {
    await a.sql.query(
      'CREATE TABLE app.late (id BIGINT PRIMARY KEY, v VARCHAR(20)); ALTER TABLE t ADD COLUMN extra VARCHAR(20)',
    );
    await a.sql.query(
      "INSERT INTO late VALUES (1, 'one'), (2, 'two'); UPDATE late SET v = 'changed' WHERE id = 1; DELETE FROM late WHERE id = 2",
    );
    await a.sql.query(
      "INSERT INTO t (id, a, extra) VALUES (201, 'whole', 'kept'); UPDATE t SET extra = 'later' WHERE id = 1",
    );
    await settle(lab.sites);
    expect(await b.rows('SELECT a FROM t WHERE id = 201')).toEqual([{ a: 'whole' }]);
    expect(await b.rows('SELECT DISTINCT table_name, reason FROM duara.waiting_rows ORDER BY 1')).toEqual([
      { table_name: 'late', reason: 'no table' },
      { table_name: 't', reason: 'no column' },
    ]);
    for (const site of [b, c]) {
      // Another column order than at the origin.
      await site.sql.query(
        'CREATE TABLE app.late (v VARCHAR(20), id BIGINT PRIMARY KEY); ALTER TABLE t ADD COLUMN extra VARCHAR(20) FIRST',
      );
      await until(
        async () => (await site.rows('SELECT 1 FROM duara.waiting_rows')).length === 0,
        async () => JSON.stringify(await site.rows('SELECT table_name, reason, row_key FROM duara.waiting_rows')),
      );
    }
    expect(await c.rows('SELECT id, v FROM late')).toEqual([{ id: 1, v: 'changed' }]);
    expect(await c.rows('SELECT id, extra FROM t WHERE extra IS NOT NULL ORDER BY id')).toEqual([
      { id: 1, extra: 'later' },
      { id: 201, extra: 'kept' },
    ]);
  });

  test('rows that two sites write at the same time, many rounds', async () => {
    await a.sql.query("INSERT INTO t (id, a, b) VALUES (301, '', ''), (302, '', '')");
    await settle(lab.sites);
    const writer = async (site: TestSite, rounds: number): Promise<void> => {
      for (let round = 0; round < rounds; round++) {
        const id = 301 + (round % 2);
        const column = round % 3 === 0 ? 'a' : 'b';
        await site.sql.query(`UPDATE t SET ${column} = '${site.name} ${round}', total = total + 1 WHERE id = ${id}`);
        if (round % 10 === 3) await site.sql.query(`DELETE FROM t WHERE id = 303`);
        if (round % 10 === 7)
          await site.sql.query(
            `INSERT IGNORE INTO t (id, a, u) VALUES (303, '${site.name} ${round}', ${900 + (round % 4)})`,
          );
      }
    };
    await Promise.all([writer(a, 60), writer(b, 60), writer(c, 60)]);
    await settle(lab.sites);
    await expectEqual([a], 't');
    const columns = 'SELECT id, a, b, u, total FROM t ORDER BY id';
    const [atA, atB, atC] = await Promise.all(lab.sites.map((site) => site.rows(columns)));
    expect(atB).toEqual(atA);
    expect(atC).toEqual(atA);
    // Sums lose nothing, whoever wins the rest.
    expect(atA?.filter(({ id }) => id === 301 || id === 302).map(({ total }) => Number(total))).toEqual([90, 90]);
    await conflictsOf(lab.sites, 't');
  });

  test('a row that only this site refuses waits, alarmed, while replication goes on; and flows once it may', async () => {
    await b.sql.query('ALTER TABLE watched ADD UNIQUE KEY only_here (v)');
    await a.sql.query("INSERT INTO watched VALUES (1001, 'once'); INSERT INTO watched VALUES (11, 'after it')");
    await settle(lab.sites);
    expect(await b.rows('SELECT v FROM watched WHERE id > 10')).toEqual([{ v: 'after it' }]);
    expect(await c.rows('SELECT v FROM watched WHERE id > 1000')).toEqual([{ v: 'once' }]);
    expect(await b.rows('SELECT table_name, reason FROM duara.waiting_rows')).toEqual([
      { table_name: 'watched', reason: 'error 1062' },
    ]);
    expect(b.alarms.map(({ code }) => code)).toContain('DUARA_ROW_WAITS');
    await a.sql.query("UPDATE watched SET v = 'after it' WHERE id = 1001");
    await settle(lab.sites);
    await b.sql.query('ALTER TABLE watched DROP INDEX only_here');
    await until(
      async () => (await b.rows('SELECT 1 FROM duara.waiting_rows')).length === 0,
      async () => JSON.stringify(await b.rows('SELECT table_name, reason FROM duara.waiting_rows')),
    );
    expect(await b.rows('SELECT v FROM watched WHERE id > 1000')).toEqual([{ v: 'after it' }]);
    await expectEqual(lab.sites, 'watched', 'audit');
  });

  test('any writes to few rows and few unique values at three sites, cut and healed: equal rows, equal conflicts', async () => {
    const random = randomOf(Date.now() % 100_000);
    let number = 0;
    const statement = (site: TestSite): string => {
      const id = `'k${random.below(6)}'`;
      const value = `'${site.name}${number++}'`;
      switch (random.below(6)) {
        case 0:
          return `INSERT IGNORE INTO few (id, a, u, w) VALUES (${id}, ${value}, ${random.below(6)}, ${random.below(8)})`;
        case 1:
          return `UPDATE few SET a = ${value} WHERE id = ${id}`;
        case 2:
          return `UPDATE few SET b = ${value}, total = total + 1 WHERE id = ${id}`;
        case 3:
          return `UPDATE IGNORE few SET u = NULLIF(${random.below(6)}, 0) WHERE id = ${id}`;
        case 4:
          return `DELETE FROM few WHERE id = ${id}`;
        default:
          return `BEGIN; DELETE FROM few WHERE id = ${id};
            INSERT IGNORE INTO few (id, a, w) VALUES (${id}, ${value}, ${random.below(8)});
            UPDATE IGNORE few SET w = ${random.below(8)} WHERE id = 'k${random.below(6)}'; COMMIT`;
      }
    };
    const write = async (site: TestSite): Promise<void> => {
      for (let i = 0; i < 15; i++) {
        try {
          await site.sql.query(statement(site));
        } catch (error) {
          // A deadlock with an apply: the client's transaction is rolled back, as among local writers.
          if ((error as { errno?: number }).errno !== 1213) throw error;
          await site.sql.query('ROLLBACK');
        }
      }
    };
    for (let round = 0; round < 5; round++) {
      if (round % 2 === 0) apart();
      await Promise.all(lab.sites.map(write));
      await together();
      try {
        await expectEqual(lab.sites, 'few');
        await conflictsOf(lab.sites, 'few');
      } catch (error) {
        throw new Error(`seed ${random.seed}, round ${round}: ${String(error)}`, { cause: error });
      }
    }
  });

  test('an account that may not apply row events is told the GRANT line', async () => {
    await a.sql.query("CREATE USER weak@localhost IDENTIFIED BY 'w'; GRANT ALL ON duara.* TO weak@localhost");
    const address = {
      host: '127.0.0.1',
      port: a.server.port,
      socketPath: a.server.socket,
      user: 'weak',
      password: 'w',
    };
    await expect(RowStore.open(address)).rejects.toMatchObject({
      code: 'DUARA_MISSING_PRIVILEGE',
      message: expect.stringContaining("GRANT BINLOG REPLAY ON *.* TO 'weak'@") as string,
    });
  });

  test('nothing was left waiting, and no alarm but those of schema changes and waiting rows', async () => {
    const codes = new Set(lab.sites.flatMap((site) => site.alarms.map(({ code }) => code)));
    for (const site of lab.sites) expect(await site.rows('SELECT * FROM duara.waiting_rows')).toEqual([]);
    expect([...codes].filter((code) => /STOPPED|FORKED|MISSING|AWAY|UNREADABLE/.test(code))).toEqual([]);
  });
});
