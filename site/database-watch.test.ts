import type { SqlRow } from './database-pool';
import { DatabaseWatch } from './database-watch';

const answers = (sql: string): readonly SqlRow[] =>
  sql.includes('VERSION') ? [{ version: '10.11.19-MariaDB' }] : [{ gtid: '0-1-7' }];

test('tells the version and where the log stands', async () => {
  const watch = new DatabaseWatch((sql) => Promise.resolve(answers(sql)));
  const state = { reachable: true, version: '10.11.19-MariaDB', gtid: '0-1-7', reason: null };
  expect(await watch.state()).toEqual(state);
});

test('tells why it cannot be asked', async () => {
  const refused = Object.assign(new Error("Access denied for user 'duara'"), { code: 'ER_ACCESS_DENIED_ERROR' });
  expect(await new DatabaseWatch(() => Promise.reject(refused)).state()).toMatchObject({
    reachable: false,
    reason: "Access denied for user 'duara'",
  });
  const silent = Object.assign(new AggregateError([]), { code: 'ECONNREFUSED' });
  expect(await new DatabaseWatch(() => Promise.reject(silent)).state()).toMatchObject({ reason: 'ECONNREFUSED' });
});

test('a database that hangs is asked once, however many want to know, and again when it has answered', async () => {
  const release: (() => void)[] = [];
  const asked: string[] = [];
  const watch = new DatabaseWatch((sql) => {
    asked.push(sql);
    if (asked.length > 1) return Promise.resolve(answers(sql));
    return new Promise((resolve) => release.push(() => resolve(answers(sql))));
  }, 20);
  const states = await Promise.all([watch.state(), watch.state()]);
  expect([...states, await watch.state()].map(({ reachable }) => reachable)).toEqual([false, false, false]);
  expect(asked).toHaveLength(1);
  for (const each of release) each();
  while ((await watch.state()).reachable !== true);
  expect(await watch.state()).toMatchObject({ gtid: '0-1-7' });
});
