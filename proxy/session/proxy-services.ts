import type { Catalog, KeySource, ProxyCounters, TableVersionBoard } from '../ports';
import type { Flights } from '../cache/flights';
import type { ReadCache } from '../cache/read-cache';
import type { StatementCache } from '../sql/statement-cache';
import type { Isolation } from './session-fingerprint';

/** What all sessions of one proxy share. */
export interface ProxyServices {
  readonly catalog: Catalog;
  readonly keys: KeySource;
  readonly versions: TableVersionBoard;
  readonly counters: ProxyCounters;
  readonly statements: StatementCache;
  /** null: nothing is cached. */
  readonly cache: ReadCache | null;
  /** Questions of sessions of this thread that others may wait for. */
  readonly flights: Flights;
  /** sql_mode of new sessions on this backend; null until one was asked, or after a SET GLOBAL. */
  defaultSqlMode: string | null;
  /** When it was asked, by the sessions' clock. */
  defaultsAskedMs: number;
  /** Isolation level of new sessions, asked together with it. */
  defaultIsolation: Isolation;
  /** max_allowed_packet of new sessions, asked together with it. */
  commandBytesMax: number;
}
