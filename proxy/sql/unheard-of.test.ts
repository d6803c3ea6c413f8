import { parseText } from './classifier';
import { defaultSqlMode } from './sql-mode';
import { isUnheardOf } from './unheard-of';

test.each([
  ['SELEKT 1', true, 'no such statement'],
  ['SELEKT 1;', true, 'the same, ended'],
  ["SELECT 'abc", true, 'cut short: no statement'],
  ['UPDATE post SET a = 1 /* and so on', true, 'the same'],
  ["CALL p(); SELECT 'abc", false, 'the first statement is carried out'],
  ['SELEKT 1; UPDATE post SET a = 1', false, 'several: which of them was refused is not looked at'],
  ['CALL p()', false, 'what it signals is its own'],
  ["BEGIN NOT ATOMIC UPDATE post SET a = 1; SIGNAL SQLSTATE '42000' SET MYSQL_ERRNO = 1064; END", false, 'the same'],
  ['IF 1 THEN CALL p(); END IF', false, 'a compound statement'],
  ['out: LOOP CALL p(); END LOOP', false, 'a label'],
  ['EXECUTE s', false, 'a text that is not known'],
  ['SET STATEMENT max_statement_time = 1 FOR SELEKT 1', false, 'not looked through'],
  ['SELECT 1', false, 'understood'],
  ['', false, 'empty'],
])('%s: %s (%s)', (text, expected) => {
  expect(isUnheardOf(text, parseText(text, defaultSqlMode))).toBe(expected);
});
