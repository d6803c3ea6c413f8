import * as fc from 'fast-check';
import { Capability } from './constants';
import {
  decodeAuthSwitchRequest,
  decodeGreeting,
  encodeAuthSwitchRequest,
  encodeGreeting,
  HandshakeFormatError,
  scrambleOf,
} from './handshake';
import {
  decodeHandshakeResponse,
  decodeSslRequest,
  encodeHandshakeResponse,
  encodeSslRequest,
  isSslRequest,
} from './handshake-response';
import { PayloadTooShortError } from './payload-reader';

const bytes = (maxLength: number) => fc.uint8Array({ maxLength }).map((a) => Buffer.from(a));
const text = (maxLength: number) =>
  fc.uint8Array({ maxLength, min: 1 }).map((a) => Buffer.from(a.map((b) => (b === 0 ? 1 : b))));
const latin1 = (maxLength: number) => text(maxLength).map((b) => b.toString('latin1'));
const u32 = fc.integer({ min: 0, max: 0xffffffff });

const greetings = fc
  .record({
    serverVersion: latin1(40),
    connectionId: u32.map(BigInt),
    secure: fc.boolean(),
    capabilities: u32,
    mariaDb: u32,
    charset: fc.integer({ min: 0, max: 255 }),
    status: fc.integer({ min: 0, max: 0xffff }),
    authPlugin: fc.option(latin1(30)),
    scramble: fc.uint8Array({ minLength: 21, maxLength: 60 }),
  })
  .map(({ secure, mariaDb, scramble, ...rest }) => {
    const plugin = rest.authPlugin !== null;
    let capabilities = rest.capabilities & ~(Capability.secureConnection | Capability.pluginAuth);
    if (secure) capabilities |= Capability.secureConnection;
    if (plugin) capabilities |= Capability.pluginAuth;
    // Without pluginAuth the length byte is 0, so that the second part is always 13 bytes.
    const authData = Buffer.from(scramble.subarray(0, !secure ? 8 : plugin ? undefined : 21));
    const mariaDbCapabilities = capabilities & Capability.longPassword ? 0 : mariaDb;
    return { ...rest, capabilities: capabilities >>> 0, mariaDbCapabilities, authData };
  });

const responses = fc
  .record({
    user: text(20),
    authResponse: text(40),
    database: fc.option(text(20)),
    authPlugin: fc.option(latin1(20)),
    connectAttributes: fc.option(fc.array(fc.tuple(bytes(300), bytes(10)), { maxLength: 3 })),
    zstdLevel: fc.option(fc.integer({ min: 0, max: 22 })),
    capabilities: u32,
    mariaDb: u32,
    maxPacketBytes: u32,
    charset: fc.integer({ min: 0, max: 255 }),
  })
  .map(({ mariaDb, ...rest }) => {
    let capabilities = rest.capabilities | Capability.protocol41;
    const set = (flag: number, on: boolean) => (capabilities = on ? capabilities | flag : capabilities & ~flag);
    set(Capability.connectWithDb, rest.database !== null);
    set(Capability.pluginAuth, rest.authPlugin !== null);
    set(Capability.connectAttrs, rest.connectAttributes !== null);
    set(Capability.zstdCompression, rest.zstdLevel !== null);
    const mariaDbCapabilities = capabilities & Capability.longPassword ? 0 : mariaDb;
    return { ...rest, capabilities: capabilities >>> 0, mariaDbCapabilities };
  });

function expectCutsToFail(payload: Buffer, decode: (cut: Buffer) => unknown): void {
  for (let end = 0; end < payload.length; end++) {
    expect(() => decode(payload.subarray(0, end))).toThrow(PayloadTooShortError);
  }
}

test('a greeting comes back as it was, and no cut of it is taken for a greeting', () => {
  fc.assert(
    fc.property(greetings, (greeting) => {
      const payload = encodeGreeting(greeting);
      expect(decodeGreeting(payload)).toEqual(greeting);
      expectCutsToFail(payload, decodeGreeting);
    }),
    { numRuns: 60 },
  );
});

