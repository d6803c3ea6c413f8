import type { TableInfo } from '../ports';
import { parseText } from '../sql/classifier';
import { defaultSqlMode } from '../sql/sql-mode';
import { StatementCache } from '../sql/statement-cache';
import { rowOf } from './row-of';

const user: TableInfo = {
  schema: 'school',
  table: 'user',
  kind: 'base',
  replicated: true,
  columns: ['id', 'name', 'deleted'],
  autoIncrement: null,
  primaryKey: ['id'],
  integerKey: true,
  hasTriggers: false,
  hasBeforeInsertTrigger: false,
  hasCascades: false,
};

const pair: TableInfo = { ...user, primaryKey: ['deleted', 'id'] };

function row(sql: string, changed: Partial<TableInfo> = {}): readonly string[] | null {
  const [statement] = parseText(sql, defaultSqlMode).statements;
  if (statement === undefined) throw new Error('no statement');
  return rowOf(sql, statement, { ...user, ...changed });
}

test.each([
  'SELECT * FROM user WHERE id = 5',
  "SELECT * FROM user WHERE id='5'",
  "SELECT name, 'FROM' FROM user u WHERE u.id = '5' AND u.deleted = 0 ORDER BY name LIMIT 1",
  'SELECT name FROM user AS u WHERE u.deleted = 0 AND u.ID = 5',
  'SELECT `user`.`name` FROM `user` WHERE `user`.`id` = 5 AND (name = 1 OR name = 2)',
  'SELECT name FROM user WHERE id = 5 AND name IS NOT NULL AND deleted IN (0, 1)',
  "UPDATE user SET name = 'id = 6', deleted = id WHERE id = 5",
  'UPDATE user SET name = (SELECT MAX(id) FROM post) WHERE id = 5 AND deleted = 0 LIMIT 1',
  'UPDATE IGNORE user SET deleted = 1 WHERE id = 5',
  "DELETE FROM user WHERE id = '5'",
])('%s: row 5', (sql) => {
  expect(row(sql)).toEqual(['5']);
});

test.each([
  // Not written as the server would write it, or no integer.
  'SELECT * FROM user WHERE id = 05',
  "SELECT * FROM user WHERE id = '05'",
  "SELECT * FROM user WHERE id = '5abc'",
  "SELECT * FROM user WHERE id = ' 5'",
  'SELECT * FROM user WHERE id = 1e1',
  'SELECT * FROM user WHERE id = 5.0',
  'SELECT * FROM user WHERE id = 0x35',
  "SELECT * FROM user WHERE id = x'35'",
  'SELECT * FROM user WHERE id = -5',
  'SELECT * FROM user WHERE id = 9007199254740993',
  "SELECT * FROM user WHERE id = '5' '6'",
  "SELECT * FROM user WHERE id = '5' COLLATE utf8mb4_bin",
  'SELECT * FROM user WHERE id = 5 + 1',
  'SELECT * FROM user WHERE id = 5 = 0',
  'SELECT * FROM user WHERE id = 5 IS NULL',
  // Other rows too.
  'SELECT * FROM user WHERE id = 5 OR deleted = 1',
  'SELECT * FROM user WHERE id = 5 AND deleted = 1 OR name = 2',
  'SELECT * FROM user WHERE id = 5 || deleted = 1',
  'SELECT * FROM user WHERE id = 5 XOR deleted = 1',
  'SELECT * FROM user WHERE NOT id = 5',
  'SELECT * FROM user WHERE !id = 5',
  'SELECT * FROM user WHERE deleted BETWEEN 1 AND id = 5',
  'SELECT * FROM user WHERE CASE WHEN deleted AND id = 5 THEN 1 ELSE 1 END',
  'SELECT * FROM user WHERE @x := 1 AND id = 5',
  'SELECT * FROM user WHERE (id = 5)',
  'SELECT * FROM user ORDER BY deleted AND id = 5',
  'SELECT * FROM user WHERE deleted = 1 ORDER BY name AND id = 5',
  'SELECT * FROM user WHERE deleted = 1 GROUP BY name AND id = 5',
  'SELECT * FROM user WHERE deleted = 1 HAVING name AND id = 5',
  'SELECT * FROM user WHERE id = 5 UNION SELECT * FROM user',
  'SELECT * FROM user WHERE id IN (5)',
  'SELECT * FROM user WHERE x.id = 5',
  'SELECT * FROM user u WHERE user.id = 5',
  'SELECT * FROM user',
  // A row where there is none, or other tables.
  'SELECT COUNT(*) FROM user WHERE id = 5',
  'SELECT MAX(name) FROM user WHERE id = 5',
  'SELECT (SELECT 1) FROM user WHERE id = 5',
  'SELECT * FROM user WHERE id = 5 AND name IN (SELECT name FROM post)',
  'SELECT * FROM user JOIN post WHERE id = 5',
  'SELECT * FROM user u JOIN post WHERE u.id = 5',
  'SELECT * FROM user, post WHERE id = 5',
  'SELECT * FROM user PARTITION (p0) WHERE id = 5',
  // The key changes, or more than one table is written.
  'UPDATE user SET id = 6 WHERE id = 5',
  'UPDATE user SET name = 1, user.id = 6 WHERE id = 5',
  'UPDATE user SET `ID` = 6 WHERE id = 5',
  'UPDATE user u, post p SET p.name = 1 WHERE u.id = 5',
  'UPDATE user JOIN post SET name = 1 WHERE id = 5',
  'UPDATE user FOR PORTION OF p FROM 1 TO 2 SET name = 1 WHERE id = 5',
  'UPDATE user SET name = 1 ORDER BY id = 5',
  'DELETE user FROM user JOIN post WHERE user.id = 5',
  'DELETE FROM user USING user JOIN post WHERE user.id = 5',
  'DELETE FROM user WHERE deleted = 1 RETURNING id AND id = 5',
  'SET STATEMENT max_statement_time = 1 FOR DELETE FROM user WHERE id = 5',
  'INSERT INTO user VALUES (5)',
])('%s: any row', (sql) => {
  expect(row(sql)).toBeNull();
});

