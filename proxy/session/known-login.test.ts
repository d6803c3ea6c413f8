import { loginSample } from '../reuse/login-sample';
import { type Moment, rememberLogin, type RememberedLogin } from '../reuse/remembered-login';
import { defaultSqlMode } from '../sql/sql-mode';
import { encodeHandshakeResponse } from '../wire/handshake-response';
import { frame } from '../wire/packet-framer';
import { isKnown, type KnownLogin, knownLogin } from './known-login';
import { plainLinks } from './links-sample';
import { emptySummary } from './reply-summary';

const freshMs = 1_000;
const asked: Moment = { ms: 5_000, changes: 3 };
const soon: Moment = { ms: 5_999, changes: 3 };
const response = encodeHandshakeResponse(loginSample);
const greeting = frame(Buffer.from('a greeting'));
const facts = { user: 'app', schema: null, capabilities: 1, mariaDbCapabilities: 0, charset: 45 };
const letIn = { facts, mode: defaultSqlMode, summary: emptySummary() };

function remembered(payload: Buffer): RememberedLogin {
  const login = { payload, user: 'app', ok: Buffer.from([0, 0, 0, 2, 0, 0, 0]), asked, attributesShown: false };
  const known = rememberLogin(login, null);
  if (known === null) throw new Error('not remembered');
  return known;
}

/** `told`: the packet as the server got it. */
const known = (told = response): KnownLogin | null =>
  knownLogin({ links: plainLinks, greeting, response }, letIn, remembered(told));

function changed(bytes: Buffer, at: number): Buffer {
  const copy = Buffer.from(bytes);
  copy[at] = (copy[at] ?? 0) ^ 1;
  return copy;
}

const cases: readonly (readonly [reason: string, bytes: Buffer, now: Moment, expected: boolean])[] = [
  ['the same packet', frame(response, 1), soon, true],
  ['too late', frame(response, 1), { ms: 6_000, changes: 3 }, false],
  ['rights changed meanwhile', frame(response, 1), { ms: 5_001, changes: 4 }, false],
  ['inside TLS, so that it is not the first packet', frame(response, 2), soon, false],
  [
    'a command that comes with it is not to be lost',
    Buffer.concat([frame(response, 1), frame(Buffer.of(1))]),
    soon,
    false,
  ],
  ['nothing', Buffer.alloc(0), soon, false],
];

test.each(cases)('a login is known, or is read: %s', (_, bytes, now, expected) => {
  expect(isKnown(known() as KnownLogin, bytes, now, freshMs)).toBe(expected);
});

test('it is read when it comes in pieces, or differs in any byte', () => {
  const whole = frame(response, 1);
  for (let at = 0; at < whole.length; at++) {
    expect(isKnown(known() as KnownLogin, whole.subarray(0, at), soon, freshMs)).toBe(false);
    expect(isKnown(known() as KnownLogin, changed(whole, at), soon, freshMs)).toBe(false);
  }
});

test('what the client says is what counts, not what the server was told of its capabilities', () => {
  const login = known(changed(response, 1)) as KnownLogin;
  expect(isKnown(login, frame(response, 1), soon, freshMs)).toBe(true);
  expect(isKnown(login, frame(changed(response, 1), 1), soon, freshMs)).toBe(false);
});

test('nothing is known where the server was told something else than the client said', () => {
  expect(known(changed(response, 40))).toBeNull();
  expect(known(Buffer.concat([response, Buffer.of(0)]))).toBeNull();
});

test('the client hears what it heard before', () => {
  expect(known()?.greeting).toEqual(greeting);
  expect(known()?.ok).toEqual(frame(Buffer.from([0, 0, 0, 2, 0, 0, 0]), 2));
});
