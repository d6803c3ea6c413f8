import { Capability } from './constants';
import { PayloadReader } from './payload-reader';
import { PayloadWriter } from './payload-writer';

/** Thrown for a packet of the connection phase that is not what the protocol allows in this place. */
export class HandshakeFormatError extends Error {
  readonly code = 'DUARA_HANDSHAKE_FORMAT';
}

/** The server's first packet (MySQL: "Protocol::HandshakeV10"; MariaDB: "Initial Handshake Packet"). */
export interface Greeting {
  readonly serverVersion: string;
  readonly connectionId: bigint;
  /** 8 bytes, or 21 and more with secureConnection: the scramble and a closing zero. See `scrambleOf`. */
  readonly authData: Buffer;
  readonly capabilities: number;
  /** 0 from a MySQL server, and from MariaDB when it has longPassword (CLIENT_MYSQL) set. */
  readonly mariaDbCapabilities: number;
  readonly charset: number;
  readonly status: number;
  /** null without pluginAuth. */
  readonly authPlugin: string | null;
}

const protocolVersion = 10;
const firstPartBytes = 8;
const secondPartBytesMin = 13;

export function decodeGreeting(payload: Uint8Array): Greeting {
  const reader = new PayloadReader(payload);
  const version = reader.uint8();
  if (version !== protocolVersion) throw new HandshakeFormatError(`greeting of protocol version ${version}, not 10`);
  const serverVersion = reader.nulTerminated().toString('latin1');
  const connectionId = BigInt(reader.uint32());
  const firstPart = reader.take(firstPartBytes);
  reader.skip(1);
  const lower = reader.uint16();
  const charset = reader.uint8();
  const status = reader.uint16();
  const capabilities = (lower | (reader.uint16() << 16)) >>> 0;
  const authDataBytes = reader.uint8();
  reader.skip(6);
  const extended = reader.uint32();
  let authData = firstPart;
  if (capabilities & Capability.secureConnection) {
    const secondPart = reader.take(Math.max(secondPartBytesMin, authDataBytes - firstPartBytes));
    authData = Buffer.concat([firstPart, secondPart]);
  }
  const authPlugin = capabilities & Capability.pluginAuth ? reader.nulTerminated().toString('latin1') : null;
  const mariaDbCapabilities = capabilities & Capability.longPassword ? 0 : extended;
  return { serverVersion, connectionId, authData, capabilities, mariaDbCapabilities, charset, status, authPlugin };
}

/** `capabilities` must agree with the parts given: secureConnection with a long authData, pluginAuth with authPlugin. */
export function encodeGreeting(greeting: Greeting): Buffer {
  const { authData, capabilities } = greeting;
  const secure = (capabilities & Capability.secureConnection) !== 0;
  const plugin = (capabilities & Capability.pluginAuth) !== 0;
  const lengthFits = secure
    ? authData.length >= firstPartBytes + secondPartBytesMin
    : authData.length === firstPartBytes;
  if (!lengthFits || authData.length > 255) {
    throw new HandshakeFormatError(`auth data of ${authData.length} bytes does not suit the capabilities`);
  }
  if (plugin !== (greeting.authPlugin !== null)) {
    throw new HandshakeFormatError('auth plugin and capability pluginAuth disagree');
  }
  const writer = new PayloadWriter(128)
    .uint8(protocolVersion)
    .nulString(Buffer.from(greeting.serverVersion, 'latin1'))
    .uint32(Number(greeting.connectionId))
    .raw(authData.subarray(0, firstPartBytes))
    .uint8(0)
    .uint16(capabilities & 0xffff)
    .uint8(greeting.charset)
    .uint16(greeting.status)
    .uint16(capabilities >>> 16)
    .uint8(plugin ? authData.length : 0)
    .zeros(6)
    .uint32(capabilities & Capability.longPassword ? 0 : greeting.mariaDbCapabilities)
    .raw(authData.subarray(firstPartBytes));
  if (greeting.authPlugin !== null) writer.nulString(Buffer.from(greeting.authPlugin, 'latin1'));
  return writer.finish();
}

/** The scramble itself: auth data without the zero that closes it. */
export function scrambleOf(authData: Buffer): Buffer {
  return authData[authData.length - 1] === 0 ? authData.subarray(0, -1) : authData;
}

/** First byte of a packet that the server sends during authentication. */
export const AuthPacket = { ok: 0x00, moreData: 0x01, nextFactor: 0x02, switch: 0xfe, error: 0xff } as const;

/** The server wants another authentication plugin (MySQL: "Protocol::AuthSwitchRequest"). */
export interface AuthSwitchRequest {
  readonly plugin: string;
  /** What the plugin is given; for the scrambling ones a scramble and a closing zero. */
  readonly authData: Buffer;
}

export function decodeAuthSwitchRequest(payload: Uint8Array): AuthSwitchRequest {
  const reader = new PayloadReader(payload);
  if (reader.uint8() !== AuthPacket.switch) throw new HandshakeFormatError('not an authentication switch request');
  // A lone 0xFE is the old form: "use the password hash of before 4.1".
  if (reader.remaining === 0) return { plugin: 'mysql_old_password', authData: Buffer.alloc(0) };
  return { plugin: reader.nulTerminated().toString('latin1'), authData: reader.rest() };
}

export function encodeAuthSwitchRequest(request: AuthSwitchRequest): Buffer {
  return new PayloadWriter()
    .uint8(AuthPacket.switch)
    .nulString(Buffer.from(request.plugin, 'latin1'))
    .raw(request.authData)
    .finish();
}
