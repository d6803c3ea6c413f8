import { TableVersions } from '../cache/table-versions';
import { parseText } from '../sql/classifier';
import { defaultSqlMode } from '../sql/sql-mode';
import { Capability, ServerStatus } from '../wire/constants';
import { frame } from '../wire/packet-framer';
import { CachedReads } from './cached-reads';
import { ownCommand } from './client-command';
import { sampleServices, sampleTable } from './services-sample';
import { newSessionState } from './session-state';
import { WriteTracker } from './write-tracker';

const post = sampleTable();
const sql = 'SELECT id FROM post';
const reply = Buffer.concat(
  [[1], [1, 2, 3], [1, 65], [0xfe, 0, 0, 2, 0, 0, 0]].map((payload, at) => frame(Buffer.from(payload), at + 1)),
);

/** A session that reads one table; what it asks is sent, then judged. */
function reader() {
  const versions = TableVersions.create();
  versions.setCaptureHealthy(true);
  const catalog = { find: () => post, load: () => Promise.resolve(), forget: () => undefined };
  const services = sampleServices({ versions, catalog }, 1 << 16);
  const state = { ...newSessionState(), schema: 'school', capabilities: Capability.deprecateEof };
  state.status = ServerStatus.autocommit;
  const reads = new CachedReads(state, services, new WriteTracker(versions));
  const payload = Buffer.concat([Buffer.from([3]), Buffer.from(sql)]);
  const command = ownCommand({ payload, framed: [frame(payload)], sequence: 0 });
  const asks = (): { push(bytes: Buffer): void; store(): void } => {
    const missed = reads.missed(command, sql, parseText(sql, defaultSqlMode), true);
    if (missed.kind === 'wait' || missed.collector === null) throw new Error('it is not to be kept');
    return missed.collector;
  };
  const answered = (collector: ReturnType<typeof asks>): boolean => {
    collector.push(reply);
    collector.store();
    return reads.hit(sql) !== null;
  };
  return { versions, reads, asks, answered, counters: services.counters };
}

test('a text that is judged behind its sending is kept, if nothing was written meanwhile', () => {
  const { reads, asks, answered } = reader();
  const collector = asks();
  reads.sent();
  expect(answered(collector)).toBe(true);
});

test('one that nobody has judged is judged when its reply comes', () => {
  const { asks, answered } = reader();
  expect(answered(asks())).toBe(true);
});

test.each([
  ['a write that ended', (board: TableVersions, slot: number) => (board.beginWrite(slot), board.endWrite(slot))],
  ['the end of a write', (board: TableVersions, slot: number) => board.endWrite(slot)],
  ['a flush', (board: TableVersions) => board.flushAll()],
  ['tables that became others', (board: TableVersions) => board.definitionsChanged()],
])('%s of another thread, between the sending and the judgement, is not taken for an earlier one', (name, write) => {
  const { versions, reads, asks, answered } = reader();
  const slot = versions.slot('school', 'post');
  if (name === 'the end of a write') versions.beginWrite(slot);
  const collector = asks();
  write(versions, slot);
  reads.sent();
  expect(answered(collector)).toBe(false);
  expect(answered(asks())).toBe(true);
});
