import { laterLesson, takingBack } from './next-lesson';
import type { RecordedLine } from './recording';

const began = 1_795_290_545;
const week = 604_800;
const said = (sql: string): RecordedLine => ({ conn: 1, t: began + 0.5, cmd: 'Query', sql });
const sid = 'u2irsr55cg597epbbn44gdcab4';
const oldHash = 'da39a3ee5e6b4b0d3255bfef95601890afd80709';
const held = new Set([oldHash, '1795289845']);

test.each([
  [`SELECT 1 WHERE t > ${began + 3}`, `SELECT 1 WHERE t > ${began + 3 + week}`, 'now'],
  [`SELECT 1 WHERE t > '${began - 1_209_600}'`, `SELECT 1 WHERE t > '${began - 1_209_600 + week}'`, 'from now'],
  [`UPDATE u SET lastlogin = '1795289845'`, `UPDATE u SET lastlogin = '1795289845'`, 'a moment that the database held'],
  [`SELECT * FROM f WHERE h = '${oldHash}'`, `SELECT * FROM f WHERE h = '${oldHash}'`, 'a hash that it held'],
  [`SELECT '4000000000', 1234567890`, `SELECT '4000000000', 1234567890`, 'numbers that are no moments'],
  [`SELECT f('abcdefghijklmnopqrst')`, `SELECT f('abcdefghijklmnopqrst')`, 'a word'],
])('%s a week later', (sql, later) => {
  expect(laterLesson([said(sql)], held, 1)[0]?.sql).toBe(later);
});

test('a made-up name is another one, the same wherever it stands, and another one again the week after', () => {
  const lines = [said(`INSERT INTO s (sid) VALUES ('${sid}')`), said(`SELECT * FROM s WHERE x LIKE 'a:${sid};'`)];
  const [first, second] = laterLesson(lines, held, 1).map(({ sql }) => sql);
  const name = /'(\w+)'/.exec(first ?? '')?.[1] ?? '';
  expect(name).toHaveLength(sid.length);
  expect(name).not.toBe(sid);
  expect(second).toBe(`SELECT * FROM s WHERE x LIKE 'a:${name};'`);
  expect(laterLesson(lines, held, 2)[0]?.sql).not.toBe(first);
});

test('what was inserted into tables with natural keys is taken back, all rows of it', () => {
  const done = (insertId: bigint, affectedRows: bigint) => ({ insertId, affectedRows, error: null });
  const lines = ['pref', 'log', 'pref', 'pref'].map((table) => said(`INSERT INTO ${table} (a) VALUES ('1')`));
  const outcomes = [done(5n, 2n), done(8n, 1n), { ...done(0n, 0n), error: '1062' }, done(9n, 1n)];
  expect([...takingBack(lines, outcomes, new Set(['pref']))]).toEqual(['DELETE FROM pref WHERE id IN (5, 6, 9)']);
});
