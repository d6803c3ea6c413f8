import { Capability, MariaDbCapability, PACKET_PAYLOAD_MAX, ServerStatus } from '../wire/constants';
import { frame } from '../wire/packet-framer';
import { PayloadWriter } from '../wire/payload-writer';
import { encodeEof, encodeError, encodeOk } from '../wire/response';
import type { ReplyKind, ReplySummary } from './reply-summary';
import { ResponseTracker } from './response-tracker';

const { autocommit, moreResultsExist, cursorExists, inTransaction } = ServerStatus;

const ok = (affectedRows = 0n, lastInsertId = 0n, status: number = autocommit, header: 0 | 0xfe = 0): Buffer =>
  encodeOk(
    { header, affectedRows, lastInsertId, status, warnings: 0, info: Buffer.alloc(0), sessionChanges: [] },
    Capability.protocol41,
  );
const okEnd = (status: number = autocommit): Buffer => ok(0n, 0n, status, 0xfe);
const eof = (status: number = autocommit): Buffer => encodeEof({ warnings: 0, status });
const error = (errorCode = 1064): Buffer =>
  encodeError({ errorCode, sqlState: '42000', message: Buffer.from('You have an error in your SQL syntax') });
const progress = Buffer.from([0xff, 0xff, 0xff, 1, 1, 2, 0, 0, 0]);
const count = (columns: number): Buffer => new PayloadWriter().lenenc(columns).finish();
const definition = Buffer.from('\x03def\x03app\x01t\x01t\x01v\x01v\x0c\x21\0\0\x01\0\0\xfd\0\0\0\0\0', 'latin1');
const row = (value: string): Buffer => new PayloadWriter().lenencBytes(value).finish();
/** `metadataFollows`: MySQL's flag, only there with optionalResultsetMetadata. */
const prepared = (columns: number, parameters: number, metadataFollows?: number): Buffer => {
  const writer = new PayloadWriter().uint8(0).uint32(77).uint16(columns).uint16(parameters).uint8(0).uint16(0);
  return (metadataFollows === undefined ? writer : writer.uint8(metadataFollows)).finish();
};

interface Case {
  readonly why: string;
  readonly kind: ReplyKind;
  readonly capabilities?: number;
  readonly mariaDb?: number;
  readonly packets: readonly Buffer[];
  readonly summary?: Partial<ReplySummary>;
}

const { deprecateEof, optionalResultsetMetadata } = Capability;
const resultSet = [count(1), definition, eof(), row('a'), row(''), eof()];

