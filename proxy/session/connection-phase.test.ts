import { constants, generateKeyPairSync, privateDecrypt, publicEncrypt } from 'node:crypto';
import { Capability } from '../wire/constants';
import { encodeAuthSwitchRequest, encodeGreeting } from '../wire/handshake';
import {
  decodeHandshakeResponse,
  encodeHandshakeResponse,
  encodeSslRequest,
  isSslRequest,
} from '../wire/handshake-response';
import { frame, PacketFramer } from '../wire/packet-framer';
import { decodeError } from '../wire/response';
import { ConnectionPhase } from './connection-phase';
import type { PasswordKey, SessionLinks, Upgrade } from './links';
import { plainLinks } from './links-sample';
import { newSessionState } from './session-state';

const scramble = Buffer.from('0123456789abcdefghij');
const base = Capability.protocol41 | Capability.secureConnection | Capability.pluginAuth;
const mask = (bytes: Buffer): Buffer => Buffer.from(bytes.map((byte, at) => byte ^ (scramble[at % 20] ?? 0)));
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const pem = Buffer.from(rsa.publicKey.export({ type: 'spki', format: 'pem' }));
const padding = constants.RSA_PKCS1_OAEP_PADDING;
const password = Buffer.from('opensesame\0');
const ok = Buffer.from([0, 0, 0, 2, 0, 0, 0]);

const ownKey: PasswordKey = {
  publicKey: pem,
  ready: () => Promise.resolve(),
  decrypt: (bytes) => {
    try {
      return privateDecrypt({ key: rsa.privateKey, padding }, bytes);
    } catch {
      return null;
    }
  },
};

/** The phase between a client and a backend that are told, step by step, what to say. */
function open(links: Partial<SessionLinks>, plugin = 'caching_sha2_password') {
  const said = { toBackend: [] as Buffer[], toClient: [] as Buffer[], upgrades: [] as Upgrade[], end: '' };
  const finished: Buffer[] = [];
  const phase = new ConnectionPhase(
    {
      toBackend: (bytes) => said.toBackend.push(bytes),
      toClient: (bytes) => said.toClient.push(bytes),
      upgrade: (upgrade) => said.upgrades.push(upgrade),
      wait: () => {},
      greeted: () => {},
      authenticated: () => (said.end = 'ok'),
      lost: () => (said.end = 'lost'),
      finished: (bytes) => finished.push(bytes),
      refuse: (bytes) => {
        said.toClient.push(bytes);
        said.end = 'refused';
      },
    },
    newSessionState(),
    { ...plainLinks, ...links },
    false,
  );
  const capabilities = base | Capability.ssl | Capability.compress | Capability.zstdCompression;
  const greeting = encodeGreeting({
    serverVersion: '8.0.40',
    connectionId: 1n,
    authData: Buffer.concat([scramble, Buffer.alloc(1)]),
    capabilities: (capabilities | Capability.longPassword) >>> 0,
    mariaDbCapabilities: 0,
    charset: 45,
    status: 2,
    authPlugin: plugin,
  });
  phase.fromBackend(frame(greeting, 0));
  const packets = (bytes: Buffer[]) =>
    new PacketFramer().push(Buffer.concat(bytes.splice(0))).map(({ sequence, payload }) => ({ sequence, payload }));
  return { phase, said, finished, backend: () => packets(said.toBackend), client: () => packets(said.toClient) };
}

const answer = (more = 0, authPlugin = 'caching_sha2_password', zstdLevel: number | null = null): Buffer =>
  encodeHandshakeResponse({
    capabilities: (base | Capability.longPassword | more) >>> 0,
    mariaDbCapabilities: 0,
    maxPacketBytes: 1 << 24,
    charset: 45,
    user: Buffer.from('app'),
    authResponse: Buffer.alloc(32, 7),
    database: null,
    authPlugin,
    connectAttributes: null,
    zstdLevel,
  });
const sslRequest = encodeSslRequest({
  capabilities: base | Capability.ssl | Capability.longPassword,
  mariaDbCapabilities: 0,
  maxPacketBytes: 1 << 24,
  charset: 45,
});

