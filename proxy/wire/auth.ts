import { constants, createHash, createPublicKey, publicEncrypt, type KeyObject } from 'node:crypto';
import { AuthPacket, decodeAuthSwitchRequest, scrambleOf } from './handshake';

/** Thrown when this client cannot answer what the server asks; the message says what it asked for. */
export class AuthenticationError extends Error {
  readonly code = 'DUARA_AUTHENTICATION';
}

/** The client's side of an authentication in progress. */
export interface Authentication {
  readonly plugin: string;
  readonly scramble: Buffer;
  readonly password: string;
  /** TLS or a unix socket: a password may be sent in clear text. */
  readonly secureTransport: boolean;
}

export type AuthenticationStep =
  | { readonly kind: 'send'; readonly payload: Buffer; readonly next: Authentication }
  /** Nothing to send: the server's next packet follows. */
  | { readonly kind: 'wait'; readonly next: Authentication }
  | { readonly kind: 'accepted' }
  /** The server refuses; `payload` is its error packet. */
  | { readonly kind: 'refused'; readonly payload: Buffer };

const fastAuthSuccess = 0x03;
const fullAuthentication = 0x04;
const requestPublicKey = 0x02;

/** The plugin's first answer, sent in the HandshakeResponse or after an AuthSwitchRequest. */
export function firstAnswer({ plugin, scramble, password, secureTransport }: Authentication): Buffer {
  switch (plugin) {
    case 'mysql_native_password':
      return nativePasswordAnswer(password, scramble);
    case 'caching_sha2_password':
      return cachingSha2Answer(password, scramble);
    case 'mysql_clear_password':
      if (secureTransport) return Buffer.from(`${password}\0`);
      throw new AuthenticationError('the server wants a clear-text password over a transport that is not secure');
    default:
      throw new AuthenticationError(`the server wants authentication plugin ${plugin}, which is not supported here`);
  }
}

/** What to do with one packet of the server after the HandshakeResponse. */
export function stepAuthentication(state: Authentication, payload: Buffer): AuthenticationStep {
  switch (payload[0]) {
    case AuthPacket.ok:
      return { kind: 'accepted' };
    case AuthPacket.error:
      return { kind: 'refused', payload };
    case AuthPacket.switch: {
      const request = decodeAuthSwitchRequest(payload);
      const next = { ...state, plugin: request.plugin, scramble: scrambleOf(request.authData) };
      return { kind: 'send', payload: firstAnswer(next), next };
    }
    case AuthPacket.moreData:
      return onMoreData(state, payload.subarray(1));
    default:
      throw new AuthenticationError(`packet ${payload[0]} is not understood during authentication`);
  }
}

function onMoreData(state: Authentication, data: Buffer): AuthenticationStep {
  if (state.plugin !== 'caching_sha2_password') {
    throw new AuthenticationError(`plugin ${state.plugin} asks for more, which is not supported here`);
  }
  if (data.length === 1 && data[0] === fastAuthSuccess) return { kind: 'wait', next: state };
  if (data.length === 1 && data[0] === fullAuthentication) {
    const payload = state.secureTransport ? Buffer.from(`${state.password}\0`) : Buffer.of(requestPublicKey);
    return { kind: 'send', payload, next: state };
  }
  return { kind: 'send', payload: rsaAnswer(state.password, state.scramble, data), next: state };
}

function digest(algorithm: 'sha1' | 'sha256', ...parts: readonly Uint8Array[]): Buffer {
  const hash = createHash(algorithm);
  for (const part of parts) hash.update(part);
  return hash.digest();
}

function xor(bytes: Buffer, key: Buffer): Buffer {
  return Buffer.from(bytes.map((byte, at) => byte ^ (key[at % key.length] ?? 0)));
}

/** SHA1(password) XOR SHA1(scramble + SHA1(SHA1(password))); empty for an empty password. */
export function nativePasswordAnswer(password: string, scramble: Buffer): Buffer {
  if (password === '') return Buffer.alloc(0);
  const once = digest('sha1', Buffer.from(password));
  return xor(once, digest('sha1', scramble, digest('sha1', once)));
}

/** SHA256(password) XOR SHA256(SHA256(SHA256(password)) + scramble); empty for an empty password. */
export function cachingSha2Answer(password: string, scramble: Buffer): Buffer {
  if (password === '') return Buffer.alloc(0);
  const once = digest('sha256', Buffer.from(password));
  return xor(once, digest('sha256', digest('sha256', once), scramble));
}

/** The password under the server's RSA key (PEM), for full authentication over a transport that is not secure. */
function rsaAnswer(password: string, scramble: Buffer, publicKey: Buffer): Buffer {
  let key: KeyObject;
  try {
    key = createPublicKey(publicKey);
  } catch {
    throw new AuthenticationError('the server sent no RSA public key where one was due');
  }
  const scrambled = xor(Buffer.from(`${password}\0`), scramble);
  return publicEncrypt({ key, padding: constants.RSA_PKCS1_OAEP_PADDING }, scrambled);
}