const cases: readonly Case[] = [
  { why: 'OK', kind: 'result', packets: [ok(3n, 2n ** 60n)], summary: { affectedRows: [3n], lastInsertId: 2n ** 60n } },
  {
    why: 'OK with the largest numbers',
    kind: 'result',
    packets: [ok(2n ** 64n - 1n, 2n ** 64n - 1n, inTransaction)],
    summary: { status: inTransaction },
  },
  { why: 'error', kind: 'result', packets: [error()], summary: { errorCode: 1064, status: null } },
  { why: 'rows, EOF packets', kind: 'result', packets: resultSet, summary: { affectedRows: [2n], status: autocommit } },
  {
    why: 'rows, deprecateEof',
    kind: 'result',
    capabilities: deprecateEof,
    packets: [count(1), definition, row('a'), okEnd(inTransaction)],
    summary: { affectedRows: [1n], status: inTransaction },
  },
  {
    why: 'no rows',
    kind: 'result',
    packets: [count(2), definition, definition, eof(), eof()],
    summary: { affectedRows: [0n] },
  },
  {
    why: 'an error among the rows',
    kind: 'result',
    packets: [count(1), definition, eof(), row('a'), error(1317)],
    summary: { errorCode: 1317 },
  },
  {
    why: 'an error instead of definitions',
    kind: 'result',
    packets: [count(2), definition, error(1317)],
    summary: { errorCode: 1317 },
  },
  {
    why: 'a row of NULL',
    kind: 'result',
    packets: [count(1), definition, eof(), Buffer.from([0xfb]), eof()],
    summary: { affectedRows: [1n] },
  },
  {
    why: 'binary rows begin with 0',
    kind: 'result',
    packets: [count(1), definition, eof(), Buffer.from([0, 0, 0xfe]), eof()],
    summary: { affectedRows: [1n] },
  },
  {
    why: '260 columns: a count of three bytes',
    kind: 'result',
    packets: [count(260), ...Array.from({ length: 260 }, () => Buffer.from([3])), eof(), eof()],
  },
  {
    why: 'several results',
    kind: 'result',
    packets: [
      ok(1n, 0n, moreResultsExist),
      count(1),
      definition,
      eof(moreResultsExist),
      row('x'),
      eof(moreResultsExist),
      ok(4n),
    ],
    summary: { affectedRows: [1n, 1n, 4n] },
  },
  {
    why: 'several results, deprecateEof',
    kind: 'result',
    capabilities: deprecateEof,
    packets: [count(1), definition, row('x'), okEnd(moreResultsExist), ok(4n)],
    summary: { affectedRows: [1n, 4n] },
  },
  {
    why: 'an error in the second result',
    kind: 'result',
    packets: [ok(1n, 0n, moreResultsExist), error(1062)],
    summary: { affectedRows: [1n], errorCode: 1062 },
  },
  {
    why: 'progress reports before the OK',
    kind: 'result',
    packets: [progress, progress, ok(1n)],
    summary: { affectedRows: [1n], errorCode: null },
  },
  {
    why: 'a cursor: no rows follow the definitions',
    kind: 'cursor',
    packets: [count(1), definition, eof(cursorExists)],
    summary: { status: cursorExists },
  },
  {
    why: "a procedure's own cursor: the rows follow",
    kind: 'result',
    packets: [count(1), definition, eof(cursorExists | moreResultsExist), row('a'), eof(moreResultsExist), ok()],
    summary: { affectedRows: [1n, 0n] },
  },
  {
    why: "a cursor was asked for, but it is the procedure's own: the rows follow",
    kind: 'cursor',
    packets: [count(1), definition, eof(cursorExists | moreResultsExist), row('a'), eof(moreResultsExist), ok()],
    summary: { affectedRows: [1n, 0n] },
  },
  {
    why: 'a cursor was asked for, but the statement has none',
    kind: 'cursor',
    packets: [count(1), definition, eof(), row('a'), eof(moreResultsExist), ok()],
    summary: { affectedRows: [1n, 0n] },
  },
  {
    why: 'a cursor under deprecateEof',
    kind: 'cursor',
    capabilities: deprecateEof,
    packets: [count(1), definition, okEnd(cursorExists)],
  },
  {
    why: 'MariaDB: the client knows the definitions',
    kind: 'result',
    capabilities: deprecateEof,
    mariaDb: MariaDbCapability.cacheMetadata,
    packets: [Buffer.from([1, 0]), row('a'), okEnd()],
    summary: { affectedRows: [1n] },
  },
  {
    why: 'MariaDB: definitions sent',
    kind: 'result',
    capabilities: deprecateEof,
    mariaDb: MariaDbCapability.cacheMetadata,
    packets: [Buffer.from([1, 1]), definition, row('a'), okEnd()],
    summary: { affectedRows: [1n] },
  },
  {
    why: 'COM_STMT_FETCH',
    kind: 'rows',
    packets: [Buffer.from([0, 0, 1]), Buffer.from([0, 0, 2]), eof(cursorExists)],
    summary: { affectedRows: [2n] },
  },
  { why: 'prepare without anything', kind: 'prepare', packets: [prepared(0, 0)], summary: { statementId: 77 } },
  {
    why: 'prepare with parameters',
    kind: 'prepare',
    packets: [prepared(0, 2), definition, definition, eof()],
    summary: { parameterCount: 2 },
  },
  {
    why: 'prepare with parameters and columns',
    kind: 'prepare',
    packets: [prepared(1, 1), definition, eof(), definition, eof()],
  },
  {
    why: 'prepare, deprecateEof',
    kind: 'prepare',
    capabilities: deprecateEof,
    packets: [prepared(2, 1), definition, definition, definition],
  },
  { why: 'prepare that failed', kind: 'prepare', packets: [error(1146)], summary: { errorCode: 1146, statementId: 0 } },
  {
    why: 'MySQL: no definitions, resultset_metadata = NONE',
    kind: 'result',
    capabilities: deprecateEof | optionalResultsetMetadata,
    packets: [Buffer.from([2, 0]), row('a'), okEnd(moreResultsExist), Buffer.from([1, 1]), definition, okEnd()],
    summary: { affectedRows: [1n, 0n] },
  },
  {
    why: 'MySQL: no definitions, but the EOF that ends them',
    kind: 'result',
    capabilities: optionalResultsetMetadata,
    packets: [Buffer.from([1, 0]), eof(), row('a'), eof()],
    summary: { affectedRows: [1n] },
  },
  {
    why: 'MySQL: prepare with the flag, definitions follow',
    kind: 'prepare',
    capabilities: deprecateEof | optionalResultsetMetadata,
    packets: [prepared(1, 1, 1), definition, definition],
    summary: { parameterCount: 1 },
  },
  {
    why: 'MySQL: prepare without definitions',
    kind: 'prepare',
    capabilities: deprecateEof | optionalResultsetMetadata,
    packets: [prepared(3, 2, 0)],
    summary: { parameterCount: 2, statementId: 77 },
  },
  {
    why: 'MySQL: prepare without definitions, EOF packets',
    kind: 'prepare',
    capabilities: optionalResultsetMetadata,
    packets: [prepared(3, 2, 0), eof(), eof()],
  },
  { why: 'COM_STATISTICS: a bare text', kind: 'packet', packets: [Buffer.from('Uptime: 5  Threads: 1')] },
  { why: 'COM_PING', kind: 'packet', packets: [ok()], summary: { status: autocommit } },
  { why: 'COM_SET_OPTION', kind: 'packet', packets: [eof()], summary: { status: autocommit } },
  { why: 'COM_FIELD_LIST', kind: 'columns', packets: [definition, definition, eof()] },
  {
    why: 'COM_CHANGE_USER with a switch',
    kind: 'authentication',
    packets: [Buffer.from('\xfemysql_native_password\0', 'latin1'), Buffer.from([1, 3]), ok()],
  },
];