test('a key of several columns needs them all, in key order', () => {
  const changed = { primaryKey: ['deleted', 'id'] };
  expect(row('SELECT * FROM user WHERE id = 5 AND deleted = 0', changed)).toEqual(['0', '5']);
  expect(row('SELECT * FROM user WHERE id = 5', changed)).toBeNull();
  expect(row('UPDATE user SET deleted = 1 WHERE id = 5 AND deleted = 0', changed)).toBeNull();
});

test('a key of text, or none, names no row', () => {
  expect(row('SELECT * FROM user WHERE id = 5', { integerKey: false })).toBeNull();
  expect(row('SELECT * FROM user WHERE id = 5', { primaryKey: [] })).toBeNull();
  expect(row('SELECT * FROM user WHERE id = 5', { kind: 'view' })).toBeNull();
});

test('a statement that has the tokens of another text of its shape names its own row', () => {
  const cache = new StatementCache();
  const rowOfText = (sql: string): readonly string[] | null => {
    const [statement] = cache.parseByShape(sql, defaultSqlMode).statements;
    return statement === undefined ? null : rowOf(sql, statement, user);
  };
  expect(rowOfText("SELECT name FROM user WHERE name <> 'ab' AND id = 5")).toEqual(['5']);
  expect(rowOfText("SELECT name FROM user WHERE name <> '' AND id = 12345")).toEqual(['12345']);
  // No canonical integer, though of the same shape.
  expect(rowOfText("SELECT name FROM user WHERE name <> 'abc' AND id = 05")).toBeNull();
});

/** A generator of its own, so that a seed prints its way back. */
function random(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

const heads = ['SELECT name FROM user WHERE ', 'SELECT * FROM user u WHERE ', 'DELETE FROM user WHERE '].concat(
  'UPDATE user SET name = # WHERE ',
  'UPDATE user SET id = # WHERE ',
);
const conditionsOfUser = [
  'id = #',
  'id=#',
  'u.id = #',
  '# = id',
  'id <> #',
  'name = #',
  'deleted=#',
  '(id = #)',
  'id = -#',
];
const joints = [' AND ', ' AND ', ' AND ', ' OR '];
const tails = ['', '', ' LIMIT #', ' ORDER BY name', ' GROUP BY name'];
const literals = ["'it\\'s'", '5', "'5'", '05', "'5a'", '12345', "''", '99999999999999999999', "'7'"];

test('of whatever shape a text is, its row is the one that it names by itself', () => {
  const seed = Date.now() % 1e6;
  const pick = random(seed);
  const one = (list: readonly string[]): string => list[pick(list.length)] ?? '';
  // What is found out about a shape holds for one table.
  const tables = [user, pair].map((info) => ({ info, cache: new StatementCache() }));
  const wrong: string[] = [];
  let rows = 0;
  for (let round = 0; round < 20_000; round++) {
    let text = one(heads) + one(conditionsOfUser);
    for (let more = pick(3); more > 0; more--) text += one(joints) + one(conditionsOfUser);
    text = (text + one(tails)).replace(/#/g, () => one(literals));
    for (const { info, cache } of tables) {
      const [known] = cache.parseByShape(text, defaultSqlMode).statements;
      const found = known === undefined ? undefined : rowOf(text, known, info);
      const own = row(text, { primaryKey: info.primaryKey });
      if (own !== null) rows += 1;
      if (JSON.stringify(found) !== JSON.stringify(own)) wrong.push(text);
    }
  }
  expect({ seed, wrong }).toEqual({ seed, wrong: [] });
  expect(rows).toBeGreaterThan(500);
});
