/** What lies between two ends: `local` is a unix socket, `loopback` TCP that does not leave the machine. */
export type Link = 'plain' | 'loopback' | 'local' | 'tls';

/** An RSA key of the proxy's own, for clients that encrypt their password because their link is not secure. */
export interface PasswordKey {
  /** The public key as PEM; null until `ready` has resolved. */
  readonly publicKey: Buffer | null;
  ready(): Promise<void>;
  /** null: it was not encrypted with this key. */
  decrypt(encrypted: Buffer): Buffer | null;
}

/** How the two sides of a session are connected, and what ends at the proxy. */
export interface SessionLinks {
  /** Before the client asked for TLS. */
  readonly client: Link;
  /** With backendTls, once that is spoken. */
  readonly backend: Link;
  readonly clientTls: 'off' | 'offered' | 'required';
  /** Ask the backend for TLS. */
  readonly backendTls: boolean;
  /** CLIENT_ZSTD_COMPRESSION_ALGORITHM can be ended here. */
  readonly zstd: boolean;
  /** null: clients on links that are not secure cannot be asked for a password that the backend wants in clear. */
  readonly passwordKey: PasswordKey | null;
}

/** How a client wants its packets compressed after the authentication. */
export type Compression = { readonly kind: 'zlib' } | { readonly kind: 'zstd'; readonly level: number };

/** A change of what lies below the plain packets of one side. */
export type Upgrade =
  /** The client begins TLS; `rest`: bytes of it that came already. */
  | { readonly kind: 'clientTls'; readonly rest: Buffer }
  /** The backend expects TLS. What is sent to it from here on goes out when it stands. */
  | { readonly kind: 'backendTls' }
  /** Everything after what was sent to the client is compressed; `rest`: bytes that came after what it sent plain. */
  | { readonly kind: 'compression'; readonly compression: Compression; readonly rest: Buffer };
