import { PayloadWriter } from '../../proxy/wire/payload-writer';
import type { ChangeSet, ColumnDef, RowChange, RowImage, TableDef, UniqueChange } from '../change-set';
import {
  COLUMN_COMPUTED,
  COLUMN_HAS_COLLATION,
  COLUMN_HAS_MEMBERS,
  COLUMN_NULLABLE,
  COLUMN_UNSIGNED,
  FORMAT_VERSION,
  HASH_BYTES,
  KINDS,
  UNIQUE_HAS_AFTER,
  UNIQUE_HAS_BEFORE,
} from './change-set-format';

/** The change set in the form of change-set-format.ts. Throws RangeError for values the form cannot hold: a bug here. */
export function encodeChangeSet(changeSet: ChangeSet): Buffer {
  if (changeSet.previousHash.length !== HASH_BYTES) throw new RangeError('previousHash must have 16 bytes');
  const { dependencies } = changeSet;
  const [writer, rows] = writers;
  try {
    const indexNames = new NameTable();
    writeRows(rows, changeSet.rows, indexNames);
    writer.uint8(FORMAT_VERSION).lenenc(changeSet.origin).lenencBytes(changeSet.site).lenenc(changeSet.seq);
    writer.raw(changeSet.previousHash).uint64(changeSet.hlc);
    writer.lenenc(dependencies.size);
    const inOrder = dependencies.size > 1 ? [...dependencies].sort(([a], [b]) => a - b) : dependencies;
    for (const [origin, seq] of inOrder) writer.lenenc(origin).lenenc(seq);
    writer.lenencBytes(changeSet.gtid);
    writer.lenencBytes(tablesOf(changeSet.tables));
    indexNames.write(writer);
    return writer.append(rows).take();
  } finally {
    // Where a value does not fit the form, and where one change set was large: neither may stay.
    if (writer.written + rows.written > 0 || writer.capacity + rows.capacity > KEPT_BYTES_MAX) writers = newWriters();
  }
}

/** The same two for all change sets: one for the whole, one for its rows. */
let writers = newWriters();
/** Memory that a large change set made them take is given back. */
const KEPT_BYTES_MAX = 256 * 1024;

function newWriters(): readonly [PayloadWriter, PayloadWriter] {
  return [new PayloadWriter(4096), new PayloadWriter(4096)];
}

/** Most change sets are of one table, and capture gives them the same object for it. */
const partOfTable = new WeakMap<TableDef, Buffer>();

function tablesOf(tables: readonly TableDef[]): Buffer {
  const [first] = tables;
  if (first === undefined || tables.length > 1) return tablePart(tables);
  let part = partOfTable.get(first);
  if (part === undefined) partOfTable.set(first, (part = Buffer.from(tablePart(tables))));
  return part;
}

function tablePart(tables: readonly TableDef[]): Buffer {
  const names = new NameTable();
  const body = new PayloadWriter(512);
  writeTables(body, tables, names);
  const writer = new PayloadWriter(512);
  names.write(writer);
  return writer.raw(body.finish()).finish();
}

/** A length-encoded integer; most are small, and BigInt arithmetic is slow. */
function writeNumber(writer: PayloadWriter, value: number): PayloadWriter {
  return value < 0xfb ? writer.uint8(value) : writer.lenenc(value);
}

function writeBytes(writer: PayloadWriter, value: Uint8Array): void {
  writeNumber(writer, value.length).raw(value);
}

/** Each string once, numbered in the order of first use. */
class NameTable {
  /** Null: none yet, as in most change sets. */
  private numbers: Map<string, number> | null = null;

  numberOf(name: string): number {
    this.numbers ??= new Map();
    const known = this.numbers.get(name);
    if (known !== undefined) return known;
    const number = this.numbers.size;
    this.numbers.set(name, number);
    return number;
  }

  write(writer: PayloadWriter): void {
    writer.lenenc(this.numbers?.size ?? 0);
    for (const name of this.numbers?.keys() ?? []) writer.lenencBytes(name);
  }
}

function writeTables(writer: PayloadWriter, tables: readonly TableDef[], names: NameTable): void {
  writeNumber(writer, tables.length);
  for (const table of tables) {
    writeNumber(writer, names.numberOf(table.schema));
    writeNumber(writer, names.numberOf(table.table));
    writeNumber(writer, table.columns.length);
    for (const column of table.columns) writeColumn(writer, column, names);
    writer.lenenc(table.primaryKey.length);
    for (const index of table.primaryKey) writer.lenenc(index);
  }
}

function writeColumn(writer: PayloadWriter, column: ColumnDef, names: NameTable): void {
  const flags =
    (column.nullable ? COLUMN_NULLABLE : 0) |
    (column.unsigned ? COLUMN_UNSIGNED : 0) |
    (column.collation === null ? 0 : COLUMN_HAS_COLLATION) |
    (column.members === null ? 0 : COLUMN_HAS_MEMBERS) |
    (column.computed === true ? COLUMN_COMPUTED : 0);
  writer.lenenc(names.numberOf(column.name)).lenenc(column.type).lenenc(column.meta).uint8(flags);
  if (column.collation !== null) writer.lenenc(column.collation);
  if (column.members === null) return;
  writer.lenenc(column.members.length);
  for (const member of column.members) writer.lenenc(names.numberOf(member));
}

function writeRows(writer: PayloadWriter, rows: readonly RowChange[], names: NameTable): void {
  const rowKeys = new KeyWriter(writer);
  const uniqueKeys = new KeyWriter(writer);
  writeNumber(writer, rows.length);
  for (const row of rows) {
    writeNumber(writer.uint8(KINDS.indexOf(row.kind)), row.table);
    rowKeys.write(row.key);
    writeImage(writer, row.before);
    writeImage(writer, row.after);
    writeNumber(writer, row.uniques.length);
    for (const unique of row.uniques) writeUnique(writer, unique, uniqueKeys, names);
  }
}

function writeImage(writer: PayloadWriter, image: RowImage): void {
  writeNumber(writer, image.length);
  writeBitmap(writer, image, (value) => value !== undefined);
  writeBitmap(writer, image, (value) => value === null);
  for (const value of image) if (value) writeBytes(writer, value);
}

function writeBitmap(writer: PayloadWriter, image: RowImage, isSet: (value: RowImage[number]) => boolean): void {
  for (let from = 0; from < image.length; from += 8) {
    let bits = 0;
    for (let i = from; i < image.length && i < from + 8; i++) if (isSet(image[i])) bits |= 1 << (i - from);
    writer.uint8(bits);
  }
}

function writeUnique(writer: PayloadWriter, unique: UniqueChange, keys: KeyWriter, names: NameTable): void {
  writeNumber(writer, names.numberOf(unique.index));
  writeNumber(writer, unique.columns.length);
  for (const column of unique.columns) writeNumber(writer, column);
  writer.uint8((unique.before === null ? 0 : UNIQUE_HAS_BEFORE) | (unique.after === null ? 0 : UNIQUE_HAS_AFTER));
  if (unique.before !== null) keys.write(unique.before);
  if (unique.after !== null) keys.write(unique.after);
}

/** Keys of one change set mostly begin alike (schema, table): what is shared with the one before is only counted. */
class KeyWriter {
  private previous = '';

  constructor(private readonly writer: PayloadWriter) {}

  write(key: string): void {
    const most = Math.min(key.length, this.previous.length);
    let shared = 0;
    while (shared < most && key.charCodeAt(shared) === this.previous.charCodeAt(shared)) shared++;
    writeNumber(writeNumber(this.writer, shared), key.length - shared).latin1(key, shared);
    this.previous = key;
  }
}
