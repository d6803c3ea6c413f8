import { parseText } from '../sql/classifier';
import { defaultSqlMode } from '../sql/sql-mode';
import { type Residue, residueOf } from './residue';

const cases: readonly (readonly [text: string, residue: Residue, reason: string])[] = [
  ['SELECT 1', 'none', 'nothing is left'],
  ["SET NAMES latin1, @a = 5, sql_mode = ''", 'none', 'cleared before anyone sees it'],
  ['SET TRANSACTION ISOLATION LEVEL SERIALIZABLE', 'none', 'cleared, too'],
  ["SELECT GET_LOCK('a', 0)", 'reset', 'a lock'],
  ["SET @a = GET_LOCK('a', 0), @b = RELEASE_LOCK('b')", 'reset', 'a lock that SET takes'],
  ["SHOW TABLES WHERE GET_LOCK('a', 0)", 'reset', 'a lock that a condition takes'],
  ['SET SESSION wait_timeout = 5', 'reset', 'the server would end the next session for it'],
  ['SET wait_timeout = 5, @a = 1', 'reset', 'among others'],
  ['UPDATE post SET v = 1', 'reset', 'a trigger may leave anything that a reset clears'],
  ['SELECT 1; DELETE FROM post', 'reset', 'the worst of all statements'],
  ['SET net_write_timeout = 5', 'unknown', 'told to the socket, and not taken back'],
  ['SET GLOBAL wait_timeout = 5', 'unknown', 'not of the session'],
  ['SELECT stored()', 'unknown', 'a function may do what is not known'],
  ['CALL stored()', 'unknown', 'a procedure, too'],
  ['SET ROLE helper', 'unknown', 'a reset does not take it back'],
  ["SELECT 'no end", 'unknown', 'it cannot be read'],
];

test.each(cases)('%s leaves: %s, since %s', (text, residue) => {
  expect(residueOf(parseText(text, defaultSqlMode))).toBe(residue);
});
