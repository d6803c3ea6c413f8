import { Capability } from '../wire/constants';
import { encodeHandshakeResponse, type HandshakeResponse } from '../wire/handshake-response';
import { loginSample } from './login-sample';
import { type Moment, recalls, type RememberedLogin, rememberLogin } from './remembered-login';

const capabilities = loginSample.capabilities | Capability.connectAttrs;

const login = (changes: Partial<HandshakeResponse> = {}): Buffer =>
  encodeHandshakeResponse({
    ...loginSample,
    capabilities,
    connectAttributes: [[Buffer.from('_pid'), Buffer.from('1')]],
    ...changes,
  });

const freshMs = 1_000;
const asked: Moment = { ms: 5_000, changes: 3 };
const soon: Moment = { ms: 5_999, changes: 3 };

function remembered(payload: Buffer, attributesShown = false): RememberedLogin {
  const known = rememberLogin(
    { payload, user: 'app', ok: Buffer.of(0), asked, attributesShown },
    Buffer.from('moodle'),
  );
  if (known === null) throw new Error('not remembered');
  return known;
}

const cases: readonly (readonly [reason: string, login: Buffer, now: Moment, recalled: boolean])[] = [
  ['the same, within the time', login(), soon, true],
  ['the time is over', login(), { ms: 6_000, changes: 3 }, false],
  ['rights or settings changed', login(), { ms: 5_001, changes: 4 }, false],
  ['nobody looks for changes', login(), { ms: 5_001, changes: null }, false],
  ['another answer', login({ authResponse: Buffer.concat([Buffer.alloc(19, 7), Buffer.of(6)]) }), soon, false],
  ['no answer', login({ authResponse: Buffer.alloc(0) }), soon, false],
  ['another user', login({ user: Buffer.from('bob') }), soon, false],
  ['another schema', login({ database: Buffer.from('moodle2') }), soon, false],
  ['no schema', login({ capabilities: capabilities & ~Capability.connectWithDb, database: null }), soon, false],
  ['another character set', login({ charset: 8 }), soon, false],
  ['another plugin', login({ authPlugin: 'client_ed25519' }), soon, false],
  [
    'another process of the same program',
    login({ connectAttributes: [[Buffer.from('_pid'), Buffer.from('22')]] }),
    soon,
    true,
  ],
  ['no attributes in their place', login({ connectAttributes: [] }), soon, true],
  ['attributes cut short', login().subarray(0, -1), soon, false],
  ['attributes missing', login({ connectAttributes: [] }).subarray(0, -1), soon, false],
  ['more than attributes', Buffer.concat([login(), Buffer.of(0)]), soon, false],
  ['nothing', Buffer.alloc(0), soon, false],
];

test.each(cases)('a login is put to the server again, or not: %s', (_, payload, now, recalled) => {
  expect(recalls(remembered(login()), payload, now, freshMs)).toBe(recalled);
});

test('every byte but those of the attributes counts', () => {
  const whole = login();
  const known = remembered(whole);
  for (let at = 0; at < whole.length; at++) {
    const other = Buffer.from(whole);
    other[at] = (other[at] ?? 0) ^ 1;
    const valueOfPid = at >= known.comparedBytes + 1;
    expect([at, recalls(known, other, soon, freshMs)]).toEqual([at, valueOfPid]);
  }
});

test('attributes count where others can see them', () => {
  const known = remembered(login(), true);
  expect(recalls(known, login(), soon, freshMs)).toBe(true);
  const other = login({ connectAttributes: [[Buffer.from('_pid'), Buffer.from('2')]] });
  expect(recalls(known, other, soon, freshMs)).toBe(false);
});

test('a client without attributes is remembered too', () => {
  const without = login({ capabilities: capabilities & ~Capability.connectAttrs, connectAttributes: null });
  expect(recalls(remembered(without), without, soon, freshMs)).toBe(true);
  expect(recalls(remembered(without), Buffer.concat([without, Buffer.of(0)]), soon, freshMs)).toBe(false);
});

test('with no time nothing is recalled', () => {
  expect(recalls(remembered(login()), login(), asked, 0)).toBe(false);
});

test('a login that ends early is not remembered', () => {
  const known = (payload: Buffer): unknown =>
    rememberLogin({ payload, user: 'app', ok: Buffer.of(0), asked, attributesShown: false }, null);
  expect(known(login().subarray(0, 34))).toBeNull();
  expect(known(Buffer.alloc(0))).toBeNull();
});
