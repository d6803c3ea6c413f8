import { createConnection } from 'mysql2/promise';
import { findServer } from '../../site/lab/find-server';
import { type CacheTwin, startCacheTwin, type Step } from './cache-twin';
import { appAccount } from './proxied-server';

const words = 'SELECT n FROM words ORDER BY id';
const keptWords: Step = ['b', words, 'kept'];
const readWords: Step = ['b', words];
const committedReads: Step = ['a', 'SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED'];
/** A reply that no session of other settings may get. */
const third = 'SELECT n / 3 AS x FROM other WHERE id = 1';

/** Each is said to the server itself, too, and its answers are compared. Nothing tells the proxy's cache of writes but the proxy. */
const cases: readonly (readonly [name: string, ...steps: Step[]])[] = [
  ['SET TRANSACTION holds for the SELECT behind it', ...readOnlyTransaction()],
  [
    'sql_auto_is_null finds what the session has inserted, once',
    ['a', 'SET sql_auto_is_null = 1'],
    ['b', 'SET sql_auto_is_null = 1'],
    ['a', 'INSERT INTO counted (n) VALUES (7)'],
    ...repeated(4, ['a', 'SELECT n FROM counted WHERE id IS NULL']),
    ...repeated(2, ['b', 'SELECT n FROM counted WHERE id IS NULL']),
  ],
  [
    'a sequence in sql_mode ORACLE counts on',
    ['a', "SET sql_mode = 'ORACLE'"],
    ...repeated(3, ['a', 'SELECT numbers.nextval AS v FROM words WHERE id = 1']),
  ],
  [
    'SQL%ROWCOUNT is that of the statement before',
    ['a', "SET sql_mode = 'ORACLE'"],
    ['a', 'UPDATE other SET n = n + 1'],
    ...repeated(2, ['a', 'SELECT n, SQL%ROWCOUNT AS v FROM words']),
    ['a', 'UPDATE other SET n = n + 1 WHERE id = 1'],
    ['a', 'SELECT n, SQL%ROWCOUNT AS v FROM words'],
  ],
  [
    'a blank of latin1 parts a table from WHERE',
    keptWords,
    ['latin1', 'DELETE FROM words\u00a0WHERE id = 3'],
    readWords,
  ],
  [
    'a blank of latin1 parts JOIN from a table',
    ...repeated(3, ['latin1', 'SELECT w.n FROM other o JOIN\u00a0words w ON o.id = w.id ORDER BY 1']),
    ['a', 'UPDATE words SET n = 30 WHERE id = 3'],
    ['latin1', 'SELECT w.n FROM other o JOIN\u00a0words w ON o.id = w.id ORDER BY 1'],
  ],
  [
    'a name in latin1 is the same table',
    ['b', 'SELECT n FROM `café`', 'kept'],
    ['latin1', 'UPDATE `café` SET n = n + 1'],
    ['b', 'SELECT n FROM `café`'],
  ],
  [
    'tables behind the hint of an index for joins are written too',
    keptWords,
    ['a', 'UPDATE other USE INDEX FOR JOIN (PRIMARY), words SET words.n = 50 WHERE words.id = 3 AND other.id = 3'],
    readWords,
    keptWords,
    ['a', 'DELETE words FROM other IGNORE KEY FOR ORDER BY (PRIMARY), words WHERE words.id = 3 AND other.id = 3'],
    readWords,
  ],
  [
    'a temporary table that a procedure drops hides nothing any more',
    ['a', 'CREATE TEMPORARY TABLE words (id BIGINT, n INT)'],
    ['a', 'CALL drop_temporary()'],
    keptWords,
    ['a', 'UPDATE words SET n = 77 WHERE id = 3'],
    readWords,
  ],
  [
    'nor does one that was to be replaced, in vain',
    ['a', 'CREATE TEMPORARY TABLE words (id BIGINT, n INT)'],
    ['a', 'CREATE OR REPLACE TEMPORARY TABLE words (id BIGINT PRIMARY KEY) AS SELECT 1 AS id UNION ALL SELECT 1'],
    keptWords,
    ['a', 'UPDATE words SET n = 78 WHERE id = 3'],
    readWords,
  ],
  ['SHOW may call a function that writes', keptWords, ['a', 'SHOW TABLES WHERE set_n(92) = 0'], readWords],
  [
    'so may CREATE TEMPORARY TABLE … SELECT',
    keptWords,
    ['a', 'CREATE TEMPORARY TABLE made AS SELECT set_n(93) AS x'],
    readWords,
  ],
  [
    'an EXECUTE writes where it was prepared',
    keptWords,
    ['a', "PREPARE s FROM 'UPDATE words SET n = 40 WHERE id = 3'"],
    ['a', 'USE second'],
    ['a', 'EXECUTE s'],
    readWords,
  ],
  [
    'an EXECUTE runs what its variable came to be',
    keptWords,
    ['a', "SET @q = 'DO 1'; SELECT 'UPDATE words SET n = 41 WHERE id = 3' INTO @q; EXECUTE IMMEDIATE @q"],
    readWords,
    keptWords,
    ['a', "SET @q = 'DO 1'; SET @r = (@q := 'UPDATE words SET n = 42 WHERE id = 3'); EXECUTE IMMEDIATE @q"],
    readWords,
    keptWords,
    ['a', `SET @q = 'DO 1'; EXECUTE IMMEDIATE 'SET @q = "UPDATE words SET n = 43 WHERE id = 3"'; EXECUTE IMMEDIATE @q`],
    readWords,
  ],
  [
    'a view that an EXECUTE makes anew is another one',
    ['a', 'CREATE OR REPLACE VIEW shown AS SELECT n FROM words'],
    ['b', 'SELECT n FROM shown ORDER BY n', 'kept'],
    ['a', "EXECUTE IMMEDIATE 'CREATE OR REPLACE VIEW shown AS SELECT n FROM other'"],
    ['b', 'SELECT n FROM shown ORDER BY n', 'kept'],
    ['a', 'UPDATE other SET n = 60 WHERE id = 3'],
    ['b', 'SELECT n FROM shown ORDER BY n'],
  ],
  ...[
    'SET @a = 1',
    'UPDATE other SET n = n',
    'USE second',
    'COMMIT',
    'DO 1',
    'INSERT INTO other VALUES (3, 3) ON DUPLICATE KEY UPDATE n = 3',
    'UPDATE words JOIN other USING (id) SET other.n = 8',
    'DELETE other FROM words JOIN other USING (id) WHERE id = 3',
    'DELETE FROM words WHERE id = 2',
    'DELETE FROM words WHERE id = 2 RETURNING n',
    'DO 1; REPLACE INTO other SELECT 3, 7',
    'ALTER TABLE other COMMENT = "a"',
    'CREATE OR REPLACE VIEW shown AS SELECT n FROM words',
    'SELECT nothing FROM words',
    'SELECT (SELECT id FROM words)',
    'SELECT * FROM hakuna',
    'SELEKT',
    'SHOW CREATE TABLE words',
    'SHOW TABLES',
    'PREPARE s FROM "SELECT 1"',
  ].map((between): (typeof cases)[number] => [
    `FOUND_ROWS() is that of the last SELECT, though '${between}' came between`,
    ['a', words, 'kept'],
    ['a', 'SELECT 1'],
    ['a', words],
    ['a', between],
    ['a', 'SELECT FOUND_ROWS()'],
    ['a', 'SELECT FOUND_ROWS()'],
    ['a', 'SELECT n FROM app.words WHERE id = 9', 'kept'],
    ['a', between],
    ['a', 'SELECT ROW_COUNT(), @@warning_count'],
    ['a', 'SELECT n FROM app.words WHERE id = 9'],
    ['a', between],
    ['a', 'SELECT FOUND_ROWS()'],
  ]),
  ...['SELECT 1', 'BEGIN', 'SET @a = 1', 'SELECT LAST_INSERT_ID()'].flatMap((between): (typeof cases)[number][] => [
    [
      `the SELECT before it has ended warnings, though '${between}' came between`,
      ['a', words, 'kept'],
      ['a', 'INSERT IGNORE INTO other VALUES (1, 1)'],
      ['a', words],
      ['a', between],
      ['a', 'SHOW WARNINGS'],
    ],
    [
      `the SELECT before it has ended an error, though '${between}' came between`,
      ['a', words, 'kept'],
      ['a', 'SELECT nothing'],
      ['a', words],
      ['a', between],
      ['a', 'SHOW COUNT(*) ERRORS'],
    ],
  ]),
  ...['SELECT n FROM words ORDER BY id LIMIT 1 OFFSET 1', 'SELECT n FROM words ORDER BY id LIMIT 2, 5'].map(
    (read): (typeof cases)[number] => [
      `FOUND_ROWS() counts what is left out, too: ${read}`,
      ['a', read, 'kept'],
      ['a', 'SET @a = 1'],
      ['a', 'SELECT FOUND_ROWS()'],
    ],
  ),
  [
    'a view may call a function that writes',
    keptWords,
    ['a', 'SELECT x FROM writing'],
    readWords,
    keptWords,
    ['a', 'SET @x = (SELECT MAX(x) FROM writing_too)'],
    readWords,
  ],
  [
    'what a function of a view has written in a transaction is for its session alone',
    committedReads,
    ['a', 'BEGIN'],
    ['a', 'SELECT x FROM writing'],
    ...repeated(3, ['a', words]),
    readWords,
    ['a', 'ROLLBACK'],
    readWords,
  ],
  [
    'a trigger may set variables',
    ['a', 'INSERT INTO set_by_trigger VALUES (1)'],
    ...repeated(3, ['a', third]),
    ['b', third],
  ],
  [
    'a trigger may hide a table',
    ['a', 'INSERT INTO hidden_by_trigger VALUES (1)'],
    ...repeated(3, ['a', words]),
    readWords,
  ],
  [
    'a function in a write may set variables',
    ['a', 'UPDATE other SET n = set_precision(1) WHERE id = 1'],
    ...repeated(3, ['a', third]),
    ['b', third],
  ],
];

