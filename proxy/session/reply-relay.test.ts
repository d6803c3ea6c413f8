import { Capability, ServerStatus } from '../wire/constants';
import { frame } from '../wire/packet-framer';
import { encodeError } from '../wire/response';
import { type PendingReply, serverReply } from './pending-reply';
import { ReplyRelay } from './reply-relay';
import type { ReplySummary } from './reply-summary';
import { sampleServices } from './services-sample';

const more = 2 | ServerStatus.moreResultsExist;
const ok = (status: number, sequence: number): Buffer => frame(Buffer.from([0, 1, 0, status, 0, 0, 0]), sequence);
const eof = (status: number, sequence: number): Buffer => frame(Buffer.from([0xfe, 0, 0, status, 0]), sequence);
const rows = (status: number, from: number): Buffer =>
  Buffer.concat([
    frame(Buffer.from([1]), from),
    frame(Buffer.from('a column'), from + 1),
    eof(status, from + 2),
    frame(Buffer.from('\x03row'), from + 3),
    eof(status, from + 4),
  ]);
const error = frame(encodeError({ errorCode: 1146, sqlState: '42S02', message: Buffer.from('none') }), 2);

/** Of replies of which two results are shown: what the client gets, and what is held back. */
const cases: [why: string, shown: Buffer[], held: Buffer[]][] = [
  ['the third is held', [ok(more, 1), rows(more, 2)], [ok(2, 7)]],
  ['the third is held, of rows', [rows(more, 1), ok(more, 6)], [rows(2, 7)]],
  ['its error is', [ok(more, 1), ok(more, 2)], [error]],
  ['an error before it is not', [ok(more, 1), error], []],
  ['nor one among rows', [ok(more, 1), rows(more, 2).subarray(0, -9), error], []],
];
describe.each(cases)('of a reply %s', (_why, shown, held) => {
  it.each([false, true])('wherever it is cut; told of its progress: %s', (framed) => {
    const whole = Buffer.concat([...shown, ...held]);
    for (let cut = 0; cut <= whole.length; cut++) {
      const client: Buffer[] = [];
      const collected: Buffer[] = [];
      const ended: (ReplySummary | null)[] = [];
      const progress: string[] = [];
      const relay = new ReplyRelay(
        { toClient: (bytes) => void client.push(Buffer.from(bytes)), replyProgress: (at) => void progress.push(at) },
        sampleServices({}).counters,
        Capability.protocol41,
        0,
      );
      if (framed) relay.tellProgress();
      const reply: PendingReply = {
        from: 'server',
        kind: 'result',
        shown: 2,
        barrier: true,
        collected: { push: (bytes) => collected.push(Buffer.from(bytes)) },
        sequenceShift: 0,
        ended: (summary) => ended.push(summary),
      };
      relay.enqueue(reply);
      for (const part of [whole.subarray(0, cut), whole.subarray(cut)])
        expect(relay.push(Buffer.from(part))).toBe(true);
      expect([Buffer.concat(client), Buffer.concat(collected)]).toEqual([Buffer.concat(shown), Buffer.concat(held)]);
      expect([ended.length, relay.idle, progress.includes('end')]).toEqual([1, true, false]);
    }
  });
});

const refusal = frame(encodeError({ errorCode: 1226, sqlState: '42000', message: Buffer.from('too many') }), 1);
const lost = encodeError({ errorCode: 1690, sqlState: '22003', message: Buffer.from('no key') });
/** MariaDB: "Progress reporting". */
const progressAt = (sequence: number): Buffer =>
  frame(Buffer.from('\xff\xff\xff\x01\x01\x02\0\0\0\0', 'latin1'), sequence);

/** Of replies in place of whose error the client is to get `refusal`. */
const refused: [why: string, reply: Buffer[], shown: Buffer[]][] = [
  ['an error', [frame(lost, 1)], [refusal]],
  ['an error behind a report of progress', [progressAt(1), frame(lost, 2)], [refusal]],
  ['no error', [ok(2, 1)], [ok(2, 1)]],
  ['no error behind a report of progress', [progressAt(1), ok(2, 2)], [progressAt(1), ok(2, 2)]],
  ['rows', [rows(2, 1)], [rows(2, 1)]],
  ['an error among rows', [rows(2, 1).subarray(0, -9), frame(lost, 5)], [rows(2, 1).subarray(0, -9), frame(lost, 5)]],
];
describe.each(refused)('of a command that was refused before it was carried out, %s', (_why, packets, shown) => {
  it.each([false, true])('is shown alike wherever it is cut; told of its progress: %s', (framed) => {
    const reply = Buffer.concat(packets);
    const other = frame(Buffer.from([0, 0, 0, 2, 0, 0, 0]), 1);
    const whole = Buffer.concat([other, reply, other]);
    const bytes = Array.from(whole, (_byte, at) => at);
    for (const cuts of [...bytes.map((at) => [at]), bytes]) {
      const client: Buffer[] = [];
      const progress: string[] = [];
      const relay = new ReplyRelay(
        { toClient: (part) => void client.push(Buffer.from(part)), replyProgress: (at) => void progress.push(at) },
        sampleServices({}).counters,
        Capability.protocol41,
        0,
      );
      if (framed) relay.tellProgress();
      const ended: (number | null | undefined)[] = [];
      for (const shown of ['all', refusal, 'all'] as const)
        relay.enqueue({ ...serverReply('result', (summary) => ended.push(summary?.errorCode)), shown });
      [0, ...cuts].forEach((from, index) => {
        const part = Buffer.from(whole.subarray(from, cuts[index] ?? whole.length));
        if (part.length > 0) expect(relay.push(part)).toBe(true);
        part.fill(0xee);
      });
      expect([cuts.length, cuts[0], Buffer.concat(client)]).toEqual([
        cuts.length,
        cuts[0],
        Buffer.concat([other, ...shown, other]),
      ]);
      expect([ended.length, relay.idle, progress.filter((at) => at === 'end').length]).toEqual([
        3,
        true,
        framed ? 3 : 0,
      ]);
    }
  });
});
