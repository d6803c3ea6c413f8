import { frame } from '../wire/packet-framer';
import { killOfShown } from './shown-ids';

const ids = new Map([[17, 42]]);
const text = (sql: string): Buffer => Buffer.from(`\x03${sql}`);
const processKill = (id: number): Buffer => Buffer.from([0x0c, id, 0, 0, 0]);
const killed = (payload: Buffer): Buffer => {
  const command = killOfShown({ payload, framed: [frame(payload)], sequence: 0 }, ids);
  expect(command.framed).toEqual([frame(command.payload)]);
  return command.payload;
};

test.each([
  ['KILL 17', 'KILL 42'],
  ['kill query 17;', 'kill query 42;'],
  [' KILL HARD CONNECTION\n17 ', ' KILL HARD CONNECTION\n42 '],
])('%s is of the connection that is meant', (sql, meant) => {
  expect(killed(text(sql)).toString()).toBe(text(meant).toString());
});

test.each([
  ['KILL 18', 'another one'],
  ['KILL QUERY ID 17', 'a number of a query'],
  ['KILL USER 17', 'a user'],
  ["SELECT 'KILL 17'", 'no KILL'],
])('%s stays: %s', (sql) => {
  expect(killed(text(sql))).toEqual(text(sql));
});

test('the command of its own, too', () => {
  expect(killed(processKill(17))).toEqual(processKill(42));
  expect(killed(processKill(18))).toEqual(processKill(18));
  expect(killed(processKill(17).subarray(0, 3))).toEqual(processKill(17).subarray(0, 3));
});
