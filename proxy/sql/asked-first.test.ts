import { mayBeAskedFirst } from './asked-first';
import { defaultSqlMode } from './sql-mode';
import { tokenize } from './tokenizer';

const asked = (query: string): boolean => mayBeAskedFirst(tokenize(query, defaultSqlMode).tokens);

it.each([
  'SELECT id, v FROM source WHERE v LIKE CONCAT(?, 1)',
  'SELECT LAST_INSERT_ID(), v FROM source FORCE INDEX FOR JOIN (k)',
  'SELECT SUBSTRING(v FROM 1 FOR 2) FROM source',
])('asked first: %s', (query) => expect(asked(query)).toBe(true));

it.each([
  'SELECT 5, 1 FROM DUAL WHERE ROW_COUNT() = 0',
  'SELECT 0, found_rows()',
  'SELECT 61, LAST_INSERT_ID(LAST_INSERT_ID() + 1)',
  "SELECT id, GET_LOCK('a', 1) FROM source",
  'SELECT SLEEP(1)',
  'SELECT BENCHMARK(1000, 1)',
  'SELECT @@identity, @@session.warning_count',
  'SELECT NEXT VALUE FOR s',
  'SELECT PREVIOUS VALUE FOR s',
  'SELECT s.nextval, v FROM source',
  'SELECT SQL_CALC_FOUND_ROWS id FROM source LIMIT 1',
  'SELECT id FROM source FOR UPDATE',
  'SELECT id FROM source LOCK IN SHARE MODE',
  'SELECT id FROM source FOR SHARE SKIP LOCKED',
])('not asked first: %s', (query) => expect(asked(query)).toBe(false));
