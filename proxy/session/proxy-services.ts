import { type BeginningCharset, beginsInUtf8 } from '../sql/client-charset';
import type { Catalog, DistantKeySource, KeySource, ProxyCounters, SmallestKey, TableVersionBoard } from '../ports';
import type { Flights } from '../cache/flights';
import type { ReadCache } from '../cache/read-cache';
import type { StatementCache } from '../sql/statement-cache';
import type { KnownInserts } from './known-inserts';
import type { AnsweredSettings } from './answered-settings';
import type { Isolation } from './session-fingerprint';
import type { ShownIds } from './shown-ids';

/** What all sessions of one proxy share. */
export interface ProxyServices {
  readonly catalog: Catalog;
  readonly keys: KeySource | DistantKeySource;
  readonly versions: TableVersionBoard;
  readonly counters: ProxyCounters;
  readonly statements: StatementCache;
  readonly inserts: KnownInserts;
  readonly settings: AnsweredSettings;
  /** null: nothing is cached. */
  readonly cache: ReadCache | null;
  /** Questions of sessions of this thread that others may wait for. */
  readonly flights: Flights;
  /** sql_mode of new sessions on this backend; null until one was asked, or after a SET GLOBAL. Read it by `knownSqlMode`. */
  defaultSqlMode: string | null;
  /** When it was asked, by the sessions' clock. */
  defaultsAskedMs: number;
  /** Isolation level of new sessions, asked together with it. */
  defaultIsolation: Isolation;
  /** Their character set, read together with it. */
  begins: BeginningCharset;
  /** max_allowed_packet of new sessions, asked together with it. */
  commandBytesMax: number;
  /** Where other threads relay too: what one of them saw changed. */
  readonly sharedDefaults?: SharedDefaults;
  /** Its count when they were asked. */
  defaultsGeneration?: number;
  /** Reads them over a connection of the site's own; absent: a session asks on its own. */
  readonly defaultsReader?: DefaultsReader;
  /** Absent: where a reply does not tell which row was new first, nobody does. */
  readonly smallestKey?: SmallestKey;
  /** Absent: every client was shown the greeting of its own connection. */
  readonly shownIds?: ShownIds;
  /** How often `doubtDefaults` was called. */
  defaultsDoubted: number;
  /** ServerDefaults.fingerprint, when it was read last; `cause`: what we knew of changes then. */
  defaultsFingerprint?: { readonly value: string; readonly cause: string };
  /**
   * How often that was read, and the readings since which it was found to be another: sessions of then may begin with either.
   */
  readings: number;
  readonly mixedReadings: Set<number>;
  /** Moves on now and then, as the seconds do: a clock that costs nothing to look at. */
  tick: number;
}

export interface DefaultsReader {
  /** Resolves when `knownSqlMode` tells, or will not be told so: then each session asks for itself. `nowMs`: the sessions' clock. */
  load(nowMs: number): Promise<void>;
}

/** A server may be restarted with other settings, or be told of them by others, without our seeing it. */
const DEFAULTS_FRESH_MS = 10_000;

/** A count that all threads see; TableVersions has one. */
export interface SharedDefaults {
  defaultsGeneration(): number;
  defaultsChanged(): void;
}

type Defaults = Pick<ProxyServices, 'defaultSqlMode' | 'sharedDefaults' | 'defaultsGeneration' | 'defaultsDoubted'>;

/** sql_mode of new sessions; null: to be asked. */
export function knownSqlMode({ defaultSqlMode, defaultsGeneration, sharedDefaults }: Defaults): string | null {
  return sharedDefaults !== undefined && sharedDefaults.defaultsGeneration() !== defaultsGeneration
    ? null
    : defaultSqlMode;
}

/** The same for a session that begins now. */
export function freshSqlMode(services: ProxyServices, nowMs: number): string | null {
  return nowMs - services.defaultsAskedMs < DEFAULTS_FRESH_MS ? knownSqlMode(services) : null;
}

/** They may be others now: the next session asks. */
export function doubtDefaults(services: Defaults): void {
  services.defaultSqlMode = null;
  services.defaultsDoubted += 1;
}

/** A session has changed what new ones begin with: every thread asks again. */
export function forgetDefaults(services: Defaults): void {
  doubtDefaults(services);
  services.sharedDefaults?.defaultsChanged();
}

/** Before the server was asked anything. `commandBytesMax`: see ProxyServices. */
export function unasked(
  commandBytesMax: number,
): Pick<
  ProxyServices,
  | 'defaultSqlMode'
  | 'defaultsAskedMs'
  | 'defaultIsolation'
  | 'begins'
  | 'defaultsDoubted'
  | 'commandBytesMax'
  | 'readings'
  | 'mixedReadings'
  | 'tick'
> {
  return {
    defaultSqlMode: null,
    defaultsAskedMs: 0,
    defaultIsolation: 'unknown',
    begins: beginsInUtf8,
    defaultsDoubted: 0,
    commandBytesMax,
    readings: 0,
    mixedReadings: new Set(),
    tick: 0,
  };
}
