import { defaultSqlMode } from './sql-mode';
import { splitStatements } from './statement-ends';
import { tokenize } from './tokenizer';

/** Statements by their first and last tokens. */
const cases: [text: string, statements: string[], why: string][] = [
  ["a ';' ; ; b; ", ["a ';'", 'b'], 'outside quotes, and not the empty ones'],
  ['BEGIN; INSERT a; COMMIT', ['BEGIN', 'INSERT a', 'COMMIT'], 'a transaction'],
  ['BEGIN WORK; COMMIT', ['BEGIN WORK', 'COMMIT'], 'the same'],
  ['DO 1; BEGIN NOT ATOMIC a; b; END; c', ['DO 1', 'BEGIN NOT ATOMIC a; b; END', 'c'], 'a block behind another'],
  [
    'SET STATEMENT x=1 FOR BEGIN NOT ATOMIC a; b; END; c',
    ['SET STATEMENT x=1 FOR BEGIN NOT ATOMIC a; b; END', 'c'],
    '',
  ],
  ['SET STATEMENT x=1; BEGIN; c', ['SET STATEMENT x=1', 'BEGIN', 'c'], 'no FOR of its own'],
  [
    'DROP PROCEDURE p; CREATE PROCEDURE p() BEGIN INSERT a; INSERT b; END; c',
    ['DROP PROCEDURE p', 'CREATE PROCEDURE p() BEGIN INSERT a; INSERT b; END', 'c'],
    'a routine behind another statement',
  ],
  ['CREATE PROCEDURE p() INSERT a; b', ['CREATE PROCEDURE p() INSERT a', 'b'], 'a body of one statement'],
  [
    'CREATE PROCEDURE IF NOT EXISTS p() BEGIN IF x THEN a; END IF; END; b',
    ['CREATE PROCEDURE IF NOT EXISTS p() BEGIN IF x THEN a; END IF; END', 'b'],
    'IF of two kinds',
  ],
  [
    'CREATE PROCEDURE p() IF NOT EXISTS (x) THEN a; b; END IF; c',
    ['CREATE PROCEDURE p() IF NOT EXISTS (x) THEN a; b; END IF', 'c'],
    'a third',
  ],
  [
    'CREATE TRIGGER t AFTER INSERT ON u FOR EACH ROW BEGIN SET @a = IF(1, 2, 3); INSERT a; END; b',
    ['CREATE TRIGGER t AFTER INSERT ON u FOR EACH ROW BEGIN SET @a = IF(1, 2, 3); INSERT a; END', 'b'],
    'a function of that name',
  ],
  [
    'CREATE PROCEDURE p() BEGIN DECLARE CONTINUE HANDLER FOR 1146 BEGIN a; END; INSERT b; END; c',
    ['CREATE PROCEDURE p() BEGIN DECLARE CONTINUE HANDLER FOR 1146 BEGIN a; END; INSERT b; END', 'c'],
    'a block of a handler',
  ],
  [
    'CREATE PROCEDURE p() CASE x WHEN 1 THEN a; ELSE BEGIN END; END CASE; c',
    ['CREATE PROCEDURE p() CASE x WHEN 1 THEN a; ELSE BEGIN END; END CASE', 'c'],
    'CASE, and an empty block',
  ],
  [
    'BEGIN NOT ATOMIC SELECT CASE x WHEN 1 THEN 2 END FROM t; SELECT 1 END; INSERT b; END; c',
    ['BEGIN NOT ATOMIC SELECT CASE x WHEN 1 THEN 2 END FROM t; SELECT 1 END; INSERT b; END', 'c'],
    'END of an expression, and as a name',
  ],
  [
    'l: LOOP a; LEAVE l; END LOOP l; WHILE x DO a; END WHILE; REPEAT a; UNTIL x END REPEAT; FOR i IN 1..3 DO a; END FOR; c',
    [
      'l: LOOP a; LEAVE l; END LOOP l',
      'WHILE x DO a; END WHILE',
      'REPEAT a; UNTIL x END REPEAT',
      'FOR i IN 1..3 DO a; END FOR',
      'c',
    ],
    'loops',
  ],
  [
    'CREATE PROCEDURE p() BEGIN SELECT 1 AS begin; END; c',
    ['CREATE PROCEDURE p() BEGIN SELECT 1 AS begin; END; c'],
    'not certain: later rather than sooner',
  ],
  [
    'CREATE TABLE a (x INT); INSERT a; ALTER TABLE b; DROP PROCEDURE p; c',
    ['CREATE TABLE a (x INT)', 'INSERT a', 'ALTER TABLE b', 'DROP PROCEDURE p', 'c'],
    'no routine is defined',
  ],
  ['CREATE SEQUENCE s; DROP PROCEDURE p; c', ['CREATE SEQUENCE s', 'DROP PROCEDURE p', 'c'], 'the same'],
];
it.each(cases)('%s', (text, statements) => {
  const { tokens } = tokenize(text, defaultSqlMode);
  const found = splitStatements(tokens).map(({ tokens: own }) => text.slice(own[0]?.start, own.at(-1)?.end));
  expect(found).toEqual(statements);
});
