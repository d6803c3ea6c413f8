/** What the proxy needs from outside. `site` wires these; nothing here knows who answers. */

/** The auto-increment column of a table. */
export interface AutoIncrementColumn {
  readonly name: string;
  /** Position among the columns that an INSERT without a list fills (invisible ones are not), from 0; -1: it is not one. */
  readonly index: number;
  readonly bits: 8 | 16 | 24 | 32 | 64;
  readonly unsigned: boolean;
}

/**
 * What sessions begin with on this server. Read over a connection of the site's own: a question among a client's own
 * commands shows there, in SHOW PROFILES, FOUND_ROWS(), ROW_COUNT(), counters, and an account's MAX_QUERIES_PER_HOUR.
 */
export interface ServerDefaults {
  readonly sqlMode: string;
  /** max_allowed_packet. */
  readonly commandBytesMax: number;
  /** As the server writes it, REPEATABLE-READ. */
  readonly isolation: string;
  /** One character a byte. */
  readonly initConnect: string;
  /** character_set_client of sessions that ask for none that the server knows. */
  readonly charset: string;
  /** Sessions that ask for UTF-8 begin with that one too (skip-character-set-client-handshake). */
  readonly charsetForced: boolean;
  /** Equal as long as all settings are that a reply may depend on. */
  readonly fingerprint: string;
}

/** A table or view by its full name. */
export interface FullName {
  readonly schema: string;
  readonly table: string;
}

/** What the proxy knows of a table or view on its backend. */
export interface TableInfo {
  readonly schema: string;
  readonly table: string;
  readonly kind: 'base' | 'view';
  /** False: not replicated (other schema, or `local` by the rules): its keys are the server's own business. */
  readonly replicated: boolean;
  readonly columns: readonly string[];
  readonly autoIncrement: AutoIncrementColumn | null;
  /** Columns of the primary key in key order; empty without one. */
  readonly primaryKey: readonly string[];
  /** The primary key is there, and made of plain integer columns that nobody computes. */
  readonly integerKey?: boolean;
  /** Why a reply from it depends on more than the writes to it (MERGE, FEDERATED, a sequence, a column that reads the clock). */
  readonly foreignRows?: boolean;
  /** Nothing tells when a write past the proxy shows in it (MyISAM, MEMORY): its replies are not kept. */
  readonly unordered?: boolean;
  /** It has a column of type TIME: where a date is wanted of that, or compared with it, the server takes today's. */
  readonly timesOfDay?: boolean;
  /** A view: it calls stored functions, which may write anywhere. */
  readonly callsStored?: boolean;
  /** Its triggers may set variables of the session that writes to it, or make or drop its temporary tables. */
  readonly changesSession?: boolean;
  /** A view: the tables and views it reads; null or absent: not known, or it depends on more than their rows. */
  readonly reads?: readonly FullName[] | null;
  /** Tables that its triggers and cascades write, those of these aside; null or absent: not known. */
  readonly alsoWrites?: readonly FullName[] | null;
  /** A trigger on INSERT, UPDATE or DELETE, or a foreign key that cascades from here: writes may touch other tables. */
  readonly hasTriggers: boolean;
  /** A BEFORE INSERT trigger that may insert elsewhere: it would take the key meant for the row. */
  readonly hasBeforeInsertTrigger: boolean;
  /** A trigger of Duara's gives the table its keys (see keys/key-trigger.ts): inserts are sent without one. */
  readonly keyedByTrigger?: boolean;
  readonly hasCascades: boolean;
  /** Of a view: the base table's column behind each of `columns`; null for what is computed, or not known. */
  readonly viewColumns?: readonly (ViewColumn | null)[];
}

/** A column of a base table that a view shows. */
export interface ViewColumn {
  readonly schema: string;
  readonly table: string;
  readonly column: string;
}

