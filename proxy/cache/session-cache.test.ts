import type { Catalog, TableInfo } from '../ports';
import { SessionFingerprint } from '../session/session-fingerprint';
import { parseText } from '../sql/classifier';
import { defaultSqlMode } from '../sql/sql-mode';
import { Capability } from '../wire/constants';
import { frame } from '../wire/packet-framer';
import { ReadCache } from './read-cache';
import { SessionCache } from './session-cache';
import { TableVersions } from './table-versions';

const post: TableInfo = {
  schema: 'school',
  table: 'post',
  kind: 'base',
  replicated: true,
  columns: ['id'],
  autoIncrement: null,
  primaryKey: ['id'],
  hasTriggers: false,
  hasBeforeInsertTrigger: false,
  hasCascades: false,
};
const reply = Buffer.concat(
  [[1], [1, 2, 3], [1, 65], [0xfe, 0, 0, 2, 0, 0, 0]].map((payload, at) => frame(Buffer.from(payload), at + 1)),
);

function setUp() {
  const board = TableVersions.create();
  board.setCaptureHealthy(true);
  const cache = new ReadCache({
    board,
    maxBytes: 100_000,
    counters: { cacheHits: 0, cacheMisses: 0, cacheInvalidations: 0 },
  });
  let loaded = false;
  const catalog: Catalog = {
    find: (_schema, table) => (!loaded ? undefined : table === 'post' ? post : null),
    load: () => Promise.resolve().then(() => void (loaded = true)),
    forget: () => undefined,
  };
  const session = () => {
    const fingerprint = new SessionFingerprint();
    const own = new SessionCache(cache, fingerprint, catalog);
    const ask = (text: string) =>
      own.ask({
        text,
        parsed: parse(text),
        account: 'app@localhost',
        schema: 'school',
        capabilities: Capability.deprecateEof,
        mariaDbCapabilities: 0,
        charset: 45,
        autocommit: true,
        inTransaction: false,
      });
    return { ask, own, fingerprint };
  };
  return { cache, session };
}

function parse(text: string) {
  return parseText(text, defaultSqlMode);
}

const SELECT = 'SELECT id FROM post';

test('waits for a table, misses, and hits for an equal session; not for one that changed itself', async () => {
  const { cache, session } = setUp();
  const [a, b] = [session(), session()];
  const first = a.ask(SELECT);
  expect(first.kind).toBe('wait');
  if (first.kind === 'wait') await first.ready;
  const second = a.ask(SELECT);
  expect(second.kind === 'miss' && cache.store(second.ticket, reply)).toBe(true);
  expect(b.ask(SELECT)).toEqual({ kind: 'hit', reply });
  const set = "SET time_zone = '+01:00'";
  b.fingerprint.note(set, parse(set).statements[0]!, true);
  expect(b.ask(SELECT).kind).toBe('miss');
  b.fingerprint.lose();
  expect(b.ask(SELECT)).toEqual({ kind: 'bypass', reason: 'session not understood' });
});

test.each([
  ['SELECT FOUND_ROWS()', SELECT],
  ['select row_count()', SELECT],
  ['SHOW WARNINGS', SELECT],
  ['SHOW COUNT(*) ERRORS', SELECT],
  ['SELECT @@warning_count', SELECT],
  ['SELECT @@session.error_count', SELECT],
  ['CALL p()', SELECT],
  ['SELECT 1', null],
  ["INSERT INTO post VALUES ('FOUND_ROWS')", null],
])('after a hit, %s sends first: %s', async (text, expected) => {
  const { cache, session } = setUp();
  const { ask, own } = session();
  const first = ask(SELECT);
  if (first.kind === 'wait') await first.ready;
  const miss = ask(SELECT);
  if (miss.kind === 'miss') cache.store(miss.ticket, reply);
  expect(own.sendFirst(parse(text))).toBeNull();
  expect(ask(SELECT).kind).toBe('hit');
  expect(own.sendFirst(parse(text))).toBe(expected);
  // Once the server has seen another command there is nothing to repeat.
  expect(own.sendFirst(parse(text))).toBeNull();
});