test('a greeting as a MariaDB 10.11 server sends it', () => {
  // Written by hand after the documents: the capabilities lack CLIENT_MYSQL, so the extended ones count.
  const payload = Buffer.from(
    '0a352e352e352d31302e31312e31392d4d61726961444200' + // version
      '04000000' +
      '4142434445464748' +
      '00' +
      'fef7' +
      '2d' +
      '0200' +
      'ffc1' +
      '15' +
      '000000000000' +
      '1d000000' +
      '494a4b4c4d4e4f505152535400' +
      '6d7973716c5f6e61746976655f70617373776f726400',
    'hex',
  );
  const greeting = decodeGreeting(payload);
  expect(greeting.serverVersion).toBe('5.5.5-10.11.19-MariaDB');
  expect(greeting.connectionId).toBe(4n);
  expect(greeting.mariaDbCapabilities).toBe(0x1d);
  expect(greeting.capabilities).toBe(0xc1fff7fe);
  expect(greeting.authPlugin).toBe('mysql_native_password');
  expect(scrambleOf(greeting.authData).toString()).toBe('ABCDEFGHIJKLMNOPQRST');
  expect(encodeGreeting(greeting)).toEqual(payload);
});

test('a greeting of another protocol version, and capabilities that disagree, are typed errors', () => {
  expect(() => decodeGreeting(Buffer.from([9, 0x35, 0]))).toThrow(HandshakeFormatError);
  const greeting = {
    serverVersion: '8',
    connectionId: 1n,
    authData: Buffer.alloc(8),
    capabilities: Capability.secureConnection,
    mariaDbCapabilities: 0,
    charset: 45,
    status: 2,
    authPlugin: null,
  };
  expect(() => encodeGreeting(greeting)).toThrow(HandshakeFormatError);
});

test('a handshake response comes back as it was, and no cut of it is taken for one', () => {
  fc.assert(
    fc.property(responses, (response) => {
      const payload = encodeHandshakeResponse(response);
      expect(decodeHandshakeResponse(payload)).toEqual(response);
      expectCutsToFail(payload, decodeHandshakeResponse);
    }),
    { numRuns: 60 },
  );
});

test('an SSL request is told from a handshake response', () => {
  const preamble = {
    capabilities: (Capability.protocol41 | Capability.ssl) >>> 0,
    mariaDbCapabilities: 5,
    maxPacketBytes: 1 << 24,
    charset: 45,
  };
  const payload = encodeSslRequest(preamble);
  expect(isSslRequest(payload)).toBe(true);
  expect(decodeSslRequest(payload)).toEqual(preamble);
  for (let end = 0; end < payload.length; end++) expect(isSslRequest(payload.subarray(0, end))).toBe(false);
  expect(isSslRequest(Buffer.concat([payload, Buffer.from('root\0\0')]))).toBe(false);
});

test('a response of the old protocol, or one that disagrees with its capabilities, is a typed error', () => {
  expect(() => decodeHandshakeResponse(Buffer.alloc(40))).toThrow(HandshakeFormatError);
  const response = {
    capabilities: Capability.protocol41,
    mariaDbCapabilities: 0,
    maxPacketBytes: 0,
    charset: 8,
    user: Buffer.from('u'),
    authResponse: Buffer.alloc(0),
    database: Buffer.from('db'),
    authPlugin: null,
    connectAttributes: null,
    zstdLevel: null,
  };
  expect(() => encodeHandshakeResponse(response)).toThrow(HandshakeFormatError);
});

test('an auth switch request comes back as it was; a cut plugin name is an error', () => {
  fc.assert(
    fc.property(latin1(30), bytes(30), (plugin, authData) => {
      const payload = encodeAuthSwitchRequest({ plugin, authData });
      expect(decodeAuthSwitchRequest(payload)).toEqual({ plugin, authData });
      for (let end = 2; end <= plugin.length; end++) {
        expect(() => decodeAuthSwitchRequest(payload.subarray(0, end))).toThrow(PayloadTooShortError);
      }
    }),
  );
  expect(decodeAuthSwitchRequest(Buffer.of(0xfe)).plugin).toBe('mysql_old_password');
  expect(() => decodeAuthSwitchRequest(Buffer.of(0))).toThrow(HandshakeFormatError);
});
