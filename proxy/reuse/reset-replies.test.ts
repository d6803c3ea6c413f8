import { frame } from '../wire/packet-framer';
import { resetCommands, ResetReplies, resetReplies } from './reset-replies';

const ok = frame(Buffer.from([0, 0, 0, 2, 0, 0, 0]), 1);
const refusal = frame(Buffer.from([0xff, 0x88, 0x13]), 1);
const reply = Buffer.from('the reply to the client');

test('a reset is one command, or two when the schema is chosen again', () => {
  expect(resetCommands(null)).toEqual(frame(Buffer.of(0x1f)));
  expect(resetReplies(null)).toBe(1);
  expect(resetCommands('moodle')).toEqual(Buffer.concat([frame(Buffer.of(0x1f)), frame(Buffer.from('\x02moodle'))]));
  expect(resetReplies('moodle')).toBe(2);
});

test('what stands behind the replies is found wherever the bytes are cut', () => {
  const whole = Buffer.concat([ok, ok, reply]);
  for (let cut = 0; cut <= whole.length; cut++) {
    const replies = new ResetReplies(2);
    const first = replies.push(whole.subarray(0, cut));
    const done = cut >= 2 * ok.length;
    expect(first).toEqual(done ? whole.subarray(2 * ok.length, cut) : null);
    if (!done) expect(replies.push(whole.subarray(cut))).toEqual(reply);
  }
});

test('byte by byte', () => {
  const replies = new ResetReplies(1);
  for (let at = 0; at < ok.length - 1; at++) expect(replies.push(ok.subarray(at, at + 1))).toBeNull();
  expect(replies.push(ok.subarray(ok.length - 1))).toEqual(Buffer.alloc(0));
});

test.each([
  ['the reset', [refusal]],
  ['the schema', [ok, refusal]],
  ['something that is no reply', [Buffer.from([1, 0, 0, 1, 5])]],
])('a refusal is seen: %s', (_, packets) => {
  expect(new ResetReplies(2).push(Buffer.concat(packets))).toBe('refused');
});
