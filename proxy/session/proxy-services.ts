import type { Catalog, KeySource, ProxyCounters, TableVersionBoard } from '../ports';
import type { ReadCache } from '../cache/read-cache';
import type { StatementCache } from '../sql/statement-cache';

/** What all sessions of one proxy share. */
export interface ProxyServices {
  readonly catalog: Catalog;
  readonly keys: KeySource;
  readonly versions: TableVersionBoard;
  readonly counters: ProxyCounters;
  readonly statements: StatementCache;
  /** null: nothing is cached. */
  readonly cache: ReadCache | null;
  /** How many statements were seen that change what later sessions begin with: SET GLOBAL, GRANT, CREATE USER, … */
  globalsSet: number;
  /** sql_mode of new sessions on this backend; null until one was asked, or after a SET GLOBAL. */
  defaultSqlMode: string | null;
  /** See StepsInFlight. */
  stepsInFlight: number;
  /** max_allowed_packet of new sessions, asked together with it. */
  commandBytesMax: number;
}
