import { bodyInserts } from './routine-body';
import { defaultSqlMode } from './sql-mode';

const cases: [body: string, found: string, why: string][] = [
  ['SET NEW.v = UPPER(NEW.v)', '', 'a trigger that only changes its row'],
  ["SET NEW.v = REPLACE(NEW.v, 'a', INSERT('x', 1, 1, 'y'))", '', 'functions of that name'],
  ["INSERT INTO log (v) VALUES (CONCAT(NEW.v, 'x'))", 'log', 'a table, and no call of log()'],
  ['BEGIN IF 1 THEN REPLACE other.log SELECT 1; END IF; INSERT IGNORE x SET a = 1; END', 'other.log x', 'several'],
  ['BEGIN CALL p(1); END', 'calls', 'a procedure'],
  ['SET NEW.v = f(1)', 'calls', 'a stored function'],
  ['BEGIN PREPARE s FROM @a; EXECUTE s; END', 'dynamic', 'a text that is not here'],
  ['BEGIN /* INSERT INTO no */ SELECT "INSERT INTO no" INTO @x; END', '', 'comments and strings'],
];
it.each(cases)('%s', (body, found) => {
  const { targets, calls, dynamic } = bodyInserts(body, defaultSqlMode);
  const names = targets.map(({ schema, table }) => (schema === null ? table : `${schema}.${table}`));
  expect([...names, ...(calls ? ['calls'] : []), ...(dynamic ? ['dynamic'] : [])].join(' ')).toBe(found);
});
