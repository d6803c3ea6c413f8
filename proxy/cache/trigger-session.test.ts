import { changesSession } from './trigger-session';

test.each([
  ['SET NEW.n = 1, @seen = NOW()', false, 'the row and a user variable'],
  ['BEGIN DECLARE a, b INT DEFAULT 0; SET a = (SELECT MAX(n), 2), b = 3; END', false, 'what the body declares'],
  ['BEGIN DECLARE a INT; IF NEW.n > 1 THEN SET `A` = 2; END IF; END', false, 'names know no case'],
  ['UPDATE audit SET n = NEW.n', false, 'columns of another table'],
  ['INSERT INTO audit SET n = NEW.n, m = 2', false, 'columns of another table'],
  ['SET SESSION time_zone = "+00:00"', true, 'a variable of the session'],
  ['SET @@sql_mode = 1', true, 'a variable of the session'],
  [
    'BEGIN DECLARE a INT; SET a = 1, time_zone = "+00:00"; END',
    true,
    'a variable of the session behind one of its own',
  ],
  ['IF NEW.n > 1 THEN SET NAMES utf8mb4; END IF', true, 'character sets'],
  ['CREATE TEMPORARY TABLE IF NOT EXISTS t (n INT)', true, 'a temporary table'],
  ["INSERT INTO audit VALUES ('x", true, 'what is not understood'],
])('%s: %s, %s', (body, expected) => {
  expect(changesSession(body)).toBe(expected);
});
