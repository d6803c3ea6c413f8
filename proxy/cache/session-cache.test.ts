import type { Catalog } from '../ports';
import { sampleTable } from '../session/services-sample';
import { SessionFingerprint } from '../session/session-fingerprint';
import { parseText } from '../sql/classifier';
import { defaultSqlMode } from '../sql/sql-mode';
import { Capability } from '../wire/constants';
import { frame } from '../wire/packet-framer';
import { selectOf } from './looking-back';
import { ReadCache } from './read-cache';
import { SessionCache } from './session-cache';
import { TableVersions } from './table-versions';
import { zeroCounters } from '../zero-counters';

const nothingLeft = { warned: false, refused: false };
const post = sampleTable();
const reply = Buffer.concat(
  [[1], [1, 2, 3], [1, 65], [0xfe, 0, 0, 2, 0, 0, 0]].map((payload, at) => frame(Buffer.from(payload), at + 1)),
);

function setUp() {
  const board = TableVersions.create();
  board.setCaptureHealthy(true);
  const cache = new ReadCache({
    board,
    maxBytes: 100_000,
    counters: zeroCounters(),
  });
  let loaded = false;
  const otherThread = { ends: (): void => {} };
  const catalog: Catalog = {
    find: (_schema, table) => {
      otherThread.ends();
      return !loaded ? undefined : table === 'post' ? post : null;
    },
    load: () => Promise.resolve().then(() => void (loaded = true)),
    forget: () => undefined,
  };
  const session = () => {
    const fingerprint = new SessionFingerprint(0);
    const view = {
      account: 'app@localhost',
      schema: 'school',
      capabilities: Capability.deprecateEof,
      mariaDbCapabilities: 0,
      charset: 45,
      autocommit: true,
      inTransaction: false,
      inReadOnlyTransaction: false,
    };
    const own = new SessionCache(cache, view, fingerprint, catalog);
    const ask = (text: string) => {
      const hit = own.hit(text);
      return hit === null ? own.ask(text, parse(text)) : { kind: 'hit' as const, reply: hit };
    };
    return { ask, own, fingerprint, view };
  };
  return { board, cache, otherThread, session };
}

function parse(text: string) {
  return parseText(text, defaultSqlMode);
}

const SELECT = 'SELECT id FROM post';

test('loads a table while it is first asked for; then equal sessions hit, and one that changed itself misses', async () => {
  const { cache, session } = setUp();
  const [a, b] = [session(), session()];
  const first = a.ask(SELECT);
  if (first.kind !== 'unsure') throw new Error(first.kind);
  await first.confirm();
  const confirmed = first.confirm();
  if (confirmed === null || confirmed instanceof Promise) throw new Error('not confirmed');
  expect(cache.store(confirmed, Buffer.from(reply), false)).toBe(true);
  expect(b.ask(SELECT)).toEqual({ kind: 'hit', reply });
  const set = "SET time_zone = '+01:00'";
  b.fingerprint.note(set, parse(set).statements[0]!, true, 0);
  expect(b.ask(SELECT).kind).toBe('miss');
  b.fingerprint.lose();
  expect(b.ask(SELECT)).toEqual({ kind: 'bypass', reason: 'session_unknown' });
});

test('a table that turns out not to be there is not kept', async () => {
  const { session } = setUp();
  const first = session().ask('SELECT id FROM gone');
  if (first.kind !== 'unsure') throw new Error(first.kind);
  await first.confirm();
  expect(first.confirm()).toBeNull();
});

test('in a transaction only at READ COMMITTED, as it was when the transaction began', () => {
  const { cache, session } = setUp();
  const note = (one: ReturnType<typeof session>, text: string): void => {
    for (const statement of parse(text).statements) one.fingerprint.note(text, statement, true, 0);
  };
  const [first, reader] = [session(), session()];
  const asked = first.ask(SELECT);
  if (asked.kind === 'unsure') cache.store(asked.ticket, Buffer.from(reply), false);
  reader.view.inTransaction = true;
  expect(reader.own.hit(SELECT)).toBeNull();
  note(reader, 'SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED');
  expect(reader.own.hit(SELECT)).toBeNull();
  note(reader, 'START TRANSACTION');
  const hit = reader.own.hit(SELECT);
  expect(hit?.readUInt16LE(hit.length - 4)).toBe(3);
  note(reader, 'SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ');
  expect(reader.own.hit(SELECT)).not.toBeNull();
  note(reader, 'BEGIN');
  expect(reader.own.hit(SELECT)).toBeNull();
  reader.view.inTransaction = false;
  expect(reader.own.hit(SELECT)).toEqual(reply);
  note(reader, 'SET SESSION TRANSACTION ISOLATION LEVEL READ UNCOMMITTED');
  expect(reader.own.hit(SELECT)).toBeNull();
});

