import { TableVersions } from './table-versions';

function healthy(): TableVersions {
  const board = TableVersions.create();
  board.setCaptureHealthy(true);
  return board;
}

test('a write raises the version when it begins and when it ends, and is in flight between', () => {
  const board = healthy();
  const slot = board.slot('school', 'post');
  const before = board.version(slot);
  expect(board.busy(slot)).toBe(false);
  board.beginWrite(slot);
  const during = board.version(slot);
  expect(during).not.toBe(before);
  expect(board.busy(slot)).toBe(true);
  board.endWrite(slot);
  expect(board.version(slot)).not.toBe(during);
  expect(board.busy(slot)).toBe(false);
});

test('other tables are left alone, except by a flush', () => {
  const board = healthy();
  const [post, user] = [board.slot('school', 'post'), board.slot('school', 'user')];
  const before = board.version(user);
  board.beginWrite(post);
  expect(board.version(user)).toBe(before);
  expect(board.busy(user)).toBe(false);
  board.flushAll();
  expect(board.version(user)).not.toBe(before);
});

test('what was kept is void once what is known of tables is, though a flush came before', () => {
  const board = healthy();
  const slot = board.slot('school', 'post');
  board.flushAll();
  const [version, moves] = [board.version(slot), board.moves()];
  expect(board.definitionsChanged()).toBe(board.definitionsGeneration());
  expect(board.version(slot)).not.toBe(version);
  expect(board.moves()).not.toBe(moves);
});

test('writes of both threads count', () => {
  const board = healthy();
  const replicator = TableVersions.attach(board.buffer, 'replicator').byName();
  const slot = board.slot('school', 'post');
  board.beginWrite(slot);
  replicator.beginWrite('School', 'POST', null);
  board.endWrite(slot);
  expect(board.busy(slot)).toBe(true);
  replicator.endWrite('school', 'post', null);
  expect(board.busy(slot)).toBe(false);
});

test('while capture is away everything is busy; when it is back all that was stored is void', () => {
  const board = TableVersions.create();
  const slot = board.slot('school', 'post');
  expect(board.busy(slot)).toBe(true);
  const before = board.version(slot);
  board.setCaptureHealthy(true);
  expect(board.busy(slot)).toBe(false);
  expect(board.version(slot)).not.toBe(before);
});

test('a replicator that died in mid-apply keeps nothing busy for ever, and nothing is cached until capture is back', () => {
  const board = healthy();
  const slot = board.slot('school', 'post');
  TableVersions.attach(board.buffer, 'replicator').byName().beginWrite('school', 'post', null);
  const before = board.version(slot);
  board.ownerDied('replicator');
  expect(board.captureHealthy()).toBe(false);
  expect(board.version(slot)).not.toBe(before);
  TableVersions.attach(board.buffer, 'replicator').byName().setCaptureHealthy(true);
  expect(board.busy(slot)).toBe(false);
});

test('an end without a beginning is a bug and says so', () => {
  const board = healthy();
  expect(() => board.endWrite(1)).toThrow(/without beginWrite/);
});

test('the counts of definitions and defaults are seen by every thread; defaults leave versions alone', () => {
  const board = healthy();
  const other = TableVersions.attach(board.buffer, 'proxy');
  const slot = board.slot('school', 'post');
  const definitions = other.definitionsGeneration();
  expect(board.definitionsChanged()).toBe(definitions + 1);
  expect(other.definitionsGeneration()).toBe(definitions + 1);
  const defaults = other.defaultsGeneration();
  const before = board.version(slot);
  board.defaultsChanged();
  expect(other.defaultsGeneration()).not.toBe(defaults);
  expect(board.version(slot)).toBe(before);
  expect(board.busy(slot)).toBe(false);
});

test('two threads that relay have their writes in flight together', () => {
  const board = healthy();
  const other = TableVersions.attach(board.buffer, 'proxy');
  const slot = board.slot('school', 'post');
  board.beginWrite(slot);
  other.beginWrite(slot);
  board.endWrite(slot);
  expect(board.busy(slot)).toBe(true);
  other.endWrite(slot);
  expect(other.busy(slot)).toBe(false);
  expect(board.busy(slot)).toBe(false);
});
