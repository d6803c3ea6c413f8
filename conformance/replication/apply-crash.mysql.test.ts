import { findServer } from '../../site/lab/find-server';
import { type TestSite, type TestSites, settle, startSites, until } from './test-sites';

const binary = findServer();
const withDatabase = binary === null ? describe.skip : describe;

const SCHEMA = ['CREATE TABLE app.t (id BIGINT PRIMARY KEY, a VARCHAR(50), n INT NOT NULL, UNIQUE KEY n (n))'];

/** So many transactions of two rows each, in packets of ten. */
async function load(site: TestSite, first: number, count: number): Promise<void> {
  for (let id = first; id < first + count; id += 10) {
    const transactions = Array.from({ length: 10 }, (_, i) => id + i).map(
      (n) => `BEGIN; INSERT INTO t VALUES (${n}, 'new', ${n}); UPDATE t SET a = '${n}' WHERE id = ${n - 7}; COMMIT`,
    );
    await site.sql.query(transactions.join(';'));
  }
}

async function expectEqual(a: TestSite, b: TestSite): Promise<void> {
  const rows = await a.table('t');
  expect(await b.table('t')).toEqual(rows);
}

withDatabase('the database goes away while change sets are applied', () => {
  let lab: TestSites;
  let a: TestSite;
  let b: TestSite;
  beforeAll(async () => {
    lab = await startSites({ binary: binary!, names: ['a', 'b'], schema: SCHEMA, durable: true });
    [a, b] = lab.sites as [TestSite, TestSite];
  });
  afterAll(() => lab.stop());

  const appliedAtLeast = (seq: bigint): Promise<void> =>
    until(
      () => Promise.resolve((b.replicator.vector().get(a.replicator.incarnation) ?? 0n) >= seq),
      async () => JSON.stringify(b.alarms),
    );

  test.each([1, 2, 3])(
    'kill -9 of the database in mid-apply, and back again: exactly once (round %i)',
    async (round) => {
      const before = a.replicator.vector().get(a.replicator.incarnation) ?? 0n;
      const loading = load(a, round * 1000, 400);
      await appliedAtLeast(before + 100n);
      await b.server.stop('SIGKILL');
      await loading;
      await b.server.start();
      await b.connect();
      await b.sql.query('USE app');
      await settle(lab.sites);
      await expectEqual(a, b);
      expect(Number((await b.rows('SELECT COUNT(*) AS n FROM t'))[0]?.['n'])).toBe(round * 400);
    },
  );

  test('connections killed at any moment, unanswered COMMITs among them', async () => {
    const running = load(a, 10_000, 2_000).then(() => true);
    let done = false;
    void running.then(() => (done = true));
    let kills = 0;
    while (!done) {
      const [own] = await b.rows('SELECT CONNECTION_ID() AS id');
      for (const { ID: id } of await b.rows('SELECT ID FROM information_schema.PROCESSLIST')) {
        if (String(id) === String(own?.['id'])) continue;
        // It may have ended by itself since.
        await b.sql.query(`KILL CONNECTION ${id}`).catch(() => undefined);
        kills++;
      }
      const before = b.replicator.vector().get(a.replicator.incarnation) ?? 0n;
      await Promise.race([running, appliedAtLeast(before + 20n)]);
    }
    expect(kills).toBeGreaterThan(2);
    await settle(lab.sites);
    await expectEqual(a, b);
    expect(await b.rows('SELECT * FROM duara.waiting_rows')).toEqual([]);
    expect(await b.rows('SELECT * FROM duara.conflicts')).toEqual([]);
  });

  test('the replicator starts again and goes on where it was', async () => {
    await b.replicator.close();
    await load(a, 30_000, 50);
    await b.sql.query("UPDATE t SET a = 'while down' WHERE id = 1005");
    await b.startReplicator();
    await settle(lab.sites);
    await expectEqual(a, b);
    expect(await a.rows('SELECT a FROM t WHERE id = 1005')).toEqual([{ a: 'while down' }]);
  });
});