test('SET @duara_cache = 0 takes a session out, 1 in again', () => {
  const { cache, session } = setUp();
  const one = session();
  const asked = one.ask(SELECT);
  if (asked.kind === 'unsure') cache.store(asked.ticket, Buffer.from(reply), false);
  const set = (text: string): void => void one.fingerprint.note(text, parse(text).statements[0]!, true, 0);
  set('SET @duara_cache = 0');
  expect(one.ask(SELECT)).toEqual({ kind: 'bypass', reason: 'opted_out' });
  set('SET @x = 5, @duara_cache := 1');
  expect(one.ask(SELECT).kind).toBe('hit');
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
  ['UPDATE post SET subject = 1', null],
  // FOUND_ROWS() behind it would be that of the SELECT before it, or its own: it depends.
  ['UPDATE post JOIN other USING (id) SET subject = 1', SELECT],
  ['INSERT INTO post SELECT 1', SELECT],
  ['SHOW CREATE TABLE post', SELECT],
])('after a hit, %s sends first: %s', (text, expected) => {
  const { cache, session } = setUp();
  const { ask, own } = session();
  const miss = ask(SELECT);
  if (miss.kind === 'unsure') cache.store(miss.ticket, Buffer.from(reply), false);
  expect(own.sendFirst(parse(text), nothingLeft)).toBeNull();
  expect(ask(SELECT).kind).toBe('hit');
  expect(own.sendFirst(parse(text), nothingLeft)).toBe(expected);
  // Once the server has seen another command there is nothing to repeat.
  expect(own.sendFirst(parse(text), nothingLeft)).toBeNull();
});

test('warnings of before a hit end with it, too, and what the server refuses leaves its count', () => {
  const { cache, session } = setUp();
  const { ask, own } = session();
  const miss = ask(SELECT);
  if (miss.kind === 'unsure') cache.store(miss.ticket, Buffer.from(reply), false);
  expect(ask(SELECT).kind).toBe('hit');
  expect(own.sendFirst(parse('BEGIN'), { warned: true, refused: false })).toBe(SELECT);
  expect(ask(SELECT).kind).toBe('hit');
  const rows = cache.rowsFound;
  expect(own.sendFirst(parse('SELECT nothing'), nothingLeft)).toBeNull();
  expect(own.sendFirst(parse('SELECT FOUND_ROWS()'), { warned: true, refused: true })).toBe(selectOf(rows));
  expect(ask(SELECT).kind).toBe('hit');
  expect(own.sendFirst(parse('SELECT 1'), nothingLeft)).toBeNull();
  expect(own.sendFirst(parse('SELECT FOUND_ROWS()'), nothingLeft)).toBeNull();
});

test('behind a reset nothing is asked for any more', () => {
  const { cache, session } = setUp();
  const { ask, own } = session();
  const miss = ask(SELECT);
  if (miss.kind === 'unsure') cache.store(miss.ticket, Buffer.from(reply), false);
  expect(ask(SELECT).kind).toBe('hit');
  own.forget();
  const refused = { warned: true, refused: true };
  expect(own.sendFirst(parse('SELECT FOUND_ROWS()'), refused)).toBeNull();
});

test('what a table was before another thread changed it says nothing of what a reply depends on', async () => {
  const { board, otherThread, session } = setUp();
  const { ask } = session();
  const first = ask('SELECT * FROM post');
  if (first.kind !== 'unsure') throw new Error(first.kind);
  await first.confirm();
  expect(ask('SELECT id FROM post').kind).toBe('miss');
  board.beginAll();
  otherThread.ends = () => {
    otherThread.ends = () => {};
    board.endAll();
  };
  expect(ask('SELECT 1 FROM post')).toEqual({ kind: 'bypass', reason: 'written_meanwhile' });
  expect(ask('SELECT 2 FROM post').kind).toBe('miss');
});
