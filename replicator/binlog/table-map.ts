import { PayloadReader } from '../../proxy/wire/payload-reader';
import { PayloadWriter } from '../../proxy/wire/payload-writer';
import type { TableDef } from '../change-set';
import { bitAt, bitmapBytes, bitmapOf } from './bitmap';
import { readTypeAndMeta, writeTypeAndMeta } from './column-type';
import { BinlogFormatError, RowMetadataMissingError } from './errors';
import { decodeTableMetadata, encodeTableMetadata, type Flavour } from './table-metadata';

export interface TableMap {
  readonly tableId: bigint;
  readonly table: TableDef;
}

export function readTableId(reader: PayloadReader): bigint {
  return BigInt(reader.uint48());
}

/** `body`: the event without header and checksum (MySQL: "Table_map_event"). Throws RowMetadataMissingError. */
export function decodeTableMap(body: Buffer, flavour: Flavour): TableMap {
  const reader = new PayloadReader(body);
  const tableId = readTableId(reader);
  reader.skip(2);
  const schema = reader.take(reader.uint8()).toString();
  reader.skip(1);
  const table = reader.take(reader.uint8()).toString();
  reader.skip(1);
  const types = reader.take(Number(reader.lenenc()));
  const metadata = new PayloadReader(reader.lenencBytes());
  const columns = [...types].map((type) => readTypeAndMeta(type, metadata));
  if (metadata.remaining > 0) throw new BinlogFormatError(`table map of ${schema}.${table} has metadata left over`);
  const nullable = reader.take(bitmapBytes(columns.length));
  const described = decodeTableMetadata(reader.rest(), columns, flavour);
  if (described.names === null) {
    throw new RowMetadataMissingError(
      `the binary log does not name the columns of ${schema}.${table}: set binlog_row_metadata=FULL on the server`,
    );
  }
  const { names, primaryKey, unsigned, collations, members } = described;
  return {
    tableId,
    table: {
      schema,
      table,
      columns: columns.map((column, index) => ({
        ...column,
        name: names[index] ?? '',
        nullable: bitAt(nullable, index),
        unsigned: unsigned.has(index),
        collation: collations.get(index) ?? null,
        members: members.get(index) ?? null,
      })),
      primaryKey,
    },
  };
}

/** Twin of decodeTableMap. `flavour` null: without the optional metadata, as replay does not need it. */
export function encodeTableMapBody({ tableId, table }: TableMap, flavour: Flavour | null): Buffer {
  const { columns } = table;
  const metadata = new PayloadWriter();
  const types = columns.map((column) => writeTypeAndMeta(column, metadata));
  const schema = Buffer.from(table.schema);
  const name = Buffer.from(table.table);
  const writer = new PayloadWriter(256)
    .uint48(Number(tableId))
    .uint16(1)
    .uint8(schema.length)
    .nulString(schema)
    .uint8(name.length)
    .nulString(name)
    .lenenc(columns.length)
    .raw(Buffer.from(types))
    .lenencBytes(metadata.finish())
    .raw(bitmapOf(columns.length, (index) => columns[index]?.nullable === true));
  if (flavour !== null) writer.raw(encodeTableMetadata(table, flavour));
  return writer.finish();
}