/** The tables of the backend. Names are compared as the server does (lower_case_table_names is the site's business). */
export interface Catalog {
  /** undefined: not loaded yet, call `load` and ask again; null: there is no such table. */
  find(schema: string, table: string): TableInfo | null | undefined;
  load(schema: string, table: string): Promise<void>;
  /**
   * Whether a procedure leaves definitions, rights and what sessions begin with as they are; undefined: to be asked again
   * behind `loadProcedures`. Absent: of none it is known.
   */
  isQuietProcedure?(schema: string, procedure: string): boolean | undefined;
  loadProcedures?(): Promise<void>;
  /** A view was come across that calls stored functions. */
  readonly viewsWrite?: boolean;
  /** Whether a table of this name would be replicated, were it made now. */
  replicates?(schema: string, table: string): boolean;
  /** After DDL: forget one table, or everything. */
  forget(schema?: string, table?: string): void;
}

/**
 * How many keys an INSERT may use: a count, or unknown (INSERT…SELECT, LOAD DATA). `updates`: its ON DUPLICATE KEY UPDATE
 * assigns the key column, so that the server counts on from the key of each row it updates, if that lies above those it was given.
 * `nested`: it calls stored functions. If one inserts, that takes or wipes the key that waits for the statement's row, so that
 * only a trigger on the table can give its rows theirs. `mixed`: so can it where a query brings keys for some rows and not for
 * others: the server would count on behind one that is larger than those it was given.
 */
export type KeyDemand =
  | { readonly kind: 'rows'; readonly count: number; readonly updates?: boolean; readonly nested?: boolean }
  /** `expected`: as many rows as its query had a moment before. */
  | {
      readonly kind: 'unknown';
      readonly expected?: number;
      readonly updates?: boolean;
      readonly nested?: boolean;
      readonly mixed?: boolean;
    };

export type KeyReservation =
  /** Use `first`, `first + 1`, …; call `settle` with the rows the server reported (0 on error) when the statement ended. */
  | {
      readonly kind: 'keys';
      readonly first: bigint;
      /** How many there are, where nothing but the statement itself keeps it from going on behind them. */
      readonly count?: bigint;
      settle(affectedRows: bigint): void;
    }
  /** No keys at hand; ask again when `ready` resolves (it always does, within the configured wait). */
  | { readonly kind: 'wait'; readonly ready: Promise<void> }
  | TableLocked
  /** There are none: `message` goes to the client as error 1467 (HY000), and says which table and the cure. */
  | { readonly kind: 'refused'; readonly message: string };

/**
 * A key of the table has to be known, and somebody has locked it, perhaps the client itself (LOCK TABLES): it is to be looked for
 * over the client's own session, which waits as its INSERT would. What it finds goes to `largestIs`.
 */
export interface TableLocked {
  readonly kind: 'locked';
  readonly table: TableInfo;
  readonly search: LargestSearch;
}

/** The largest key from `from` to below `end`. The rest is the source's own. */
export interface LargestSearch {
  readonly part: 'slice' | 'bulk' | 'leases';
  readonly from: bigint;
  readonly end: bigint;
  readonly generation: number;
}

/** One statement's want of keys. */
export interface KeyWant {
  readonly table: TableInfo;
  readonly demand: KeyDemand;
}

/**
 * Keys that another thread gives: all that one command wants are asked for at once, and wait here for the command to be
 * judged again. What a session asked for comes after all that was issued before, and only that session gets it.
 */
export interface DistantKeySource {
  /** `asker`: the session. One reservation a want, in order. */
  reserveAll(wants: readonly KeyWant[], asker: object): KeyReservations;
  /** The session's command waits no more, or the session ended: what still waits for it is given back. */
  done(asker: object): void;
  largestIs(table: TableInfo, search: LargestSearch, largest: bigint): void;
  sawExplicitKey(table: TableInfo, key: bigint): void;
}

export type KeyReservations =
  | { readonly kind: 'keys'; readonly runs: readonly Omit<KeyReservation & { kind: 'keys' }, 'kind'>[] }
  | (KeyReservation & { kind: 'refused' })
  | TableLocked
  /** `table`: the one whose keys are waited for. */
  | ((KeyReservation & { kind: 'wait' }) & { readonly table: FullName });

/** Gives keys from this site's own ranges. Never issues one twice, whatever happens. */
export interface KeySource {
  reserve(table: TableInfo, demand: KeyDemand): KeyReservation;
  /** See TableLocked; 0n: there is none. Absent: it never says that a table is locked. */
  largestIs?(table: TableInfo, search: LargestSearch, largest: bigint): void;
  /** An explicit key supplied by a client: counted when it lies outside this site's ranges. */
  sawExplicitKey(table: TableInfo, key: bigint): void;
}