function repeated(times: number, step: Step): Step[] {
  return Array.from({ length: times }, () => step);
}

/** A SELECT ends the transaction that it is. */
function readOnlyTransaction(): Step[] {
  return [
    committedReads,
    ...repeated(3, ['a', 'SET TRANSACTION READ ONLY']).flatMap((set): Step[] => [set, ['a', words]]),
    ['a', 'UPDATE other SET n = n + 1 WHERE id = 1'],
  ];
}

const binary = findServer();

(binary === null ? describe.skip : describe)('a cache before the server changes no answer', () => {
  let twin: CacheTwin;

  beforeAll(async () => {
    if (binary === null) throw new Error('no server');
    twin = await startCacheTwin(binary);
    const { root, catalog } = twin;
    await root.query(`CREATE DATABASE second; USE app;
      CREATE TABLE second.words LIKE words; CREATE TABLE counted (id BIGINT AUTO_INCREMENT PRIMARY KEY, n INT);
      CREATE TABLE \`café\` (id BIGINT PRIMARY KEY, n INT); CREATE SEQUENCE numbers;
      CREATE PROCEDURE drop_temporary() DROP TEMPORARY TABLE words;
      CREATE FUNCTION set_n(v INT) RETURNS INT MODIFIES SQL DATA
        BEGIN UPDATE app.words SET n = v WHERE id = 3; RETURN v; END;`);
    await root.query(`USE app; CREATE FUNCTION set_precision(v INT) RETURNS INT
      BEGIN SET SESSION div_precision_increment = v; RETURN v; END`);
    await root.query(`USE app; CREATE VIEW writing AS SELECT set_n(91) AS x;
      CREATE VIEW writing_too AS SELECT x + 1 AS x FROM writing;
      CREATE TABLE set_by_trigger (n INT); CREATE TABLE hidden_by_trigger (n INT);
      CREATE TRIGGER sets BEFORE INSERT ON set_by_trigger FOR EACH ROW SET SESSION div_precision_increment = 1;
      CREATE TRIGGER hides BEFORE INSERT ON hidden_by_trigger FOR EACH ROW
        CREATE TEMPORARY TABLE IF NOT EXISTS words (id INT, n INT)`);
    await catalog.load('app', 'writing');
  });
  afterEach(() => twin.leave());
  afterAll(() => twin.stop());

  const reset = 'REPLACE INTO `café` VALUES (1, 1); DELETE FROM counted; ALTER SEQUENCE numbers RESTART 1';

  it.each(cases.map(([name, ...steps]) => ({ name, steps })))('$name', async ({ steps }) => {
    expect(await twin.proxied(steps, reset)).toEqual(await twin.direct(steps, reset));
  });

  it('a SELECT under locks that its own session holds waits for nothing', async () => {
    expect(twin.catalog.viewsWrite).toBe(true);
    const client = await createConnection({ ...appAccount, socketPath: twin.site.proxySocket });
    await client.query('CREATE TABLE mended (n INT) ENGINE = MyISAM');
    await client.query('LOCK TABLES mended WRITE');
    await client.query('REPAIR TABLE mended USE_FRM');
    twin.catalog.forget();
    expect((await client.query('SELECT n FROM mended'))[0]).toEqual([]);
    await client.query('UNLOCK TABLES');
    client.destroy();
  });

  /** Its definition can be read again when it is unlocked. */
  it.each([
    ['REPAIR TABLE held USE_FRM', 'known when it was locked', false],
    ['OPTIMIZE TABLE held', 'known when it was locked', false],
    ['REPAIR TABLE held USE_FRM', 'forgotten since', true],
  ])('writes under locks that its own session holds are carried out: %s, %s', async (sql, _what, forgotten) => {
    const written = async (socketPath: string): Promise<unknown> => {
      const client = await createConnection({ ...appAccount, socketPath });
      await client.query('CREATE OR REPLACE TABLE held (id BIGINT PRIMARY KEY AUTO_INCREMENT, n INT) ENGINE = MyISAM');
      await client.query('INSERT INTO held (n) VALUES (1)');
      twin.catalog.forget();
      await client.query('LOCK TABLES held WRITE');
      await client.query(sql);
      if (forgotten) twin.catalog.forget();
      else await client.query('INSERT INTO held (n) VALUES (2)');
      await client.query('UPDATE held SET n = n + 1');
      await client.query('UNLOCK TABLES');
      const [rows] = await client.query('SELECT n FROM held ORDER BY id');
      client.destroy();
      return rows;
    };
    expect(await written(twin.site.proxySocket)).toEqual(await written(twin.site.server.socket));
  });

  it.each(["DATE({t '10:00:00'})", "DATE(ADDTIME('10:00:00', '0:01'))", "TO_DAYS(SUBTIME('10:00:00', '0:01'))"])(
    'a time of day is of today where a date is wanted: %s',
    async (expression) => {
      const client = await createConnection({ ...appAccount, socketPath: twin.site.proxySocket });
      await client.query(words);
      const before = twin.counters.cacheHits;
      for (let tries = 0; tries < 3; tries++) await client.query(`SELECT n, ${expression} AS d FROM words`);
      expect(twin.counters.cacheHits).toBe(before);
      client.destroy();
    },
  );
});