/** Feeds `stream` in pieces cut at `cuts`; checks that the end is found exactly there. */
function track(
  { kind, capabilities = 0, mariaDb = 0 }: Case,
  stream: Buffer,
  cuts: readonly number[],
): ResponseTracker {
  const tracker = new ResponseTracker(capabilities, mariaDb);
  tracker.expect(kind);
  const edges = [0, ...cuts, stream.length];
  for (let index = 1; index < edges.length; index++) {
    const piece = Buffer.from(stream.subarray(edges[index - 1], edges[index]));
    if (piece.length === 0) continue;
    expect(tracker.ended).toBe(false);
    expect(tracker.push(piece, 0)).toBe(piece.length);
  }
  expect(tracker.ended).toBe(true);
  return tracker;
}

describe('a reply, whole and cut at every byte', () => {
  it.each(cases.map((one) => [one.why, one] as const))('%s', (_why, one) => {
    const stream = Buffer.concat(one.packets.map((packet, index) => frame(packet, index + 1)));
    const whole = track(one, stream, []).takeSummary();
    expect(whole).toMatchObject(one.summary ?? {});
    for (let cut = 1; cut < stream.length; cut++) expect(track(one, stream, [cut]).takeSummary()).toEqual(whole);
    const every = Array.from({ length: stream.length - 1 }, (_unused, index) => index + 1);
    expect(track(one, stream, every).takeSummary()).toEqual(whole);
  });

  it('is not mixed up with those of other sessions, whose pieces come in between', () => {
    const streams = cases.map(({ packets }) => Buffer.concat(packets.map((packet, index) => frame(packet, index + 1))));
    cases.forEach((one, at) => {
      const stream = streams[at] ?? Buffer.alloc(0);
      const other = (at + 1) % cases.length;
      const whole = track(one, stream, []).takeSummary();
      for (let cut = 1; cut < stream.length; cut++) {
        const tracker = new ResponseTracker(one.capabilities ?? 0, one.mariaDb ?? 0);
        tracker.expect(one.kind);
        tracker.push(Buffer.from(stream.subarray(0, cut)), 0);
        track(cases[other] ?? one, streams[other] ?? stream, []);
        tracker.push(Buffer.from(stream.subarray(cut)), 0);
        expect([one.why, cut, tracker.takeSummary()]).toEqual([one.why, cut, whole]);
      }
    });
  });

  it('leaves alone what belongs to the next reply', () => {
    const first = frame(ok(1n), 1);
    const both = Buffer.concat([first, frame(ok(2n), 1)]);
    const tracker = new ResponseTracker(0, 0);
    tracker.expect('result');
    expect(tracker.push(both, 0)).toBe(first.length);
    expect(tracker.takeSummary().affectedRows).toEqual([1n]);
    tracker.expect('result');
    expect(tracker.push(both, first.length)).toBe(both.length);
    expect(tracker.takeSummary().affectedRows).toEqual([2n]);
  });
});

it('follows a row of 16 MiB and more, whose continuation looks like an end', () => {
  const value = Buffer.alloc(PACKET_PAYLOAD_MAX + 4, 0xfe);
  const stream = Buffer.concat([...resultSet.slice(0, 3).map((packet) => frame(packet)), frame(value), frame(eof())]);
  const tracker = new ResponseTracker(0, 0);
  tracker.expect('result');
  expect(tracker.push(stream, 0)).toBe(stream.length);
  expect(tracker.ended).toBe(true);
  expect(tracker.takeSummary().affectedRows).toEqual([1n]);
});

it('stops at the request for a file, and goes on when it was sent', () => {
  const request = frame(Buffer.from('\xfb/tmp/x', 'latin1'), 1);
  const tracker = new ResponseTracker(0, 0);
  tracker.expect('result');
  expect(tracker.push(request, 0)).toBe(request.length);
  expect([tracker.wantsFile, tracker.ended]).toEqual([true, false]);
  tracker.fileSent();
  tracker.push(frame(ok(3n), 4), 0);
  expect([tracker.wantsFile, tracker.ended]).toEqual([false, true]);
  expect(tracker.takeSummary().affectedRows).toEqual([3n]);
});

it('renumbers the packets of a reply to a command that went out in more packets', () => {
  const stream = Buffer.concat([frame(count(1), 3), frame(definition, 4), frame(eof(), 5), frame(eof(), 6)]);
  for (let cut = 1; cut < stream.length; cut++) {
    const pieces = [Buffer.from(stream.subarray(0, cut)), Buffer.from(stream.subarray(cut))];
    const tracker = new ResponseTracker(0, 0);
    tracker.expect('result', 2);
    for (const piece of pieces) tracker.push(piece, 0);
    const numbers: number[] = [];
    const all = Buffer.concat(pieces);
    for (let at = 0; at < all.length; at += 4 + all.readUIntLE(at, 3)) numbers.push(all[at + 3] ?? -1);
    expect(numbers).toEqual([1, 2, 3, 4]);
  }
});
