import type { InsertGenerator, Step } from './insert-generator';
import type { TwinTable } from './insert-tables';

/** Steps of several commands, of which the session's state is a part. */

type Words = Pick<InsertGenerator, 'chance' | 'tag' | 'text' | 'values' | 'set' | 'select' | 'prepared' | 'bulk'>;

/** Its tables are the client's own for a while. */
export function locked(words: Words, table: TwinTable): Step {
  const { chance } = words;
  const locks = `LOCK TABLES {S}.${table.written} WRITE`;
  const inserts = Array.from({ length: 1 + chance.below(3) }, () =>
    chance.oneIn(3) ? words.set(table, null) : words.values(table, null),
  );
  const [first = '', ...others] = inserts;
  if (chance.oneIn(2)) return words.text('locked', table, `${locks}; ${inserts.join('; ')}; UNLOCK TABLES`);
  return { ...words.text('locked', table, first), before: [locks], after: [...others, 'UNLOCK TABLES'] };
}

/** Command by command; what is rolled back shall not come again. */
export function transaction(words: Words, table: TwinTable): Step {
  const { chance } = words;
  const insert = (): string => (chance.oneIn(3) ? words.select(table) : words.values(table, null));
  const end = chance.of(['COMMIT', 'ROLLBACK', 'COMMIT AND CHAIN', 'ROLLBACK AND CHAIN']);
  const level = chance.of([[], ['SET TRANSACTION ISOLATION LEVEL READ COMMITTED'], ['SET TRANSACTION READ WRITE']]);
  const begin = chance.of([
    'BEGIN',
    'START TRANSACTION',
    'SET autocommit = 0',
    'START TRANSACTION WITH CONSISTENT SNAPSHOT',
  ]);
  return {
    ...words.text('transaction', table, insert()),
    before: [...level, begin, insert(), 'SAVEPOINT a'],
    after: [
      ...(chance.oneIn(2) ? ['ROLLBACK TO a', insert()] : ['RELEASE SAVEPOINT a']),
      end,
      ...(end.includes('CHAIN') ? [insert(), 'COMMIT'] : []),
      'SET autocommit = 1',
    ],
  };
}

/** The query asks what the statement before it did. */
export function lookingBack(words: Words, table: TwinTable): Step {
  const { chance } = words;
  const verb = chance.of(['INSERT', 'INSERT IGNORE', 'REPLACE']);
  const reads = chance.of([
    `SELECT seq FROM seq_1_to_${1 + chance.below(9)}`,
    `SELECT SQL_CALC_FOUND_ROWS seq FROM seq_1_to_${1 + chance.below(9)} LIMIT 1`,
    'DO LAST_INSERT_ID(77)',
  ]);
  const writes = chance.of([
    `UPDATE {S}.${table.written} SET n = n + 1 ORDER BY u LIMIT ${1 + chance.below(4)}`,
    words.values(table, null),
  ]);
  const asked = chance.of(['n', 'n', 'ref']);
  const value =
    asked === 'ref'
      ? chance.of(['LAST_INSERT_ID()', 'LAST_INSERT_ID(5)', '@@last_insert_id', '@@identity'])
      : chance.of(['ROW_COUNT()', 'FOUND_ROWS()']);
  const before = value === 'FOUND_ROWS()' || chance.oneIn(2) ? reads : writes;
  const key = chance.of(['', '', 'NULL, ', 'NULLIF(seq, seq), ', '0, ']);
  // A trigger that runs for the row before changes what a row finds.
  const rows = table.keyedByTrigger ? 1 : 1 + chance.below(4);
  const insert =
    `${verb} INTO {S}.${table.written} (${key === '' ? '' : 'id, '}u, ${asked}) ` +
    `SELECT ${key}CONCAT('${words.tag()}-', seq), ${value} FROM seq_1_to_${rows}`;
  // What the view does not show.
  const sql =
    table.written === 'shown' ? insert.replace('ref)', 'n)').replace(/(LAST_INSERT_ID\(\)|@@\w+)/, '5') : insert;
  if (chance.oneIn(2)) return words.text('looking back', table, `${before}; ${sql}`);
  return { ...words.text('looking back', table, sql), before: [before] };
}

