import { Capability, ServerStatus } from '../wire/constants';
import { frame } from '../wire/packet-framer';
import { cacheKeyPrefix, ReadCache } from './read-cache';
import { isStorableReply } from './reply-check';
import { TableVersions } from './table-versions';

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
  ['in a transaction', packets(Buffer.from([1]), column, ok(3)), NEW, false],
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
  expect(isStorableReply(reply, capabilities)).toBe(expected);
});

function setUp(maxBytes = 100_000) {
  const board = TableVersions.create();
  board.setCaptureHealthy(true);
  const counters = { cacheHits: 0, cacheMisses: 0, cacheInvalidations: 0 };
  const cache = new ReadCache({ board, maxBytes, counters, replyBytesMax: 10_000 });
  const ask = (sql: string, prefix = 'p\n') =>
    cache.begin({ prefix, sql, capabilities: NEW }, [{ schema: 'school', table: 'post' }]);
  const fill = (sql: string, reply: Buffer) => {
    const answer = ask(sql);
    return answer.kind === 'miss' && cache.store(answer.ticket, reply);
  };
  return { board, counters, cache, ask, fill, slot: board.slot('school', 'post') };
}

test('a stored reply is given again, byte for byte, to the same question of an equal session', () => {
  const { ask, fill, counters } = setUp();
  expect(fill('SELECT 1', rows('x'))).toBe(true);
  expect(ask('SELECT 1')).toEqual({ kind: 'hit', reply: rows('x') });
  expect(ask('select 1').kind).toBe('miss');
  expect(ask('SELECT 1', 'q\n').kind).toBe('miss');
  expect(counters).toEqual({ cacheHits: 1, cacheMisses: 3, cacheInvalidations: 0 });
});

test('sessions that differ in anything that counts have different prefixes', () => {
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
  expect(new Set(variants.map(cacheKeyPrefix)).size).toBe(variants.length);
});

test('a write voids what was stored before it, and what was asked before it', () => {
  const { board, ask, fill, slot, cache, counters } = setUp();
  fill('SELECT 1', rows('x'));
  const asked = ask('SELECT 2');
  board.beginWrite(slot);
  expect(ask('SELECT 1').kind).toBe('miss');
  expect(fill('SELECT 3', rows('x'))).toBe(false);
  board.endWrite(slot);
  expect(asked.kind === 'miss' && cache.store(asked.ticket, rows('x'))).toBe(false);
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
