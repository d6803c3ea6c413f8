import { Capability, ServerStatus } from '../wire/constants';
import { frame } from '../wire/packet-framer';
import { encodeError } from '../wire/response';
import type { PendingReply } from './pending-reply';
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
        swallowed: true,
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