/** In a text of several statements, of which the next one looks for its key. */
export function amongOthers(words: Words, table: TwinTable): Step {
  const { chance } = words;
  const beside = Array.from({ length: chance.below(3) }, () =>
    chance.of([
      'DO 1',
      'SHOW WARNINGS',
      '/*! SET @a = 1 */',
      `SELECT u FROM {S}.${table.written} ORDER BY u LIMIT 2`,
      'SELECT REPEAT(seq, 50) FROM seq_1_to_500',
      "SET sql_mode = CONCAT(@@sql_mode, ',ANSI_QUOTES')",
      "SET sql_mode = CONCAT('ORA', 'CLE')",
    ]),
  );
  const looks = `UPDATE {S}.${table.written} SET n = 77 WHERE id = LAST_INSERT_ID()`;
  const behind = chance.of([
    `; ${looks}`,
    `;/* ; */ ${looks};`,
    `; DO 2; ${looks}`,
    `;; ${looks}`,
    '; ;',
    '; -- a',
    '',
  ]);
  const sql = [...beside, words.values(table, null)].join('; ') + behind;
  // Where no key is generated, that of a statement before, in another table, may be a row's in this one too: on one side only.
  const before = ['DO LAST_INSERT_ID(5)'];
  return { ...words.text('among others', table, sql), before, after: ['SET sql_mode = DEFAULT'] };
}

/** Numbers become text of two or four bytes a character. */
export function inWideText(words: Words, table: TwinTable): Step {
  const { chance } = words;
  const settings = chance.of([
    "SET collation_connection = 'utf16_general_ci'",
    "SET collation_connection = 'ucs2_unicode_ci', character_set_results = NULL",
    "SET collation_connection = 'utf32_bin'",
  ]);
  const step = chance.of([
    () => words.text('in wide text', table, words.values(table, null)),
    () => words.text('in wide text', table, words.select(table)),
    () => words.text('in wide text', table, `${words.set(table, null)}; ${words.values(table, null)}`),
    () => words.prepared(table),
  ])();
  return { ...step, before: [settings, ...step.before], after: [...step.after, 'SET NAMES utf8mb4'] };
}

/** The session has come to another schema, or reads texts otherwise, when what it has prepared runs. */
export function movedOn(words: Words, table: TwinTable): Step {
  const { chance } = words;
  const between = chance.of([
    ['USE elsewhere'],
    ['SET NAMES latin1'],
    ["SET sql_mode = CONCAT(@@sql_mode, ',ANSI_QUOTES')"],
    ["SET sql_mode = CONCAT(@@sql_mode, ',NO_BACKSLASH_ESCAPES')"],
    ["SET sql_mode = CONCAT(@@sql_mode, ',PIPES_AS_CONCAT')", 'USE elsewhere'],
    [`CALL {S}.fill('${words.tag()}', 0)`],
    ['SET character_set_client = CONCAT("lat", "in1")', 'USE elsewhere'],
  ]);
  const after = ['USE {S}', 'SET sql_mode = DEFAULT', 'SET NAMES utf8mb4'];
  const moved = (step: Step): Step => ({
    ...step,
    form: step.form.replace(/^\w+/, '$& moved on'),
    sql: chance.oneIn(2) ? step.sql : step.sql.replace(' {S}.', ' '),
    between,
    after,
    tables: [...new Set([...step.tables, 'log', 'hooked'])],
  });
  if (chance.oneIn(3)) {
    const named = words.values(table, null).replaceAll('\\', '\\\\').replaceAll("'", "''");
    const step = moved(words.text('dynamic', table, 'EXECUTE p'));
    return {
      ...step,
      before: [`PREPARE p FROM '${named}'`, ...between],
      between: [],
      after: [...after, 'DEALLOCATE PREPARE p'],
    };
  }
  const step = chance.oneIn(2) ? words.prepared(table) : words.bulk(table);
  return step.executions === null ? step : moved(step);
}
