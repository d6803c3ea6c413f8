import { constants, createPublicKey, publicEncrypt } from 'node:crypto';
import { authenticationRefused } from '../errors';
import { AuthPacket, decodeAuthSwitchRequest, scrambleOf } from '../wire/handshake';
import { PayloadReader } from '../wire/payload-reader';
import type { ErrorPacket } from '../wire/response';
import type { Link, PasswordKey } from './links';

/** What becomes of one packet of an authentication. */
export type AuthStep =
  | { readonly kind: 'relay' }
  /** Goes on with this payload instead. */
  | { readonly kind: 'replace'; readonly payload: Buffer }
  /** Does not go on; this payload goes back to where the packet came from. */
  | { readonly kind: 'answer'; readonly payload: Buffer }
  /** Ask again with the same packet when `ready` resolves. */
  | { readonly kind: 'wait'; readonly ready: Promise<void> }
  | { readonly kind: 'refuse'; readonly error: ErrorPacket };

export interface AuthLinks {
  readonly client: Link;
  readonly backend: Link;
  readonly passwordKey: PasswordKey | null;
}

const relay: AuthStep = { kind: 'relay' };
/** caching_sha2_password: "perform full authentication", and the client's "send me the public key". */
const FULL_AUTHENTICATION = 0x04;
const requestKey: Readonly<Record<string, number>> = { caching_sha2_password: 0x02, sha256_password: 0x01 };
/** Plugins that send the password as it is, whatever the link. */
const clearText: ReadonlySet<string> = new Set(['mysql_clear_password', 'dialog']);

/** Why a client on TLS must not use the plugin, where what it says goes on to the server in clear; null: it may. */
export function clearTextRefusal(plugin: string): ErrorPacket | null {
  if (!clearText.has(plugin)) return null;
  return authenticationRefused(`${plugin} would send the password in clear to the database server`);
}

/**
 * Steps in where a password would cross two links of which only one is secure: on a secure link clients send it in clear,
 * on others under the server's RSA key (MySQL: "Caching SHA-2 Pluggable Authentication"). Everything else is relayed: the
 * scramble that the client answers is the server's own.
 */
export class AuthenticationRelay {
  /** What the client's next packet is. */
  private expecting: 'answer' | 'password' | 'encrypted' = 'answer';
  /** The client's password, zero-terminated, on its way under the backend's key. */
  private password: Buffer | null = null;

  constructor(
    private readonly links: AuthLinks,
    private plugin: string,
    private scramble: Buffer,
  ) {
    if (plugin === 'sha256_password') this.expecting = 'password';
  }

  /** Whether the client may use this plugin first; null when it may. */
  refusal(): ErrorPacket | null {
    const { client, backend } = this.links;
    return client === 'tls' && backend === 'plain' ? clearTextRefusal(this.plugin) : null;
  }

  fromBackend(payload: Buffer): AuthStep {
    switch (payload[0]) {
      case AuthPacket.switch: {
        // Cut short, or the old form without a name: the client knows, or does not.
        if (payload.indexOf(0) < 0) return this.switched('', Buffer.alloc(0));
        const { plugin, authData } = decodeAuthSwitchRequest(payload);
        return this.switched(plugin, authData);
      }
      case AuthPacket.moreData:
        if (this.password !== null) return this.encryptForBackend(this.password, payload.subarray(1));
        if (this.plugin === 'caching_sha2_password' && payload.length === 2 && payload[1] === FULL_AUTHENTICATION) {
          this.expecting = 'password';
        }
        return relay;
      case AuthPacket.nextFactor: {
        // MySQL: "AuthNextFactor Request". In MariaDB a plugin's own data may begin like this.
        const end = payload.indexOf(0, 1);
        if (this.plugin === 'dialog' || end < 0) return relay;
        const reader = new PayloadReader(payload, 1);
        return this.switched(reader.nulTerminated().toString('latin1'), reader.rest());
      }
      default:
        return relay;
    }
  }

  fromClient(payload: Buffer): AuthStep {
    const request = requestKey[this.plugin];
    if (request === undefined || this.expecting === 'answer') return relay;
    const secure = { client: this.isSecure(this.links.client), backend: this.isSecure(this.links.backend) };
    if (secure.client === secure.backend) return relay;
    if (secure.client) {
      // Empty: nothing to hide.
      if (payload.length <= 1) return relay;
      this.password = Buffer.from(payload);
      this.expecting = 'answer';
      return { kind: 'replace', payload: Buffer.of(request) };
    }
    return this.fromInsecureClient(payload, request);
  }

  /** sha256_password takes a unix socket for not secure. */
  private isSecure(link: Link): boolean {
    return link === 'tls' || (link === 'local' && this.plugin === 'caching_sha2_password');
  }

  private switched(plugin: string, authData: Buffer): AuthStep {
    this.plugin = plugin;
    this.scramble = scrambleOf(Buffer.from(authData));
    this.expecting = plugin === 'sha256_password' ? 'password' : 'answer';
    const error = this.refusal();
    return error === null ? relay : { kind: 'refuse', error };
  }

  private encryptForBackend(password: Buffer, publicKey: Buffer): AuthStep {
    this.password = null;
    try {
      const key = createPublicKey(publicKey);
      const padding = constants.RSA_PKCS1_OAEP_PADDING;
      return { kind: 'answer', payload: publicEncrypt({ key, padding }, masked(password, this.scramble)) };
    } catch {
      return { kind: 'refuse', error: authenticationRefused('the database server sent no RSA public key') };
    }
  }

  private fromInsecureClient(payload: Buffer, request: number): AuthStep {
    const key = this.links.passwordKey;
    if (key === null) return relay;
    if (this.expecting === 'password' && payload.length === 1 && payload[0] === request) {
      if (key.publicKey === null) return { kind: 'wait', ready: key.ready() };
      this.expecting = 'encrypted';
      return { kind: 'answer', payload: Buffer.concat([Buffer.of(AuthPacket.moreData), key.publicKey]) };
    }
    if (payload.length <= 1) return relay;
    const decrypted = key.decrypt(payload);
    // A client that has the server's key in a file does not ask for ours.
    if (decrypted === null) {
      const reason =
        "the password is encrypted with another key than the proxy's; let the client ask for the key, or use TLS";
      return { kind: 'refuse', error: authenticationRefused(reason) };
    }
    this.expecting = 'answer';
    return { kind: 'replace', payload: masked(decrypted, this.scramble) };
  }
}

/** XOR with the scramble, again and again: the same to mask and to unmask. */
function masked(password: Buffer, scramble: Buffer): Buffer {
  return Buffer.from(password.map((byte, at) => byte ^ (scramble[at % scramble.length] ?? 0)));
}
