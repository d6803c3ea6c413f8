import { PayloadWriter } from '../../proxy/wire/payload-writer';
import type { RowImage, TableDef } from '../change-set';
import { bitmapOf } from './bitmap';
import { BinlogFormatError } from './errors';
import { encodeEvent } from './event-header';
import { EventType, RowsFlag } from './event-type';
import type { RowPair } from './events';
import { encodeTableMapBody } from './table-map';

/**
 * Events for the server's BINLOG statement: what the decoder reads, written. They carry no checksum and suit
 * `formatDescriptionForReplay`, which a session must be given first, in a BINLOG statement of its own.
 *
 * What MariaDB 10.11 does with them (measured; conformance/replication/binlog-replay.mysql.test.ts holds it):
 * - Columns are matched by position, not by name: `table` must be the target's own definition. Columns that the target
 *   has beyond it get their default. Another type is error 1105 or a conversion, an unknown table 1146.
 * - The row is found by primary key: a before image of just the key is enough, and its other columns are not compared.
 *   No such row: 1032; a taken unique value: 1062; a missing parent row: 1452. Without a primary key all columns of the
 *   row are compared.
 * - An update with only the changed columns leaves the others alone, ON UPDATE CURRENT_TIMESTAMP too.
 * - Columns missing from an insert get their constant or expression default; CURRENT_TIMESTAMP becomes NULL or the zero
 *   date, and NOT NULL without a default its type's zero, whatever sql_mode says.
 * - **Generated columns are not computed.** A STORED one keeps its value (NULL in an insert) unless the after image has it;
 *   an indexed VIRTUAL one that depends on a changed column and is not in the after image leaves the index corrupt. So
 *   an after image must carry all generated columns, with the values that belong to it.
 * - No trigger fires, CHECK constraints are not looked at, cascades run unless RowsFlag.noForeignKeyChecks.
 * - Works inside a transaction; the log shows the session's server_id, whatever the events say, their `timestampSec`, and
 *   full row images. NOW() of the session stands at a `timestampSec` other than 0 until SET timestamp=DEFAULT.
 */

/** Table map of a table under a number of the caller's choice; rows of the same BINLOG statement refer to it. */
export function encodeTableMap(tableId: bigint, table: TableDef, serverId: number): Buffer {
  const body = encodeTableMapBody({ tableId, table }, null);
  return encodeEvent({ timestampSec: 0, typeCode: EventType.tableMap, serverId, nextPosition: 0, flags: 0 }, body);
}

export interface RowsToEncode {
  readonly tableId: bigint;
  readonly kind: 'insert' | 'update' | 'delete';
  readonly table: TableDef;
  /**
   * insert: `after`; delete: `before`; update: both. `undefined` is a column that the image does not carry: the same
   * ones in all before images, and the same ones in all after images.
   */
  readonly rows: readonly RowPair[];
  readonly serverId: number;
  /** RowsFlag; the last rows event of a BINLOG statement must have endOfStatement. Default: endOfStatement. */
  readonly flags?: number;
  /** Seconds since 1970: the server's own log shows it as the time of the transaction, 0 (the default) as well. */
  readonly timestampSec?: number;
}

const typeCodes = {
  insert: EventType.writeRowsV1,
  update: EventType.updateRowsV1,
  delete: EventType.deleteRowsV1,
} as const;

/** Rows event of version 1, which MariaDB and MySQL both take. */
export function encodeRows(request: RowsToEncode): Buffer {
  const { kind, table, rows, serverId } = request;
  const columnCount = table.columns.length;
  if (rows.length === 0) throw new BinlogFormatError('a rows event needs at least one row');
  const befores = kind === 'insert' ? [] : rows.map(({ before }) => imageOf(before, request));
  const afters = kind === 'delete' ? [] : rows.map(({ after }) => imageOf(after, request));
  const writer = new PayloadWriter(1024)
    .uint48(Number(request.tableId))
    .uint16(request.flags ?? RowsFlag.endOfStatement)
    .lenenc(columnCount);
  const beforeColumns = presentIn(befores, columnCount);
  const afterColumns = presentIn(afters, columnCount);
  if (kind !== 'insert') writer.raw(bitmapOf(columnCount, (index) => beforeColumns.includes(index)));
  if (kind !== 'delete') writer.raw(bitmapOf(columnCount, (index) => afterColumns.includes(index)));
  for (let at = 0; at < rows.length; at++) {
    writeImage(writer, befores[at], beforeColumns);
    writeImage(writer, afters[at], afterColumns);
  }
  const header = { timestampSec: request.timestampSec ?? 0, serverId, nextPosition: 0, flags: 0 };
  return encodeEvent({ ...header, typeCode: typeCodes[kind] }, writer.finish());
}

function imageOf(image: RowImage | null, { kind, table }: RowsToEncode): RowImage {
  if (image === null) throw new BinlogFormatError(`${kind} without the row image it needs`);
  if (image.length !== table.columns.length) {
    throw new BinlogFormatError(`row image of ${image.length} columns, ${table.table} has ${table.columns.length}`);
  }
  return image;
}

/** The columns that all images carry. */
function presentIn(images: readonly RowImage[], columnCount: number): number[] {
  const first = images[0];
  if (first === undefined) return [];
  for (const image of images) {
    for (let index = 0; index < columnCount; index++) {
      if ((image[index] === undefined) !== (first[index] === undefined)) {
        throw new BinlogFormatError('rows of one event must carry the same columns');
      }
    }
  }
  const present = Array.from({ length: columnCount }, (_, index) => index).filter(
    (index) => first[index] !== undefined,
  );
  if (present.length === 0) throw new BinlogFormatError('a row image needs at least one column');
  return present;
}

function writeImage(writer: PayloadWriter, image: RowImage | undefined, present: readonly number[]): void {
  if (image === undefined) return;
  writer.raw(bitmapOf(present.length, (at) => image[present[at] ?? -1] === null));
  for (const index of present) {
    const value = image[index];
    if (value !== null && value !== undefined) writer.raw(value);
  }
}
