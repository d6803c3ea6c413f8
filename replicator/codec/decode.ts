import { PayloadReader, PayloadTooShortError } from '../../proxy/wire/payload-reader';
import type {
  ChangeSet,
  ColumnBytes,
  ColumnDef,
  Hlc,
  Incarnation,
  RowChange,
  RowImage,
  RowKey,
  TableDef,
  UniqueChange,
  UniqueKey,
  VersionVector,
} from '../change-set';
import {
  ChangeSetFormatError,
  COLUMN_COMPUTED,
  COLUMN_FLAGS,
  COLUMN_HAS_COLLATION,
  COLUMN_HAS_MEMBERS,
  COLUMN_NULLABLE,
  COLUMN_UNSIGNED,
  FORMAT_VERSION,
  HASH_BYTES,
  INCARNATION_MAX,
  KINDS,
  UNIQUE_FLAGS,
  UNIQUE_HAS_AFTER,
  UNIQUE_HAS_BEFORE,
} from './change-set-format';

/**
 * Reads what encodeChangeSet wrote. Values are views into `bytes`, which must not change afterwards.
 * Throws ChangeSetFormatError for anything else, whatever the bytes are.
 */
export function decodeChangeSet(bytes: Uint8Array): ChangeSet {
  const reader = new PayloadReader(bytes);
  try {
    return readChangeSet(reader);
  } catch (error) {
    if (!(error instanceof PayloadTooShortError)) throw error;
    throw damaged(`change set ends early at byte ${reader.offset}`, { cause: error });
  }
}

/** From whom a change set is and when it was committed, without decoding the rest. Throws like decodeChangeSet. */
export function stampOf(record: Uint8Array): Pick<ChangeSet, 'origin' | 'site' | 'seq' | 'hlc'> {
  const reader = new PayloadReader(Buffer.from(record.buffer, record.byteOffset, record.byteLength));
  try {
    const { origin, site, seq, hlc } = readStamp(reader);
    return { origin, site, seq, hlc };
  } catch (error) {
    if (!(error instanceof PayloadTooShortError)) throw error;
    throw damaged('change set ends early', { cause: error });
  }
}

function damaged(message: string, options?: ErrorOptions): ChangeSetFormatError {
  return new ChangeSetFormatError('DUARA_CHANGE_SET_DAMAGED', message, options);
}

function readStamp(reader: PayloadReader): Pick<ChangeSet, 'origin' | 'site' | 'seq' | 'previousHash' | 'hlc'> {
  const version = reader.uint8();
  if (version !== FORMAT_VERSION) {
    throw new ChangeSetFormatError(
      'DUARA_CHANGE_SET_VERSION',
      `change set in format version ${version}; this program knows ${FORMAT_VERSION}`,
    );
  }
  const origin = readIncarnation(reader);
  const site = readText(reader);
  const seq = reader.lenenc();
  if (seq < 1n) throw damaged('seq 0');
  const previousHash = reader.take(HASH_BYTES);
  return { origin, site, seq, previousHash, hlc: reader.uint64() as Hlc };
}

function readChangeSet(reader: PayloadReader): ChangeSet {
  const { origin, site, seq, previousHash, hlc } = readStamp(reader);
  const dependencies = readDependencies(reader);
  const gtid = readText(reader);
  const tables = tablesOf(readBytes(reader));
  const indexNames = readMany(reader, () => readText(reader));
  const rows = readRows(reader, indexNames, tables);
  if (reader.remaining > 0) throw damaged(`${reader.remaining} bytes after the change set`);
  return { origin, site, seq, previousHash, hlc, dependencies, gtid, tables, rows };
}

/** Table parts decoded before, by their bytes; the least recently decoded is forgotten beyond the limit. */
const knownTables = new Map<string, readonly TableDef[]>();
const KNOWN_TABLES_MAX = 1_000;

/** Many change sets share their table part: they share its objects, which takes less time and most of the memory. */
function tablesOf(part: Buffer): readonly TableDef[] {
  const key = part.toString('latin1');
  const known = knownTables.get(key);
  if (known !== undefined) return known;
  const reader = new PayloadReader(part);
  const names = readMany(reader, () => readText(reader));
  const tables = readMany(reader, () => readTable(reader, names));
  if (reader.remaining > 0) throw damaged(`${reader.remaining} bytes after the tables`);
  if (knownTables.size >= KNOWN_TABLES_MAX)
    for (const oldest of knownTables.keys()) {
      knownTables.delete(oldest);
      break;
    }
  knownTables.set(key, tables);
  return tables;
}

function readBytes(reader: PayloadReader): Buffer {
  return reader.take(readNumber(reader, reader.remaining + 1, 'length'));
}

/** A number below `limit`: an index into something, a length, or a count. Most are one byte, and BigInt is slow. */
function readNumber(reader: PayloadReader, limit: number, what: string): number {
  const first = reader.peek();
  if (first !== undefined && first < 0xfb) {
    reader.offset += 1;
    if (first >= limit) throw damaged(`${what} ${first} out of range (below ${limit})`);
    return first;
  }
  const value = reader.lenenc();
  if (value >= BigInt(limit)) throw damaged(`${what} ${value} out of range (below ${limit})`);
  return Number(value);
}

