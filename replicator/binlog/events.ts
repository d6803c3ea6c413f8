import type { ColumnBytes, TableDef } from '../change-set';

/** Every event starts with this header (MariaDB: "Replication Protocol, 2-Binlog Event Header"). */
export interface EventHeader {
  /** Seconds since 1970, of the statement's start on the origin server. */
  readonly timestampSec: number;
  readonly typeCode: number;
  readonly serverId: number;
  readonly eventSize: number;
  /** Position after this event; 0 in artificial events and inside compressed or newer streams. */
  readonly nextPosition: number;
  readonly flags: number;
}

/** One row of a rows event: whole rows in table column order; undefined where the image does not carry the column. */
export interface RowPair {
  readonly before: readonly (ColumnBytes | undefined)[] | null;
  readonly after: readonly (ColumnBytes | undefined)[] | null;
}

/** What capture needs to know of an event. An event of another type is `other`, skipped by its length. */
export type BinlogEvent =
  | { readonly kind: 'rotate'; readonly file: string; readonly position: bigint; readonly header: EventHeader }
  | {
      readonly kind: 'formatDescription';
      readonly serverVersion: string;
      readonly checksum: boolean;
      readonly raw: Buffer;
      readonly header: EventHeader;
    }
  /** Begins a transaction (MariaDB GTID event, or MySQL's with its UUID). `standalone`: one event follows and no XID. */
  | {
      readonly kind: 'gtid';
      readonly gtid: string;
      readonly standalone: boolean;
      readonly ddl: boolean;
      readonly header: EventHeader;
    }
  | { readonly kind: 'tableMap'; readonly tableId: bigint; readonly table: TableDef; readonly header: EventHeader }
  | {
      readonly kind: 'rows';
      readonly change: 'insert' | 'update' | 'delete';
      readonly tableId: bigint;
      readonly rows: readonly RowPair[];
      readonly endOfStatement: boolean;
      readonly header: EventHeader;
    }
  | { readonly kind: 'query'; readonly schema: string; readonly sql: string; readonly header: EventHeader }
  | { readonly kind: 'xid'; readonly header: EventHeader }
  | { readonly kind: 'heartbeat'; readonly header: EventHeader }
  | { readonly kind: 'incident'; readonly message: string; readonly header: EventHeader }
  | { readonly kind: 'other'; readonly header: EventHeader };