test('a password in clear, from a client on TLS, goes on under the key of a backend in plain TCP', () => {
  const { phase, said, backend, client } = open({ clientTls: 'offered', backend: 'plain' });
  client();
  phase.fromClient(frame(sslRequest, 1));
  expect(said.upgrades).toEqual([{ kind: 'clientTls', rest: Buffer.alloc(0) }]);
  expect(backend()).toEqual([]);
  phase.fromClient(frame(answer(Capability.ssl), 2));
  const [response] = backend();
  expect(response?.sequence).toBe(1);
  expect(decodeHandshakeResponse(response?.payload ?? Buffer.alloc(0)).capabilities & Capability.ssl).toBe(0);
  phase.fromBackend(frame(Buffer.from([1, 4]), 2));
  expect(client()).toEqual([{ sequence: 3, payload: Buffer.from([1, 4]) }]);
  phase.fromClient(frame(password, 4));
  expect(backend()).toEqual([{ sequence: 3, payload: Buffer.from([2]) }]);
  phase.fromBackend(frame(Buffer.concat([Buffer.from([1]), pem]), 4));
  const [encrypted] = backend();
  expect(encrypted?.sequence).toBe(5);
  const plain = privateDecrypt({ key: rsa.privateKey, padding }, encrypted?.payload ?? Buffer.alloc(0));
  expect(mask(plain)).toEqual(password);
  expect(client()).toEqual([]);
  phase.fromBackend(frame(ok, 6));
  expect(client()).toEqual([{ sequence: 5, payload: ok }]);
  expect(said.end).toBe('ok');
});

test('a client in plain TCP is given a key of the proxy, when the backend wants the password in clear', () => {
  const { phase, backend, client } = open({ backend: 'local', passwordKey: ownKey });
  client();
  phase.fromClient(frame(answer(), 1));
  backend();
  phase.fromBackend(frame(Buffer.from([1, 4]), 2));
  client();
  phase.fromClient(frame(Buffer.from([2]), 3));
  expect(backend()).toEqual([]);
  expect(client()).toEqual([{ sequence: 4, payload: Buffer.concat([Buffer.from([1]), pem]) }]);
  phase.fromClient(frame(publicEncrypt({ key: rsa.publicKey, padding }, mask(password)), 5));
  expect(backend()).toEqual([{ sequence: 3, payload: password }]);
  phase.fromBackend(frame(ok, 4));
  expect(client()).toEqual([{ sequence: 6, payload: ok }]);
});

test('a password under a key that is not ours is refused, with a reason', () => {
  const { phase, said, client } = open({ backend: 'local', passwordKey: ownKey });
  phase.fromClient(frame(answer(), 1));
  phase.fromBackend(frame(Buffer.from([1, 4]), 2));
  client();
  phase.fromClient(frame(Buffer.alloc(256, 9), 3));
  const [refusal] = client();
  expect([said.end, refusal?.sequence, decodeError(refusal?.payload ?? Buffer.alloc(0)).errorCode]).toEqual([
    'refused',
    4,
    1043,
  ]);
});

test('two links alike: what is said is relayed, key and all', () => {
  const { phase, backend, client } = open({ passwordKey: ownKey });
  phase.fromClient(frame(answer(), 1));
  phase.fromBackend(frame(Buffer.from([1, 4]), 2));
  backend();
  client();
  phase.fromClient(frame(Buffer.from([2]), 3));
  phase.fromBackend(frame(Buffer.concat([Buffer.from([1]), pem]), 4));
  phase.fromClient(frame(Buffer.alloc(256, 9), 5));
  expect(backend().map(({ sequence }) => sequence)).toEqual([3, 5]);
  expect(client().map(({ sequence }) => sequence)).toEqual([4]);
});

test.each(['mysql_clear_password', 'dialog'])('%s is refused where TLS would end in plain TCP', (plugin) => {
  for (const [backendLink, end] of [
    ['plain', 'refused'],
    ['loopback', ''],
    ['tls', ''],
  ] as const) {
    const { phase, said } = open({ clientTls: 'offered', backend: backendLink });
    phase.fromClient(frame(sslRequest, 1));
    phase.fromClient(frame(answer(Capability.ssl), 2));
    phase.fromBackend(frame(encodeAuthSwitchRequest({ plugin, authData: Buffer.alloc(0) }), 2));
    expect([backendLink, said.end]).toEqual([backendLink, end]);
  }
});

