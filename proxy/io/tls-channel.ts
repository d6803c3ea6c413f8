import { X509Certificate } from 'node:crypto';
import { createSecureContext, connect, type SecureContext, TLSSocket } from 'node:tls';
import { isIP } from 'node:net';
import { SocketChannel } from './socket-channel';

/** TLS of the clients, ended at the proxy. Files' contents, as PEM. */
export interface ClientTlsOptions {
  readonly cert: Buffer;
  readonly key: Buffer;
  /** What the certificates of clients that send one must be signed by; null: none is asked for. */
  readonly ca: Buffer | null;
  /** Clients on TCP are refused without it. */
  readonly required: boolean;
}

/** TLS to the backend. */
export interface BackendTlsOptions {
  /** PEM of what its certificate must be signed by; null: what Node trusts. */
  readonly ca: Buffer | null;
  /** `full`: the name in the certificate counts too. `none`: nobody who listens can read, but anyone may pose as it. */
  readonly verify: 'full' | 'ca' | 'none';
}

/** What connections of clients that begin from here on use. */
export class ClientTls {
  private readonly context: SecureContext;
  readonly required: boolean;
  private readonly authorities: readonly X509Certificate[];

  /** Throws the system's error when certificate and key do not fit. */
  constructor({ cert, key, ca, required }: ClientTlsOptions) {
    this.context = createSecureContext({ cert, key, ...(ca === null ? {} : { ca }), minVersion: 'TLSv1.2' });
    this.authorities = (ca?.toString('latin1').match(pemCertificate) ?? []).map((pem) => new X509Certificate(pem));
    this.required = required;
  }

  /** `rest`: bytes of TLS that were read already. A failure is an `error` of the channel that comes back. */
  begin(channel: SocketChannel, rest: Buffer): SocketChannel {
    const socket = channel.release();
    if (rest.length > 0) socket.unshift(rest);
    const secured = new TLSSocket(socket, {
      isServer: true,
      secureContext: this.context,
      requestCert: this.authorities.length > 0,
      // As the server does: none is needed, but a wrong one is refused.
      rejectUnauthorized: false,
    });
    if (this.authorities.length > 0) secured.once('secure', () => refuseUntrusted(secured, this.authorities));
    socket.on('error', (error: Error) => secured.destroy(error));
    return new SocketChannel(secured);
  }
}

const pemCertificate = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/** Node says of a bare TLSSocket only what was sent, not whether it is trusted. */
function refuseUntrusted(socket: TLSSocket, authorities: readonly X509Certificate[]): void {
  const sent = socket.getPeerX509Certificate();
  if (sent === undefined) return;
  const nowMs = Date.now();
  const signed = authorities.some((authority) => sent.checkIssued(authority) && sent.verify(authority.publicKey));
  const current = Date.parse(sent.validFrom) <= nowMs && nowMs <= Date.parse(sent.validTo);
  if (!signed || !current) socket.destroy(new Error('the certificate of the client is not trusted'));
}

/** What is written to the channel goes out when TLS stands. A failure is an `error` of the channel that comes back. */
export function beginBackendTls(channel: SocketChannel, options: BackendTlsOptions, host: string): SocketChannel {
  const socket = channel.release();
  const secured = connect({
    socket,
    ...(options.ca === null ? {} : { ca: options.ca }),
    ...(isIP(host) === 0 ? { servername: host } : { host }),
    rejectUnauthorized: options.verify !== 'none',
    ...(options.verify === 'full' ? {} : { checkServerIdentity: () => undefined }),
  });
  // Not before the certificate was looked at.
  secured.cork();
  secured.once('secureConnect', () => secured.uncork());
  socket.on('error', (error: Error) => secured.destroy(error));
  return new SocketChannel(secured, socket);
}
