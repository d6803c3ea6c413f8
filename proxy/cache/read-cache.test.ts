import { Capability, ServerStatus } from '../wire/constants';
import { frame } from '../wire/packet-framer';
import { CacheSpaces } from './cache-space';
import { ReadCache } from './read-cache';
import { storableReply } from './reply-check';
import { TableVersions } from './table-versions';
import { zeroCounters } from '../zero-counters';

const OLD = 0;
const NEW = Capability.deprecateEof;

function packets(...payloads: Buffer[]): Buffer {
  return Buffer.concat(payloads.map((payload, index) => frame(payload, index + 1)));
}

const column = Buffer.from('a column definition');
const eof = (status: number = ServerStatus.autocommit, warnings = 0) =>
  Buffer.from([0xfe, warnings, 0, status & 0xff, status >> 8]);
const ok = (status: number = ServerStatus.autocommit, warnings = 0) =>
  Buffer.from([0xfe, 0, 0, status & 0xff, status >> 8, warnings, 0]);
const row = (text: string) => Buffer.concat([Buffer.from([text.length]), Buffer.from(text)]);
const rows = (...texts: string[]) => packets(Buffer.from([1]), column, ...texts.map(row), ok());

test.each<[string, Buffer, number, boolean]>([
  ['a result set', packets(Buffer.from([1]), column, eof(), row('x'), eof()), OLD, true],
  ['without EOF packets', rows('x'), NEW, true],
  ['without rows', rows(), NEW, true],
  ['with warnings', packets(Buffer.from([1]), column, row('x'), ok(2, 1)), NEW, false],
  ['with warnings, EOF', packets(Buffer.from([1]), column, eof(), eof(2, 1)), OLD, false],
  ['in a transaction', packets(Buffer.from([1]), column, ok(3)), NEW, true],
  ['in a read only transaction', packets(Buffer.from([1]), column, ok(0x2003)), NEW, false],
  ['with more results', packets(Buffer.from([1]), column, ok(2 | 8)), NEW, false],
  ['without autocommit', packets(Buffer.from([1]), column, ok(0)), NEW, false],
  ['with a changed session', packets(Buffer.from([1]), column, ok(2 | 0x4000)), NEW, false],
  ['an OK packet', packets(Buffer.from([0, 0, 0, 2, 0, 0, 0])), NEW, false],
  ['an error', packets(Buffer.from([0xff, 0x28, 0x04])), NEW, false],
  ['an error after rows', packets(Buffer.from([1]), column, row('x'), Buffer.from([0xff, 0x25, 0x05])), NEW, false],
  ['not yet ended', rows('x').subarray(0, -1), NEW, false],
  ['an answer to a long command', frame(Buffer.from([1]), 2), NEW, false],
  ['nothing', Buffer.alloc(0), NEW, false],
])('storable, %s', (_name, reply, capabilities, expected) => {
  expect(storableReply(reply, capabilities, 0) !== null).toBe(expected);
});

function setUp(maxBytes = 100_000) {
  const board = TableVersions.create();
  board.setCaptureHealthy(true);
  const counters = zeroCounters();
  const cache = new ReadCache({ board, maxBytes, counters, replyBytesMax: 10_000 });
  const parts = { account: 'a', schema: 'school', capabilities: NEW, mariaDbCapabilities: 0, charset: 45 };
  const table = { schema: 'school', table: 'post' };
  const ask = (sql: string, { fingerprint = '', row = null as string[] | null, inTransaction = false } = {}) => {
    const space = cache.space({ ...parts, fingerprint });
    const reply = cache.find(space, sql, inTransaction);
    if (reply !== null) return { kind: 'hit' as const, reply };
    return { kind: 'miss' as const, ticket: cache.begin(space, sql, { tables: [table], row }) };
  };
  const fill = (sql: string, reply: Buffer, row: string[] | null = null) => {
    const answer = ask(sql, { row });
    return answer.kind === 'miss' && cache.store(answer.ticket, Buffer.from(reply), false);
  };
  return { board, counters, cache, ask, fill, slot: board.slot('school', 'post') };
}

test('a stored reply is given again, byte for byte, to the same question of an equal session', () => {
  const { ask, fill, counters } = setUp();
  expect(fill('SELECT 1', rows('x'))).toBe(true);
  expect(ask('SELECT 1')).toEqual({ kind: 'hit', reply: rows('x') });
  expect(ask('select 1').kind).toBe('miss');
  expect(ask('SELECT 1', { fingerprint: 'q' }).kind).toBe('miss');
  expect(counters).toMatchObject({ cacheHits: 1, cacheMisses: 3, cacheInvalidations: 0 });
});

test('sessions that differ in anything that counts do not share', () => {
  const parts = { account: 'a@h', schema: 'x', capabilities: 1, mariaDbCapabilities: 0, charset: 45, fingerprint: '' };
  const variants = [
    parts,
    { ...parts, account: 'b@h' },
    { ...parts, schema: null },
    { ...parts, schema: 'null' },
    { ...parts, capabilities: 2 },
    { ...parts, mariaDbCapabilities: 1 },
    { ...parts, charset: 8 },
    { ...parts, fingerprint: 'y' },
  ];
  expect(new Set(variants.map((each) => new CacheSpaces().of(each).name)).size).toBe(variants.length);
});

test('sessions whose replies are not kept leave nothing behind, however different they are', () => {
  const { cache, ask, fill } = setUp();
  const missed = ask('SELECT 1', { fingerprint: 'SET timestamp = 1' });
  if (missed.kind !== 'miss') throw new Error('it was kept');
  expect(cache.space({ ...missed.ticket.space.parts })).not.toBe(missed.ticket.space);
  fill('SELECT 1', rows('x'));
  const kept = ask('SELECT 2');
  if (kept.kind !== 'miss') throw new Error('it was kept');
  expect(cache.space({ ...kept.ticket.space.parts })).toBe(kept.ticket.space);
});

