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
 * `formatDescriptionForReplay`.
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
  /** Seconds since 1970: becomes NOW() where the server needs one. Default 0. */
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
  const befores = kind === 'insert' ? [] : rows.map(({ before }) => imageOf(before, kind));
  const afters = kind === 'delete' ? [] : rows.map(({ after }) => imageOf(after, kind));
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

function imageOf(image: RowImage | null, kind: string): RowImage {
  if (image === null) throw new BinlogFormatError(`${kind} without the row image it needs`);
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
