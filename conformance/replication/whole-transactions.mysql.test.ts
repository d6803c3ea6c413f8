import { findServer } from '../../site/lab/find-server';
import { type TestSite, type TestSites, settle, startSites } from './test-sites';

/** G3: all effects of a change set become visible together. */

const binary = findServer();
const withDatabase = binary === null ? describe.skip : describe;

const SCHEMA = [
  'CREATE TABLE app.purse (id BIGINT PRIMARY KEY, money INT NOT NULL, owner VARCHAR(20))',
  'CREATE TABLE app.chest (id BIGINT PRIMARY KEY, money INT NOT NULL)',
  'INSERT INTO app.purse VALUES (1, 100, NULL), (2, 100, NULL), (3, 100, NULL)',
  'INSERT INTO app.chest VALUES (1, 100), (2, 100), (3, 100)',
];
const TRANSFERS = 80;
const AHEAD = 10;

/** Money moves between tables and rows; a row of the chest goes and comes back. The sum is the same at every commit. */
async function transfer(site: TestSite, seen: (last: number) => boolean): Promise<void> {
  for (let n = 1; n <= TRANSFERS;) {
    // Never far ahead of the reader: it is to look while they come in, however fast they are applied.
    while (n > AHEAD && !seen(100 + n - AHEAD)) await new Promise(setImmediate);
    const [from, to] = [1 + (n % 3), 1 + ((n + 1) % 3)];
    const statements = [
      'BEGIN',
      `UPDATE purse SET money = money - ${n} WHERE id = ${from}`,
      `UPDATE purse SET money = money + 1 WHERE id = ${to}`,
      `DELETE FROM chest WHERE id = ${100 + n - 1}`,
      `INSERT INTO chest VALUES (${100 + n}, ${n})`,
      // What went away with the row before comes back here.
      `UPDATE chest SET money = money + ${n - 1} - 1 WHERE id = ${to}`,
      'COMMIT',
    ];
    try {
      await site.sql.query(statements.join(';'));
      n++;
    } catch (error) {
      // What comes from the other site locks rows too: a transaction may be asked to start again, as with any writer.
      if ((error as { code?: string }).code !== 'ER_LOCK_DEADLOCK') throw error;
    }
  }
}

withDatabase('whole transactions', () => {
  let lab: TestSites;
  let a: TestSite;
  let b: TestSite;
  beforeAll(async () => {
    lab = await startSites({ binary: binary!, names: ['a', 'b'], schema: SCHEMA });
    [a, b] = lab.sites as [TestSite, TestSite];
  });
  afterAll(() => lab.stop());

  test('a reader at the receiver never sees a half of one, while local writes go on there', async () => {
    const totals = new Set<number>();
    const states = new Set<number>();
    const written = transfer(a, (last) => Math.max(...states) >= last);
    for (let n = 0; !states.has(100 + TRANSFERS); n++) {
      // One statement reads one snapshot.
      const [row] = await b.rows(
        'SELECT (SELECT SUM(money) FROM purse) + (SELECT SUM(money) FROM chest) AS total, (SELECT MAX(id) FROM chest) AS last',
      );
      totals.add(Number(row?.['total']));
      states.add(Number(row?.['last']));
      // Concurrent with what arrives, in the same rows: applies are decided again.
      if (n % 20 === 0) await b.sql.query(`UPDATE purse SET owner = 'b${n}' WHERE id = ${1 + (n % 3)}`);
    }
    await written;
    await settle(lab.sites);
    expect([...totals]).toEqual([600]);
    // It must have looked while they came in.
    expect(states.size).toBeGreaterThanOrEqual(TRANSFERS / AHEAD);
    expect(await b.table('chest')).toEqual(await a.table('chest'));
    expect(await b.table('purse')).toEqual(await a.table('purse'));
  });
});