/** Every item takes at least a byte, so a count above what is left is a lie: no memory is set aside for it. */
function readMany<Item>(reader: PayloadReader, item: (index: number) => Item): Item[] {
  const count = readNumber(reader, reader.remaining + 1, 'count');
  const items: Item[] = [];
  for (let i = 0; i < count; i++) items.push(item(i));
  return items;
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function readText(reader: PayloadReader): string {
  const bytes = readBytes(reader);
  try {
    return utf8.decode(bytes);
  } catch (error) {
    throw damaged('a name is not UTF-8', { cause: error });
  }
}

function readName(reader: PayloadReader, names: readonly string[]): string {
  return names[readNumber(reader, names.length, 'name')]!;
}

function readIncarnation(reader: PayloadReader): Incarnation {
  const incarnation = readNumber(reader, INCARNATION_MAX + 1, 'incarnation');
  if (incarnation === 0) throw damaged('incarnation 0');
  return incarnation as Incarnation;
}

function readDependencies(reader: PayloadReader): VersionVector {
  const dependencies = new Map<Incarnation, bigint>();
  let last = 0;
  readMany(reader, () => {
    const origin = readIncarnation(reader);
    if (origin <= last) throw damaged('dependencies out of order');
    last = origin;
    dependencies.set(origin, reader.lenenc());
  });
  return dependencies;
}

function readTable(reader: PayloadReader, names: readonly string[]): TableDef {
  const schema = readName(reader, names);
  const table = readName(reader, names);
  const columns = readMany(reader, () => readColumn(reader, names));
  const primaryKey = readMany(reader, () => readNumber(reader, columns.length, 'primary key column'));
  return { schema, table, columns, primaryKey };
}

function readColumn(reader: PayloadReader, names: readonly string[]): ColumnDef {
  const name = readName(reader, names);
  const type = readNumber(reader, 256, 'column type');
  const meta = readNumber(reader, 2 ** 32, 'column metadata');
  const flags = reader.uint8();
  if ((flags & ~COLUMN_FLAGS) !== 0) throw damaged(`unknown column flags ${flags}`);
  const collation = flags & COLUMN_HAS_COLLATION ? readNumber(reader, 2 ** 32, 'collation') : null;
  const members = flags & COLUMN_HAS_MEMBERS ? readMany(reader, () => readName(reader, names)) : null;
  const nullable = (flags & COLUMN_NULLABLE) !== 0;
  const unsigned = (flags & COLUMN_UNSIGNED) !== 0;
  const computed = (flags & COLUMN_COMPUTED) !== 0 ? { computed: true as const } : {};
  return { name, type, meta, nullable, unsigned, collation, members, ...computed };
}

function readRows(reader: PayloadReader, names: readonly string[], tables: readonly TableDef[]): RowChange[] {
  const rowKeys = new KeyReader(reader);
  const uniqueKeys = new KeyReader(reader);
  return readMany(reader, () => {
    const kind = KINDS[readNumber(reader, KINDS.length, 'kind of change')]!;
    const table = readNumber(reader, tables.length, 'table');
    const columnCount = tables[table]!.columns.length;
    const key = rowKeys.read() as RowKey;
    const before = readImage(reader, columnCount);
    const after = readImage(reader, columnCount);
    const uniques = readMany(reader, () => readUnique(reader, uniqueKeys, names, columnCount));
    return { kind, table, key, before, after, uniques };
  });
}

function readImage(reader: PayloadReader, columnCount: number): RowImage {
  const length = readNumber(reader, columnCount + 1, 'columns of an image');
  const bitmapBytes = (length + 7) >> 3;
  const present = reader.take(bitmapBytes);
  const nulls = reader.take(bitmapBytes);
  const image: (ColumnBytes | undefined)[] = [];
  for (let i = 0; i < length; i++) {
    const bit = 1 << (i & 7);
    if ((present[i >> 3]! & bit) === 0) image.push(undefined);
    else if ((nulls[i >> 3]! & bit) !== 0) image.push(null);
    else image.push(readBytes(reader));
  }
  return image;
}

function readUnique(
  reader: PayloadReader,
  keys: KeyReader,
  names: readonly string[],
  columnCount: number,
): UniqueChange {
  const index = readName(reader, names);
  const columns = readMany(reader, () => readNumber(reader, columnCount, 'column of a unique index'));
  const flags = reader.uint8();
  if ((flags & ~UNIQUE_FLAGS) !== 0) throw damaged(`unknown flags of a unique value ${flags}`);
  const before = flags & UNIQUE_HAS_BEFORE ? (keys.read() as UniqueKey) : null;
  const after = flags & UNIQUE_HAS_AFTER ? (keys.read() as UniqueKey) : null;
  return { index, columns, before, after };
}

/** A key longer than this is no key: the server's own limit is 3,072 bytes, names and lengths come on top. */
const KEY_BYTES_MAX = 64 * 1024;

class KeyReader {
  private previous = '';

  constructor(private readonly reader: PayloadReader) {}

  read(): string {
    const shared = readNumber(this.reader, this.previous.length + 1, 'shared part of a key');
    const key = this.previous.slice(0, shared) + readBytes(this.reader).toString('latin1');
    if (key.length > KEY_BYTES_MAX) throw damaged(`key of ${key.length} bytes`);
    this.previous = key;
    return key;
  }
}