/** Keys of a table: those from `from` to below `end`, and `also`. */
export interface KeySearch {
  readonly from: bigint;
  readonly end: bigint;
  readonly also: readonly bigint[];
}

/**
 * The smallest of these keys that a row of the table has, committed or not; null: none has. 'unseen': it cannot be told, as
 * where somebody has locked the table. `found` is called before the promise resolves, which it always does, soon. `patient`: waits
 * for whoever has, for a second or two.
 */
export type SmallestKey = (
  table: TableInfo,
  among: KeySearch,
  found: (key: bigint | null | 'unseen') => void,
  patient: boolean,
) => Promise<void>;

/**
 * Versions of what cached replies depend on, shared between threads (WIRE.md, Freshness). Names are hashed to slots: two
 * that share one only void each other's cache entries more often. Of each table there are slots for
 *   the table: raised by every write to it; replies that depend on all its rows watch it;
 *   its unknown rows: raised by writes whose rows are not known;
 *   a row, by its primary key: raised by writes of that row. A reply that depends on one row watches these two.
 */
export interface TableVersionBoard {
  /** The table's slot. */
  slot(schema: string, table: string): number;
  /** The slot of the table's unknown rows. */
  unknownRowsSlot(schema: string, table: string): number;
  /** The slot of a row; `key` are its primary key's integers in decimal, in key order. */
  rowSlot(schema: string, table: string, key: readonly string[]): number;
  version(slot: number): number;
  /** True while a write to this slot is in flight, or everything is (capture away, a write of anything under way). */
  busy(slot: number): boolean;
  /** Moves before any version does: where it stands still, so do all versions. */
  moves(): number;
  /** Raises the version and counts a write in flight, until `endWrite`. */
  beginWrite(slot: number): void;
  /** Raises the version and ends one write in flight. */
  endWrite(slot: number): void;
  /** Raises the version of every table at once, and counts a write of anything in flight, until `endAll`. */
  beginAll(): void;
  endAll(): void;
  /** A command that may write anything, or be refused unread, is under way: until `endDoubt` nothing is found or kept. */
  beginDoubt(): void;
  /** `written`: it was carried out; raises the version of every table at once. */
  endDoubt(written: boolean): void;
  /** Between the two. */
  doubtful(): boolean;
  /** Raises the version of every table at once. */
  flushAll(): void;
  /** False while the binary log reader is behind or away: nothing may be cached. */
  captureHealthy(): boolean;
  /** How often rights or global settings changed: sessions that begin at different counts may differ. */
  settingsGeneration(): number;
  /** A command that may change them is under way: until `endSettings` their count is NaN, which equals no other. */
  beginSettings(): void;
  /** As `settingsChanged`. */
  endSettings(): void;
  /** Rights or global settings changed; also flushes. */
  settingsChanged(): void;
}

/** Counters of the proxy; `site` exports them as the metrics of the contract. */
export interface ProxyCounters {
  connections: number;
  queries(kind: string, seconds: number): void;
  unclassified: number;
  cacheHits: number;
  cacheMisses: number;
  cacheInvalidations: number;
  /** A SELECT was not looked up, or its reply not kept; the reasons are few, and their names are labels of the metric. */
  cacheBypassed(reason: BypassReason): void;
}

/** Why a SELECT went to the server without its reply being kept. */
export type BypassReason =
  // The session.
  | 'opted_out'
  | 'capture_away'
  | 'session_unknown'
  | 'autocommit_off'
  | 'isolation'
  | 'own_writes'
  | 'own_tables'
  | 'pipelined'
  | 'prepared'
  // The text.
  | 'not_plain'
  | 'several_statements'
  | 'no_table'
  | 'function'
  | 'variable'
  | 'keyword'
  // Its tables.
  | 'system_schema'
  | 'table_unknown'
  | 'table_kind'
  | 'view'
  // The reply, which was not kept.
  | 'write_in_flight'
  | 'written_meanwhile'
  | 'too_large'
  | 'once_only'
  | 'reply_kind';
