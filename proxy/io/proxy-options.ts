import type { ReadCache } from '../cache/read-cache';
import type {
  Catalog,
  DistantKeySource,
  KeySource,
  ProxyCounters,
  ServerDefaults,
  SmallestKey,
  TableVersionBoard,
} from '../ports';
import type { IdleLimits } from '../reuse/idle-pool';
import type { DeniedUsers } from '../session/denied-users';
import type { SharedDefaults } from '../session/proxy-services';
import type { BackendAddress } from './backend-connection';
import type { InheritedListener } from './listeners';
import type { RefusalReason } from './refusal';
import type { BackendTlsOptions, ClientTlsOptions } from './tls-channel';

export interface ProxyLog {
  warn(message: string): void;
  error(message: string): void;
}

/** A count that several threads share. */
export interface SharedCount {
  /** One more; false: it would be more than `max`. */
  take(max: number): boolean;
  giveBack(): void;
}

export interface ProxyOptions {
  /** A TCP address; port 0 takes a free one. */
  readonly listen: { readonly host: string; readonly port: number } | null;
  /** Path of a unix socket. */
  readonly socket: string | null;
  /** Sockets that another thread listens on too. */
  readonly inherited?: readonly InheritedListener[];
  readonly backend: BackendAddress;
  readonly catalog: Catalog;
  readonly keys: KeySource | DistantKeySource;
  /** See ProxyServices. */
  readonly smallestKey?: SmallestKey;
  readonly versions: TableVersionBoard;
  /** null or absent: nothing is cached. */
  readonly cache?: ReadCache | null;
  readonly counters: ProxyCounters;
  /** Where several threads relay: what one of them saw changed. */
  readonly sharedDefaults?: SharedDefaults;
  /** Absent: a session is asked now and then, which its client can see. */
  readonly readDefaults?: () => Promise<ServerDefaults>;
  readonly log: ProxyLog;
  /** null or absent: clients are not offered TLS. */
  readonly tls?: ClientTlsOptions | null;
  /** null or absent: none. A unix socket needs none. */
  readonly backendTls?: BackendTlsOptions | null;
  /** The backend is told where each client is, by the PROXY protocol (version 2): it must expect that. */
  readonly proxyProtocol?: boolean;
  /** Networks, such as 10.0.0.0/8, whose connections must begin with a PROXY header (version 1 or 2). */
  readonly proxyProtocolFrom?: readonly string[];
  /** How long a client's connect waits for a backend that is away, and then for its greeting, before it gets an error. */
  readonly backendWaitMs: number;
  /** Connections of clients that have gone, kept for the next ones; null or absent: none are. */
  readonly idle?: IdleLimits | null;
  /** More clients than that at once are refused; null or absent: only the backend's own limit holds. */
  readonly maxConnections?: number | null;
  /** How many clients all threads together have, where several relay. */
  readonly clientCount?: SharedCount;
  /** Asked for each client. */
  readonly deniedUsers?: () => DeniedUsers;
  /** Called for each client that is refused. */
  readonly refused?: (reason: RefusalReason) => void;
}
