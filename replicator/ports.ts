import type { Hlc, Incarnation } from './change-set';

/** What the replicator needs from outside; `site` wires these. */

/** Rows by their primary keys: the integers in decimal, in key order. null: which rows is not known. */
export type WrittenRows = readonly (readonly string[])[] | null;

/** The shared board of table versions (the proxy's cache), as far as the replicator touches it. */
export interface WriteBoard {
  beginWrite(schema: string, table: string, rows: WrittenRows): void;
  /** With the same rows as in `beginWrite`. */
  endWrite(schema: string, table: string, rows: WrittenRows): void;
  flushAll(): void;
  /** Rights or global settings changed, as far as the log tells. */
  settingsChanged(): void;
  /** False while capture is behind or away. */
  setCaptureHealthy(healthy: boolean): void;
}

/** The shared marks of the proxy's key lanes and the site's clock. */
export interface KeyBoard {
  /** A key of `table` was seen applied: the next key issued here lies above it. Called before the apply commits. */
  raiseFloor(schema: string, table: string, key: bigint): void;
  /** The hybrid clock stands at least here. */
  raiseClock(hlc: Hlc): void;
  /** A local row carries a generated key that is not from this site's ranges: an insert that bypassed the proxy. */
  sawForeignKey(schema: string, table: string, key: bigint): void;
}

/** Which tables and columns travel, and how their concurrent changes merge. From the profile and `replicate.rules`. */
export interface ReplicationRules {
  /** Schemas whose tables replicate. `duara` and the server's own never do. */
  readonly schemas: readonly string[];
  isLocalTable(schema: string, table: string): boolean;
  isLocalColumn(schema: string, table: string, column: string): boolean;
  /** How concurrent changes of a column merge; 'later' is M2's default. */
  columnMerge(schema: string, table: string, column: string): 'later' | 'sum' | 'max' | 'min';
  /** Columns that win or lose together with this one (M1's groups), itself included; alone by default. */
  columnGroup(schema: string, table: string, column: string): readonly string[];
}

/** Something an operator should know. */
export interface Alarm {
  readonly code: string;
  readonly message: string;
}

/** How far capture stands: what acknowledgements and waits are made of. */
export interface CapturePosition {
  readonly gtid: string;
  readonly localSeq: bigint;
  readonly hlc: Hlc;
  readonly applied: ReadonlyMap<Incarnation, bigint>;
}

/** Structured log lines, pino's shape: fields, then words. */
export interface Logger {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}