test('multi-factor: the second plugin and its packets pass, numbers shifted', () => {
  const { phase, backend, client } = open({ clientTls: 'offered', backend: 'local' });
  phase.fromClient(frame(sslRequest, 1));
  phase.fromClient(frame(answer(Capability.ssl), 2));
  const factor = Buffer.from('\x02mysql_native_password\x0001234567890123456789\0', 'latin1');
  phase.fromBackend(frame(factor, 2));
  expect(client().pop()).toEqual({ sequence: 3, payload: factor });
  phase.fromClient(frame(Buffer.alloc(20, 1), 4));
  expect(backend().pop()).toEqual({ sequence: 3, payload: Buffer.alloc(20, 1) });
});

test('TLS to the backend: the request for it carries what the client can do', () => {
  const { phase, said, backend, client } = open({ backend: 'tls', backendTls: true });
  client();
  phase.fromClient(frame(answer(), 1));
  const [request, response] = backend();
  expect([request?.sequence, isSslRequest(request?.payload ?? Buffer.alloc(0)), response?.sequence]).toEqual([
    1,
    true,
    2,
  ]);
  expect(said.upgrades).toEqual([{ kind: 'backendTls' }]);
  phase.fromBackend(frame(ok, 3));
  expect(client()).toEqual([{ sequence: 2, payload: ok }]);
});

test('bytes in one read with the request for TLS are given to TLS, whatever they look like', () => {
  const { phase, said, backend } = open({ clientTls: 'offered' });
  const injected = frame(Buffer.from('\x03DROP DATABASE app'), 0);
  phase.fromClient(Buffer.concat([frame(sslRequest, 1), frame(answer(), 2), injected]));
  expect(said.upgrades).toEqual([{ kind: 'clientTls', rest: Buffer.concat([frame(answer(), 2), injected]) }]);
  expect(backend()).toEqual([]);
});

test.each([
  ['zlib', Capability.compress, null, { kind: 'zlib' }],
  ['zstd', Capability.zstdCompression, 5, { kind: 'zstd', level: 5 }],
  ['both: zlib, as the server', Capability.compress | Capability.zstdCompression, 5, { kind: 'zlib' }],
] as const)('compression ends here: %s', (_name, flag, level, compression) => {
  const { phase, said, backend, finished } = open({ zstd: true });
  phase.fromClient(Buffer.concat([frame(answer(flag, undefined, level), 1), Buffer.from('compressed')]));
  const response = decodeHandshakeResponse(backend()[0]?.payload ?? Buffer.alloc(0));
  expect(response.capabilities & (Capability.compress | Capability.zstdCompression)).toBe(0);
  phase.fromBackend(frame(ok, 2));
  expect(said.upgrades).toEqual([{ kind: 'compression', compression, rest: Buffer.from('compressed') }]);
  expect(finished).toEqual([Buffer.alloc(0)]);
});

test('what is said behind a question is the answer to it, a command too', () => {
  const { phase, backend } = open({}, 'mysql_native_password');
  phase.fromClient(Buffer.concat([frame(answer(0, 'mysql_native_password'), 1), frame(Buffer.of(1), 0)]));
  expect(backend()).toHaveLength(1);
  expect(phase.holding).toBe(true);
  const authData = Buffer.concat([scramble, Buffer.alloc(1)]);
  phase.fromBackend(frame(encodeAuthSwitchRequest({ plugin: 'mysql_native_password', authData }), 2));
  // The server refuses it; kept back, both would wait for one another.
  expect(backend()).toEqual([{ sequence: 0, payload: Buffer.of(1) }]);
  expect(phase.holding).toBe(false);
});

test('commands that do not wait for the OK are handed on behind it', () => {
  const { phase, finished, backend } = open({});
  const ping = frame(Buffer.from([14]), 0);
  phase.fromClient(Buffer.concat([frame(answer(), 1), ping]));
  expect([backend().length, phase.holding]).toEqual([1, true]);
  phase.fromBackend(frame(ok, 2));
  expect(finished).toEqual([ping]);
});

test('a first packet of 2 MB is refused', () => {
  const { phase, said } = open({});
  phase.fromClient(frame(Buffer.alloc(2_000_000), 1).subarray(0, 1_500_000));
  expect(said.end).toBe('refused');
});

test('where TLS is required, a login in clear that cannot be read is refused too', () => {
  for (const client of ['plain', 'loopback'] as const) {
    const { phase, said, backend } = open({ client, clientTls: 'required' });
    phase.fromClient(frame(Buffer.from([0x05, 0x24, 0, 0, 1]), 1));
    expect([said.end, backend()]).toEqual(['refused', []]);
  }
});
