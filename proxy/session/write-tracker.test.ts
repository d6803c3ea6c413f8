import { TableVersions } from '../cache/table-versions';
import { writesAnything, writesNothing, writesPerhaps, WriteTracker } from './write-tracker';

function setUp() {
  const board = TableVersions.create();
  board.setCaptureHealthy(true);
  const post = board.slot('school', 'post');
  const user = board.slot('school', 'user');
  return { board, post, user, writes: new WriteTracker(board) };
}
const committed = { inTransaction: false, commits: false };
const open = { inTransaction: true, commits: false };

test('a write of an open transaction is in flight until its end', () => {
  const { board, post, user, writes } = setUp();
  const scope = { kind: 'tables', slots: [post] } as const;
  writes.begin(scope);
  writes.end(scope, open);
  expect([board.busy(post), board.busy(user), writes.dirty]).toEqual([true, false, true]);
  const before = board.version(post);
  writes.begin(writesNothing);
  writes.end(writesNothing, committed);
  expect(board.version(post)).not.toBe(before);
  expect([board.busy(post), writes.dirty]).toEqual([false, false]);
});

test('while a command writes anything, everything is in flight', () => {
  const { board, user, writes } = setUp();
  const before = board.version(user);
  writes.begin(writesAnything);
  expect(board.busy(user)).toBe(true);
  const during = board.version(user);
  expect(during).not.toBe(before);
  writes.end(writesAnything, committed);
  expect(board.busy(user)).toBe(false);
  expect(board.version(user)).not.toBe(during);
});

test('what a transaction wrote anywhere is in flight only while a command might commit it', () => {
  const { board, user, writes } = setUp();
  writes.begin(writesAnything);
  // Its COMMIT follows without waiting.
  writes.begin(writesNothing);
  writes.end(writesAnything, open);
  expect(board.busy(user)).toBe(true);
  writes.end(writesNothing, open);
  expect([board.busy(user), writes.dirty]).toEqual([false, true]);
  writes.begin(writesNothing);
  expect(board.busy(user)).toBe(true);
  const during = board.version(user);
  writes.end(writesNothing, committed);
  expect([board.busy(user), writes.dirty]).toEqual([false, false]);
  expect(board.version(user)).not.toBe(during);
});

test('a lost connection leaves nothing in flight, and all void', () => {
  const { board, user, writes } = setUp();
  writes.begin(writesAnything);
  const during = board.version(user);
  writes.lost();
  expect(board.busy(user)).toBe(false);
  expect(board.version(user)).not.toBe(during);
});

test('what the parser may refuse voids nothing when it does; until then nothing is found or kept', () => {
  const { board, user, writes } = setUp();
  const before = board.version(user);
  writes.begin(writesPerhaps);
  expect([board.doubtful(), board.busy(user), writes.dirty, board.version(user)]).toEqual([true, true, true, before]);
  writes.end(writesPerhaps, { ...committed, unread: true });
  expect([board.doubtful(), board.busy(user), writes.dirty, board.version(user)]).toEqual([
    false,
    false,
    false,
    before,
  ]);
});

test('what the parser has read may have written anything, also in a transaction that goes on', () => {
  const { board, user, writes } = setUp();
  const before = board.version(user);
  writes.begin(writesPerhaps);
  writes.end(writesPerhaps, open);
  const during = board.version(user);
  expect([during === before, board.doubtful(), writes.dirty]).toEqual([false, false, true]);
  writes.begin(writesNothing);
  expect(board.busy(user)).toBe(true);
  writes.end(writesNothing, committed);
  expect([board.version(user) === during, board.busy(user), writes.dirty]).toEqual([false, false, false]);
});

test('what is sent behind a doubt may commit what it wrote, and a lost connection leaves none', () => {
  const { board, user, writes } = setUp();
  const before = board.version(user);
  writes.begin(writesPerhaps);
  writes.begin(writesNothing);
  expect(board.version(user)).not.toBe(before);
  writes.lost();
  expect([board.doubtful(), board.busy(user)]).toEqual([false, false]);
  writes.begin(writesPerhaps);
  const during = board.version(user);
  writes.lost();
  expect([board.doubtful(), board.busy(user), board.version(user) === during]).toEqual([false, false, false]);
});
