import { constants, createHash, generateKeyPairSync, privateDecrypt } from 'node:crypto';
import {
  type Authentication,
  AuthenticationError,
  cachingSha2Answer,
  firstAnswer,
  nativePasswordAnswer,
  stepAuthentication,
} from './auth';
import { encodeAuthSwitchRequest } from './handshake';

const scramble = Buffer.from('ABCDEFGHIJKLMNOPQRST');
const state: Authentication = { plugin: 'caching_sha2_password', scramble, password: 'pä55', secureTransport: false };

const sha1 = (...parts: Buffer[]) => createHash('sha1').update(Buffer.concat(parts)).digest();
const sha256 = (...parts: Buffer[]) => createHash('sha256').update(Buffer.concat(parts)).digest();

test('the native answer is one that the server, which keeps SHA1(SHA1(password)), accepts', () => {
  const kept = sha1(sha1(Buffer.from('pä55')));
  const answer = nativePasswordAnswer('pä55', scramble);
  const mask = sha1(scramble, kept);
  expect(sha1(Buffer.from(answer.map((byte, at) => byte ^ (mask[at] ?? 0))))).toEqual(kept);
  expect(nativePasswordAnswer('', scramble).length).toBe(0);
});

test('the sha2 answer is one that the server, which keeps SHA256(SHA256(password)), accepts', () => {
  const kept = sha256(sha256(Buffer.from('pä55')));
  const answer = cachingSha2Answer('pä55', scramble);
  const mask = sha256(kept, scramble);
  expect(sha256(Buffer.from(answer.map((byte, at) => byte ^ (mask[at] ?? 0))))).toEqual(kept);
  expect(cachingSha2Answer('', scramble).length).toBe(0);
});

test('sha2: fast path, then OK', () => {
  const step = stepAuthentication(state, Buffer.of(1, 3));
  expect(step).toEqual({ kind: 'wait', next: state });
  expect(stepAuthentication(state, Buffer.of(0, 0, 0, 2, 0, 0, 0))).toEqual({ kind: 'accepted' });
});

test('sha2: full over a secure transport sends the password', () => {
  const step = stepAuthentication({ ...state, secureTransport: true }, Buffer.of(1, 4));
  expect(step.kind === 'send' && step.payload.toString()).toBe('pä55\0');
});

test('sha2: full over plain TCP sends the password under the key of the server', () => {
  const asked = stepAuthentication(state, Buffer.of(1, 4));
  expect(asked.kind === 'send' && [...asked.payload]).toEqual([2]);
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const pem = Buffer.from(publicKey.export({ type: 'spki', format: 'pem' }));
  const answered = stepAuthentication(state, Buffer.concat([Buffer.of(1), pem]));
  if (answered.kind !== 'send') throw new Error(answered.kind);
  const plain = privateDecrypt({ key: privateKey, padding: constants.RSA_PKCS1_OAEP_PADDING }, answered.payload);
  expect(Buffer.from(plain.map((byte, at) => byte ^ (scramble[at] ?? 0))).toString()).toBe('pä55\0');
  expect(() => stepAuthentication(state, Buffer.of(1, 9, 9))).toThrow(AuthenticationError);
});

test('a switch request is answered with the new plugin and scramble', () => {
  const other = Buffer.from('abcdefghijklmnopqrst');
  const authData = Buffer.concat([other, Buffer.of(0)]);
  const step = stepAuthentication(state, encodeAuthSwitchRequest({ plugin: 'mysql_native_password', authData }));
  if (step.kind !== 'send') throw new Error(step.kind);
  expect(step.payload).toEqual(nativePasswordAnswer('pä55', other));
  expect(step.next.plugin).toBe('mysql_native_password');
});

test.each([
  ['unknown plugin', () => firstAnswer({ ...state, plugin: 'parsec' })],
  ['clear text over plain TCP', () => firstAnswer({ ...state, plugin: 'mysql_clear_password' })],
  ['empty packet', () => stepAuthentication(state, Buffer.alloc(0))],
  ['second factor', () => stepAuthentication(state, Buffer.of(2, 0))],
])('%s: a typed error', (_name, act) => {
  expect(act).toThrow(AuthenticationError);
});

test('a refusal hands out the error packet', () => {
  const payload = Buffer.from([0xff, 0x15, 0x04]);
  expect(stepAuthentication(state, payload)).toEqual({ kind: 'refused', payload });
});
