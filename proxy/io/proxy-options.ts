import type { ReadCache } from '../cache/read-cache';
import type { Catalog, KeySource, ProxyCounters, TableVersionBoard } from '../ports';
import type { IdleLimits } from '../reuse/idle-pool';
import type { BackendAddress } from './backend-connection';
import type { RefusalReason } from './refusal';

export interface ProxyLog {
  warn(message: string): void;
  error(message: string): void;
}

export interface ProxyOptions {
  /** A TCP address; port 0 takes a free one. */
  readonly listen: { readonly host: string; readonly port: number } | null;
  /** Path of a unix socket. */
  readonly socket: string | null;
  readonly backend: BackendAddress;
  readonly catalog: Catalog;
  readonly keys: KeySource;
  readonly versions: TableVersionBoard;
  /** null or absent: nothing is cached. */
  readonly cache?: ReadCache | null;
  readonly counters: ProxyCounters;
  readonly log: ProxyLog;
  /** How long a client's connect waits for a backend that is away, and then for its greeting, before it gets an error. */
  readonly backendWaitMs: number;
  /** Connections of clients that have gone, kept for the next ones; null or absent: none are. */
  readonly idle?: IdleLimits | null;
  /** More clients than that at once are refused; null or absent: only the backend's own limit holds. */
  readonly maxConnections?: number | null;
  /** Called for each client that is refused. */
  readonly refused?: (reason: RefusalReason) => void;
}
