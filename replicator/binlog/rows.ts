import { PayloadReader, PayloadTooShortError } from '../../proxy/wire/payload-reader';
import type { ColumnBytes, ColumnDef, RowImage, TableDef } from '../change-set';
import { bitAt, bitmapBytes } from './bitmap';
import { columnLength } from './column-length';
import { BinlogFormatError } from './errors';
import { EventType, RowsFlag } from './event-type';
import type { RowPair } from './events';
import { inflateLogData } from './log-compression';
import { readTableId } from './table-map';

export interface RowsEventKind {
  readonly change: 'insert' | 'update' | 'delete';
  readonly version: 1 | 2;
  readonly compressed: boolean;
}

const kinds: ReadonlyMap<number, RowsEventKind> = new Map([
  [EventType.writeRowsV1, { change: 'insert', version: 1, compressed: false }],
  [EventType.updateRowsV1, { change: 'update', version: 1, compressed: false }],
  [EventType.deleteRowsV1, { change: 'delete', version: 1, compressed: false }],
  [EventType.writeRowsV2, { change: 'insert', version: 2, compressed: false }],
  [EventType.updateRowsV2, { change: 'update', version: 2, compressed: false }],
  [EventType.deleteRowsV2, { change: 'delete', version: 2, compressed: false }],
  [EventType.writeRowsCompressedV1, { change: 'insert', version: 1, compressed: true }],
  [EventType.updateRowsCompressedV1, { change: 'update', version: 1, compressed: true }],
  [EventType.deleteRowsCompressedV1, { change: 'delete', version: 1, compressed: true }],
  [EventType.writeRowsCompressedV2, { change: 'insert', version: 2, compressed: true }],
  [EventType.updateRowsCompressedV2, { change: 'update', version: 2, compressed: true }],
  [EventType.deleteRowsCompressedV2, { change: 'delete', version: 2, compressed: true }],
]);

/** null: the event is not a rows event. */
export function rowsEventKind(typeCode: number): RowsEventKind | null {
  return kinds.get(typeCode) ?? null;
}

export interface Rows {
  readonly tableId: bigint;
  readonly rows: readonly RowPair[];
  readonly endOfStatement: boolean;
}

/** The id of MySQL's rows event that only says "end of statement". */
const dummyTableId = 0xffffffn;

/** `body`: the event without header and checksum (MySQL: "Rows_event"). `tableOf` gives the table of the last map. */
export function decodeRows(
  body: Buffer,
  kind: RowsEventKind,
  tableOf: (tableId: bigint) => TableDef | undefined,
): Rows {
  const reader = new PayloadReader(body);
  const tableId = readTableId(reader);
  const endOfStatement = (reader.uint16() & RowsFlag.endOfStatement) !== 0;
  // The length of the extra data counts its own two bytes.
  if (kind.version === 2) reader.skip(reader.uint16() - 2);
  const table = tableOf(tableId);
  if (table === undefined) {
    if (tableId === dummyTableId) return { tableId, rows: [], endOfStatement };
    throw new BinlogFormatError(`rows of table id ${tableId}, which no table map describes`);
  }
  const columnCount = Number(reader.lenenc());
  if (columnCount !== table.columns.length) {
    throw new BinlogFormatError(`rows of ${columnCount} columns, ${table.table} has ${table.columns.length}`);
  }
  const first = presentColumns(table, reader);
  const second = kind.change === 'update' ? presentColumns(table, reader) : first;
  const data = kind.compressed ? inflateLogData(reader.rest()) : reader.rest();
  const images = new ImageReader(data, columnCount);
  let rows: RowPair[] = [];
  while (images.remaining > 0) {
    const before = kind.change === 'insert' ? null : images.next(first);
    const pair = { before, after: kind.change === 'delete' ? null : images.next(second) };
    // Most events have one: a list that is made with it takes a fifth of one that it is pushed to.
    if (rows.length === 0) rows = [pair];
    else rows.push(pair);
  }
  return { tableId, rows, endOfStatement };
}

interface PresentColumn {
  readonly index: number;
  readonly def: ColumnDef;
}

/** Made once for each table, since rows nearly always have all of its columns. */
const allColumns = new WeakMap<TableDef, readonly PresentColumn[]>();

function presentColumns(table: TableDef, reader: PayloadReader): readonly PresentColumn[] {
  let all = allColumns.get(table);
  if (all === undefined) {
    all = table.columns.map((def, index) => ({ index, def }));
    allColumns.set(table, all);
  }
  const bitmap = reader.take(bitmapBytes(table.columns.length));
  for (let index = 0; index < all.length; index++) {
    if (!bitAt(bitmap, index)) return all.filter((column) => bitAt(bitmap, column.index));
  }
  return all;
}

/** Reads row images one after the other; the values are views into the event. */
class ImageReader {
  private offset = 0;

  constructor(
    private readonly bytes: Buffer,
    private readonly columnCount: number,
  ) {}

  get remaining(): number {
    return this.bytes.length - this.offset;
  }

  /** The null bitmap counts the present columns only. */
  next(present: readonly PresentColumn[]): RowImage {
    const { bytes } = this;
    const nullBytes = bitmapBytes(present.length);
    if (nullBytes === 0) throw new BinlogFormatError('row image without columns');
    if (nullBytes > this.remaining) throw new PayloadTooShortError(nullBytes, this.remaining);
    const nullsAt = this.offset;
    let offset = nullsAt + nullBytes;
    const image = new Array<ColumnBytes | undefined>(this.columnCount).fill(undefined);
    for (let at = 0; at < present.length; at++) {
      const column = present[at] as PresentColumn;
      if ((((bytes[nullsAt + (at >> 3)] as number) >> (at & 7)) & 1) === 1) {
        image[column.index] = null;
        continue;
      }
      const end = offset + columnLength(column.def, bytes, offset);
      if (end > bytes.length) throw new PayloadTooShortError(end - offset, bytes.length - offset);
      image[column.index] = bytes.subarray(offset, end);
      offset = end;
    }
    this.offset = offset;
    return image;
  }
}