test('a write voids what was stored before it, and what was asked before it', () => {
  const { board, ask, fill, slot, cache, counters } = setUp();
  fill('SELECT 1', rows('x'));
  const asked = ask('SELECT 2');
  board.beginWrite(slot);
  expect(ask('SELECT 1').kind).toBe('miss');
  expect(fill('SELECT 3', rows('x'))).toBe(false);
  board.endWrite(slot);
  expect(asked.kind === 'miss' && cache.store(asked.ticket, rows('x'), false)).toBe(false);
  expect(fill('SELECT 1', rows('y'))).toBe(true);
  expect(counters.cacheInvalidations).toBe(1);
});

test('while capture is away nothing is given and nothing is kept', () => {
  const { board, ask, fill } = setUp();
  fill('SELECT 1', rows('x'));
  board.setCaptureHealthy(false);
  expect(ask('SELECT 1').kind).toBe('miss');
  expect(fill('SELECT 2', rows('x'))).toBe(false);
  board.setCaptureHealthy(true);
  expect(ask('SELECT 1').kind).toBe('miss');
});

test('a scan does not push out what is hot; what is asked for twice comes in', () => {
  const { ask, fill, cache } = setUp(20_000);
  const reply = rows('x'.repeat(200));
  for (let i = 0; i < 5; i++) fill(`SELECT hot ${i}`, reply);
  let kept = 0;
  for (let i = 0; i < 2000; i++) kept += fill(`SELECT scan ${i}`, reply) ? 1 : 0;
  expect(kept).toBeLessThan(40);
  for (let i = 0; i < 5; i++) expect(ask(`SELECT hot ${i}`).kind).toBe('hit');
  expect(fill('SELECT scan 1999', reply)).toBe(true);
  expect(cache.bytes).toBeLessThanOrEqual(20_000);
});

test('what is asked for again and again stays, however much comes and goes', () => {
  const { ask, fill } = setUp(20_000);
  const reply = rows('x'.repeat(100));
  fill('SELECT hot', reply);
  for (let i = 0; i < 500; i++) {
    // Asked twice, so that it is kept.
    fill(`SELECT passing ${i}`, reply);
    fill(`SELECT passing ${i}`, reply);
    expect(ask('SELECT hot').kind).toBe('hit');
  }
  expect(ask('SELECT passing 0').kind).toBe('miss');
});

test('a reply above the size limit is not kept', () => {
  const { fill } = setUp();
  expect(fill('SELECT 1', rows(...Array.from({ length: 60 }, () => 'x'.repeat(200))))).toBe(false);
});

test('clear forgets everything', () => {
  const { ask, fill, cache } = setUp();
  fill('SELECT 1', rows('x'));
  cache.clear();
  expect(ask('SELECT 1').kind).toBe('miss');
  expect(cache.bytes).toBe(0);
});

describe('a reply found by its primary key', () => {
  const sql = "SELECT name FROM post WHERE id = '5'";
  const setUpRow = () => {
    const { board, ...rest } = setUp();
    const named = TableVersions.attach(board.buffer, 'replicator').byName();
    const write = (written: string[][] | null): void => {
      named.beginWrite('school', 'post', written);
      named.endWrite('school', 'post', written);
    };
    return { ...rest, board, write, slots: { row: board.rowSlot('school', 'post', ['5']) } };
  };

  test('stays when other rows are written, and goes with its own or with unknown ones', () => {
    const { ask, fill, write } = setUpRow();
    expect(fill(sql, rows('x'), ['5'])).toBe(true);
    write([['6'], ['7']]);
    write([]);
    expect(ask(sql).kind).toBe('hit');
    write([['6'], ['5']]);
    expect(ask(sql).kind).toBe('miss');
    fill(sql, rows('y'), ['5']);
    expect(ask(sql).kind).toBe('hit');
    write(null);
    expect(ask(sql).kind).toBe('miss');
  });

  test('that was not there goes with any write to the table', () => {
    const { ask, fill, write } = setUpRow();
    expect(fill(sql, rows(), ['5'])).toBe(true);
    expect(ask(sql).kind).toBe('hit');
    write([['6']]);
    expect(ask(sql).kind).toBe('miss');
  });

  test('is kept while others are written, not while its own is', () => {
    const { board, fill, slot, slots } = setUpRow();
    board.beginWrite(slot);
    expect(fill(sql, rows('x'), ['5'])).toBe(true);
    expect(fill('SELECT 2', rows(), ['5'])).toBe(false);
    board.beginWrite(slots.row);
    expect(fill('SELECT 3', rows('x'), ['5'])).toBe(false);
  });
});

test('in a transaction the same rows come with the flags of one', () => {
  const { ask, fill, cache } = setUp();
  fill(
    'SELECT 1',
    packets(Buffer.from([1]), column, row('x'), ok(ServerStatus.autocommit | ServerStatus.inTransaction)),
  );
  expect(ask('SELECT 1')).toEqual({ kind: 'hit', reply: rows('x') });
  const bytes = cache.bytes;
  const inside = packets(Buffer.from([1]), column, row('x'), ok(ServerStatus.autocommit | ServerStatus.inTransaction));
  for (let again = 0; again < 2; again++)
    expect(ask('SELECT 1', { inTransaction: true })).toEqual({ kind: 'hit', reply: inside });
  expect(ask('SELECT 1')).toEqual({ kind: 'hit', reply: rows('x') });
  expect(cache.bytes).toBeGreaterThan(bytes);
});
