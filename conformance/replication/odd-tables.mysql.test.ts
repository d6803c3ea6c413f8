import { findServer } from '../../site/lab/find-server';
import { type TestSite, type TestSites, settle, startSites } from './test-sites';

const binary = findServer();
const withMaria = binary?.flavour === 'mariadb' ? describe : describe.skip;

const SCHEMA = [
  `CREATE TABLE app.gen (id BIGINT PRIMARY KEY, a INT, b INT, s INT AS (a + b) STORED, v INT AS (a * b) VIRTUAL,
    other INT, UNIQUE KEY v (v), KEY s (s))`,
  'CREATE TABLE app.long_key (id BIGINT PRIMARY KEY, t TEXT, n INT, UNIQUE KEY t (t))',
  'CREATE TABLE app.flat (id BIGINT PRIMARY KEY, n INT) ENGINE=MyISAM',
  'CREATE TABLE app.plain (id BIGINT PRIMARY KEY, n INT)',
];

/** What servers do with tables that row events alone do not describe. */
withMaria('tables that are not plain', () => {
  let lab: TestSites;
  let a: TestSite;
  let b: TestSite;
  beforeAll(async () => {
    lab = await startSites({ binary: binary!, names: ['a', 'b'], schema: SCHEMA });
    [a, b] = lab.sites as [TestSite, TestSite];
  });
  afterAll(() => lab?.stop());

  /** Both commit on what stands now, and only then hear of each other. */
  const atOnce = async (atA: string, atB: string): Promise<void> => {
    await settle(lab.sites);
    lab.network.cut('a', 'b');
    await a.sql.query(atA);
    await b.sql.query(atB);
    await Promise.all(lab.sites.map((site) => site.replicator.captured()));
    lab.network.heal();
    await settle(lab.sites);
  };
  const expectSound = async (table: string): Promise<void> => {
    expect(await b.table(table)).toEqual(await a.table(table));
    for (const site of lab.sites) {
      expect(await site.rows(`CHECK TABLE ${table} EXTENDED`)).toMatchObject([{ Msg_text: 'OK' }]);
      expect(await site.rows('SELECT * FROM duara.waiting_rows')).toEqual([]);
    }
  };

  test('generated columns stay what their expressions say, whatever is merged', async () => {
    await a.sql.query(
      'INSERT INTO gen (id, a, b, other) VALUES (1, 1, 2, 0), (2, 3, 4, 0), (3, 5, 0, 0), (4, 9, 9, 9)',
    );
    await settle(lab.sites);
    await b.sql.query('UPDATE gen SET a = a + 10 WHERE id = 2; DELETE FROM gen WHERE id = 4');
    await atOnce('UPDATE gen SET a = a + 100', 'UPDATE gen SET b = b + 1000, other = 7');
    // Not computed anew where it is applied: what came from other values would stand in the index, which InnoDB then drops.
    await expectSound('gen');
    expect(await a.rows('SELECT id FROM gen WHERE s <> a + b OR v <> a * b')).toEqual([]);
    expect(await a.rows('SELECT COUNT(*) AS n FROM gen FORCE INDEX (v) WHERE v > -1')).toMatchObject([{ n: 3 }]);
    expect(await a.rows('SELECT DISTINCT other FROM gen')).toMatchObject([{ other: 7 }]);
    expect(await a.rows("SELECT 1 FROM duara.conflicts WHERE table_name = 'gen' AND rule = 'M2'")).not.toEqual([]);
  });

  test('a generated column whose unique value is taken is parked with what it is computed from', async () => {
    await a.sql.query('DELETE FROM gen; INSERT INTO gen (id, a, b) VALUES (1, 1, 10), (2, 1, 20)');
    await atOnce('UPDATE gen SET a = 3 WHERE id = 1', 'UPDATE gen SET b = 30 WHERE id = 2');
    await expectSound('gen');
    expect(await a.rows('SELECT id FROM gen WHERE s <> a + b OR v <> a * b')).toEqual([]);
    expect(await a.rows("SELECT 1 FROM duara.conflicts WHERE table_name = 'gen' AND rule = 'M9'")).toHaveLength(1);
  });

  test('rows do not flow into a table whose generated column only this site has, until it is gone', async () => {
    await b.sql.query('ALTER TABLE plain ADD COLUMN twice INT AS (n * 2) VIRTUAL, ADD KEY twice (twice)');
    await a.sql.query('INSERT INTO plain VALUES (1, 1)');
    await settle(lab.sites);
    expect(await b.rows('SELECT reason FROM duara.waiting_rows')).toMatchObject([{ reason: 'generated column' }]);
    await b.sql.query('ALTER TABLE plain DROP COLUMN twice');
    await a.sql.query('INSERT INTO plain VALUES (2, 2)');
    await settle(lab.sites);
    await expectSound('plain');
  });

  test('a unique TEXT travels and is merged, without the hash that MariaDB keeps for it', async () => {
    await a.sql.query("INSERT INTO long_key VALUES (1, 'first', 1), (2, REPEAT('x', 9000), 2)");
    await settle(lab.sites);
    await b.sql.query("UPDATE long_key SET t = CONCAT(t, '!'), n = 5");
    await atOnce("INSERT INTO long_key VALUES (3, 'same', 3)", "INSERT INTO long_key VALUES (4, 'same', 4)");
    await expectSound('long_key');
    expect(await a.rows('SELECT id FROM long_key ORDER BY id')).toHaveLength(3);
    for (const site of lab.sites) {
      await expect(site.sql.query("INSERT INTO long_key VALUES (9, 'first!', 9)")).rejects.toMatchObject({
        errno: 1062,
      });
    }
  });

  test('a table without transactions stays at home, with an alarm, and is never echoed; others go on', async () => {
    await a.sql.query('INSERT INTO flat VALUES (1, 1); INSERT INTO plain VALUES (10, 10)');
    await settle(lab.sites);
    expect(await b.rows('SELECT * FROM flat')).toEqual([]);
    expect(await b.rows('SELECT n FROM plain WHERE id = 10')).toMatchObject([{ n: 10 }]);
    expect(a.alarms.map(({ code }) => code)).toContain('DUARA_TABLE_NOT_TRANSACTIONAL');
  });
});
