import { findServer } from '../../site/lab/find-server';
import { type CacheTwin, startCacheTwin, type Step } from './cache-twin';

const read = (from: string): Step => ['b', `SELECT n FROM ${from} ORDER BY n`];
const kept = (from: string): Step => ['b', `SELECT n FROM ${from} ORDER BY n`, 'kept'];

/** `shown` is a view of `words`, until it is made one of `other` by this. */
const redefined = (name: string, ...steps: Step[]): Case => [
  name,
  kept('shown'),
  ...steps,
  kept('shown'),
  ['a', 'UPDATE other SET n = 60 WHERE id = 3'],
  read('shown'),
];
const makes = 'CREATE OR REPLACE VIEW shown AS SELECT n FROM other';
/** `c` begins when this has made sessions begin otherwise. */
const globals = (name: string, set: string): Case => [
  name,
  ['a', listed, 'kept'],
  ['b', set],
  ['c', listed],
  ['a', listed],
];
const listed = 'SELECT GROUP_CONCAT(n ORDER BY n) AS x FROM words';

type Case = readonly [name: string, ...steps: Step[]];

/** Found by looking for answers that a cache would change; each was wrong before. */
const cases: readonly Case[] = [
  ...['a.group = o.id', 'a.where = o.id', 'a.`x` = o.id AND a.having = 1'].map((on): Case => [
    `tables behind a column named as a keyword are read too: ${on}`,
    ['b', `SELECT w.n FROM keywords a JOIN other o ON ${on}, words w ORDER BY w.id`, 'kept'],
    ['a', 'UPDATE words SET n = 30 WHERE id = 3'],
    ['b', `SELECT w.n FROM keywords a JOIN other o ON ${on}, words w ORDER BY w.id`],
  ]),
  ...[
    'UPDATE keywords a JOIN other o ON a.set = o.id JOIN words w SET w.n = 40',
    'UPDATE keywords a JOIN other o ON a.group = o.id, words w SET w.n = 40',
    'DELETE w FROM keywords a JOIN other o ON a.where = o.id, words w',
    'DELETE FROM w USING keywords a JOIN other o ON a.group = o.id, words w',
  ].map((write): Case => [`… and written: ${write}`, kept('words'), ['a', write], read('words')]),
  ['levels of isolation have numbers', ...uncommitted('0')],
  ['… and a DEFAULT', ['root', "SET GLOBAL tx_isolation = 'READ-UNCOMMITTED'"], ...uncommitted('DEFAULT')],
  redefined('a procedure makes a view anew', ['a', 'CALL redefine()']),
  redefined('… called by another', ['a', 'CALL calls_redefine()']),
  redefined('… or in a statement that was prepared', ['a', "PREPARE p FROM 'CALL redefine()'"], ['a', 'EXECUTE p']),
  redefined('… or by a text of its own making', ['a', `CALL runs('${makes}')`]),
  redefined('a compound statement makes a view anew', ['a', `BEGIN NOT ATOMIC ${makes}; END`]),
  redefined('… or another', ['a', `IF 1 THEN ${makes}; END IF`]),
  redefined('… that calls a procedure', ['a', 'BEGIN NOT ATOMIC CALL redefine(); END']),
  redefined(
    'an EXECUTE runs what nobody knows',
    ['a', `SET @q = CONCAT('CREATE OR REPLACE VIEW shown ', 'AS SELECT n FROM other'); PREPARE p FROM @q`],
    ['a', 'EXECUTE p'],
  ),
  globals('a procedure sets what sessions begin with', 'CALL shortens()'),
  globals('… or a compound statement', 'BEGIN NOT ATOMIC SET GLOBAL group_concat_max_len = 4; END'),
];

/** What `root` has not committed is seen. */
function uncommitted(level: string): Step[] {
  return [
    kept('words'),
    ['a', `SET SESSION tx_isolation = ${level}`],
    ['a', 'SELECT n FROM words'],
    ['a', 'SELECT n FROM words'],
    ['root', 'BEGIN; UPDATE words SET n = 90 WHERE id = 3'],
    ['a', 'SELECT n FROM words'],
    ['root', 'ROLLBACK'],
    ['a', 'SELECT n FROM words'],
  ];
}

const binary = findServer();

(binary === null ? describe.skip : describe)('counter-examples to the cache', () => {
  let twin: CacheTwin;

  beforeAll(async () => {
    if (binary === null) throw new Error('no server');
    twin = await startCacheTwin(binary);
    await twin.root
      .query(`CREATE TABLE keywords (id BIGINT PRIMARY KEY, \`group\` INT, \`where\` INT, \`set\` INT, x INT,
        \`having\` INT);
      INSERT INTO keywords VALUES (1, 1, 1, 1, 1, 1);
      CREATE PROCEDURE redefine() ${makes};
      CREATE PROCEDURE calls_redefine() CALL redefine();
      CREATE PROCEDURE runs(t TEXT) EXECUTE IMMEDIATE t;
      CREATE PROCEDURE shortens() SET GLOBAL group_concat_max_len = 4;
      CREATE PROCEDURE quiet(v INT) UPDATE words SET n = v WHERE id = 3;
      CREATE PROCEDURE calls_quiet(v INT) BEGIN CREATE TEMPORARY TABLE made (n INT); CALL quiet(v); DROP TEMPORARY TABLE made;
      END`);
  });
  afterEach(() => twin.leave());
  afterAll(() => twin.stop());

  it.each(cases.map(([name, ...steps]) => ({ name, steps })))('$name', async ({ steps }) => {
    const reset = 'CREATE OR REPLACE VIEW shown AS SELECT n FROM words';
    const [proxied, direct] = [await twin.proxied(steps, reset), await twin.direct(steps, reset)];
    expect(proxied).toEqual(direct);
  });

  it('a procedure that only writes leaves what is known of tables', async () => {
    await twin.proxied([kept('words')]);
    const before = twin.catalog.find('app', 'words');
    expect(before).toBeDefined();
    await twin.proxied([['a', 'CALL calls_quiet(7)']]);
    expect(twin.catalog.find('app', 'words')).toBe(before);
    await twin.proxied([['a', 'CALL calls_redefine()']]);
    expect(twin.catalog.find('app', 'words')).not.toBe(before);
  });
});
