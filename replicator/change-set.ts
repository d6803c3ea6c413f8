/** What travels: the row changes of one committed local transaction (SEMANTICS.md, Words). */

/**
 * The number an incarnation was granted, 1 to 4095: its scope. A scope is never granted twice, so it names the
 * incarnation too; a site that lost its memory gets a new one.
 */
export type Incarnation = number & { readonly __incarnation: true };

/** Hybrid logical clock: milliseconds since 1970 in the upper 48 bits, a counter in the lower 16. */
export type Hlc = bigint & { readonly __hlc: true };

/** For each incarnation, the last seq applied. An absent one means 0: nothing yet. Seqs count from 1 without gaps. */
export type VersionVector = ReadonlyMap<Incarnation, bigint>;

/** A column as the binary log's table map describes it (binlog_row_metadata=FULL). */
export interface ColumnDef {
  readonly name: string;
  /** Column type code of the table map (MYSQL_TYPE_…), with the real type of ENUM, SET and CHAR taken out of the metadata. */
  readonly type: number;
  /** The table map's metadata for this column, as one number (0 when the type has none). */
  readonly meta: number;
  readonly nullable: boolean;
  readonly unsigned: boolean;
  /** Collation id of a character column; 63 is binary; null for other types. */
  readonly collation: number | null;
  /** Members of an ENUM or SET column, in the server's utf8mb4; null for other types. */
  readonly members: readonly string[] | null;
  /**
   * A generated column, or one that a generated column is computed from. All of a table's win or lose together: the server
   * does not compute again what is applied, and a value beside others than those it came from corrupts its index.
   */
  readonly computed?: true;
}

export interface TableDef {
  readonly schema: string;
  readonly table: string;
  readonly columns: readonly ColumnDef[];
  /** Indexes into `columns`, in key order; empty without a primary key. */
  readonly primaryKey: readonly number[];
}

/**
 * A value exactly as it stands in the binary log's row image (the bytes of the column, length prefix included), or null
 * for SQL NULL. Two values of a column are the same exactly if their bytes are.
 */
export type ColumnBytes = Uint8Array | null;

/** One value per column of the table; `undefined` where the image does not carry the column. */
export type RowImage = readonly (ColumnBytes | undefined)[];

/**
 * Identity of a row, equal at all sites: schema, table and the primary key's values in the server's own equality
 * (numbers as bytes, text as its WEIGHT_STRING), made by the origin. See `rowKey` in merge/row-key.ts.
 */
export type RowKey = string & { readonly __rowKey: true };

/** A value held by a unique index, equal at all sites: schema, table, index and values in the server's own equality. */
export type UniqueKey = string & { readonly __uniqueKey: true };

/** The value a row holds in one unique index before and after the change; null where a part is NULL or there is no row. */
export interface UniqueChange {
  readonly index: string;
  /** Indexes into the table's columns. */
  readonly columns: readonly number[];
  readonly before: UniqueKey | null;
  readonly after: UniqueKey | null;
}

/**
 * The net change of one row within a change set (one row, one change: insert+update is an insert, delete+insert an
 * update, insert+delete nothing). A changed primary key is a delete and an insert.
 * - insert: `before` empty, `after` full
 * - update: `before` and `after` carry the primary key, the changed columns and all columns of the listed unique indexes
 * - delete: `before` full, `after` empty
 */
export interface RowChange {
  readonly kind: 'insert' | 'update' | 'delete';
  /** Index into the change set's `tables`. */
  readonly table: number;
  readonly key: RowKey;
  readonly before: RowImage;
  readonly after: RowImage;
  /**
   * The secondary unique indexes: all of them for an insert or a delete, for an update those of which a column changed.
   * They are listed even where the value is NULL or equal before and after ('a' and 'A'): the fold must know which columns
   * move together, or concurrent changes of a nullable pair could mix to a value that nobody claimed.
   */
  readonly uniques: readonly UniqueChange[];
}

export interface ChangeSet {
  readonly origin: Incarnation;
  /** Name of the origin's site, for people. */
  readonly site: string;
  /** From 1, without gaps, within the origin. */
  readonly seq: bigint;
  /** First 16 bytes of the SHA-256 of the predecessor's encoded form; zeros for seq 1. */
  readonly previousHash: Uint8Array;
  readonly hlc: Hlc;
  /** Last seq applied of each other incarnation before this commit, in binary log order. */
  readonly dependencies: VersionVector;
  /** The origin server's GTID of the transaction: by it the spool drops what it already has. */
  readonly gtid: string;
  readonly tables: readonly TableDef[];
  readonly rows: readonly RowChange[];
}

/** Total order over change sets; it extends causal order, since an HLC is above every HLC applied before it. */
export function compareChangeSets(
  a: Pick<ChangeSet, 'hlc' | 'origin' | 'seq'>,
  b: Pick<ChangeSet, 'hlc' | 'origin' | 'seq'>,
): number {
  if (a.hlc !== b.hlc) return a.hlc < b.hlc ? -1 : 1;
  if (a.origin !== b.origin) return a.origin - b.origin;
  return a.seq < b.seq ? -1 : a.seq > b.seq ? 1 : 0;
}

/** True when `earlier` is among the causes of `later`. */
export function isCauseOf(
  earlier: Pick<ChangeSet, 'origin' | 'seq'>,
  later: Pick<ChangeSet, 'origin' | 'seq' | 'dependencies'>,
): boolean {
  if (earlier.origin === later.origin) return earlier.seq < later.seq;
  return earlier.seq <= (later.dependencies.get(earlier.origin) ?? 0n);
}
