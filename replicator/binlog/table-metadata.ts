import { PayloadReader } from '../../proxy/wire/payload-reader';
import { PayloadWriter } from '../../proxy/wire/payload-writer';
import type { TableDef } from '../change-set';
import { charsetOf, decodeText } from './charset';
import { ColumnType, hasCollation, hasSignedness, type TypeAndMeta } from './column-type';
import { BinlogFormatError } from './errors';

export type Flavour = 'mariadb' | 'mysql';

/** Field types of a table map's optional metadata (MySQL: "Optional_metadata_field_type"). Others are skipped. */
const Field = {
  signedness: 1,
  defaultCharset: 2,
  columnCharset: 3,
  columnName: 4,
  setMembers: 5,
  enumMembers: 6,
  simplePrimaryKey: 8,
  primaryKeyWithPrefix: 9,
  enumAndSetDefaultCharset: 10,
  enumAndSetColumnCharset: 11,
} as const;

/** What the optional metadata says, by index of column. */
export interface TableMetadata {
  /** null: the server does not send FULL metadata. */
  readonly names: readonly string[] | null;
  readonly primaryKey: readonly number[];
  readonly unsigned: ReadonlySet<number>;
  readonly collations: ReadonlyMap<number, number>;
  /** Absent for a column whose character set cannot be turned into strings here. */
  readonly members: ReadonlyMap<number, readonly string[]>;
}

function indexesOf(columns: readonly TypeAndMeta[], wanted: (type: number) => boolean): number[] {
  return columns.flatMap(({ type }, index) => (wanted(type) ? [index] : []));
}

const isEnumOrSet = (type: number): boolean => type === ColumnType.enum || type === ColumnType.set;

export function decodeTableMetadata(bytes: Buffer, columns: readonly TypeAndMeta[], flavour: Flavour): TableMetadata {
  const fields = readFields(bytes);
  const names = fields.get(Field.columnName);
  const nameList = names === undefined ? null : readStrings(names).map((name) => name.toString());
  if (nameList !== null && nameList.length !== columns.length) {
    throw new BinlogFormatError(`table map names ${nameList.length} of ${columns.length} columns`);
  }
  const collations = new Map<number, number>();
  const characterColumns = indexesOf(columns, (type) => hasCollation(type, flavour));
  readCollations(fields, [Field.defaultCharset, Field.columnCharset], characterColumns, collations);
  const listColumns = indexesOf(columns, isEnumOrSet);
  readCollations(fields, [Field.enumAndSetDefaultCharset, Field.enumAndSetColumnCharset], listColumns, collations);
  return {
    names: nameList,
    primaryKey: readPrimaryKey(fields, columns.length),
    unsigned: readUnsigned(fields.get(Field.signedness), columns, flavour),
    collations,
    members: readMembers(fields, columns, collations),
  };
}

function readFields(bytes: Buffer): Map<number, Buffer> {
  const reader = new PayloadReader(bytes);
  const fields = new Map<number, Buffer>();
  while (reader.remaining > 0) fields.set(reader.uint8(), reader.lenencBytes());
  return fields;
}

function readNumbers(bytes: Buffer): number[] {
  const reader = new PayloadReader(bytes);
  const numbers: number[] = [];
  while (reader.remaining > 0) numbers.push(Number(reader.lenenc()));
  return numbers;
}

function readStrings(bytes: Buffer): Buffer[] {
  const reader = new PayloadReader(bytes);
  const strings: Buffer[] = [];
  while (reader.remaining > 0) strings.push(reader.lenencBytes());
  return strings;
}

/** A set bit means unsigned; numeric columns only, the first in the highest bit. */
function readUnsigned(bitmap: Buffer | undefined, columns: readonly TypeAndMeta[], flavour: Flavour): Set<number> {
  const numeric = indexesOf(columns, (type) => hasSignedness(type, flavour));
  if (bitmap !== undefined && bitmap.length !== (numeric.length + 7) >> 3) {
    throw new BinlogFormatError(`signedness of ${numeric.length} columns in ${bitmap.length} bytes`);
  }
  return new Set(numeric.filter((_column, at) => (((bitmap?.[at >> 3] ?? 0) << (at & 7)) & 0x80) !== 0));
}

/** Either a default and the columns that differ, or one collation for each column. */
function readCollations(
  fields: ReadonlyMap<number, Buffer>,
  [defaultField, listField]: readonly [number, number],
  indexes: readonly number[],
  into: Map<number, number>,
): void {
  const withDefault = fields.get(defaultField);
  const list = fields.get(listField);
  if (withDefault !== undefined) {
    const [standard = 0, ...exceptions] = readNumbers(withDefault);
    for (const index of indexes) into.set(index, standard);
    for (let at = 0; at + 1 < exceptions.length; at += 2) {
      const index = indexes[exceptions[at] ?? -1];
      if (index === undefined) throw new BinlogFormatError('collation of a column that is not there');
      into.set(index, exceptions[at + 1] ?? standard);
    }
  } else if (list !== undefined) {
    const numbers = readNumbers(list);
    if (numbers.length !== indexes.length) {
      throw new BinlogFormatError(`${numbers.length} collations for ${indexes.length} columns`);
    }
    indexes.forEach((index, at) => into.set(index, numbers[at] ?? 0));
  }
}

function readPrimaryKey(fields: ReadonlyMap<number, Buffer>, columnCount: number): number[] {
  const simple = fields.get(Field.simplePrimaryKey);
  const prefixed = fields.get(Field.primaryKeyWithPrefix);
  let indexes: number[] = [];
  if (simple !== undefined) indexes = readNumbers(simple);
  // Pairs of column and length of the prefix; the row is found by its whole values.
  else if (prefixed !== undefined) indexes = readNumbers(prefixed).filter((_number, at) => at % 2 === 0);
  if (indexes.some((index) => index >= columnCount)) throw new BinlogFormatError('primary key of a column not there');
  return indexes;
}

function readMembers(
  fields: ReadonlyMap<number, Buffer>,
  columns: readonly TypeAndMeta[],
  collations: ReadonlyMap<number, number>,
): Map<number, string[]> {
  const members = new Map<number, string[]>();
  for (const [field, type] of [
    [Field.enumMembers, ColumnType.enum],
    [Field.setMembers, ColumnType.set],
  ] as const) {
    const bytes = fields.get(field);
    if (bytes === undefined) continue;
    const reader = new PayloadReader(bytes);
    for (const index of indexesOf(columns, (each) => each === type)) {
      const charset = charsetOf(collations.get(index) ?? 0);
      const texts: (string | null)[] = [];
      for (let left = reader.lenenc(); left > 0n; left--) {
        const member = reader.lenencBytes();
        texts.push(charset === null ? null : decodeText(charset, member));
      }
      if (texts.every((text) => text !== null)) members.set(index, texts);
    }
  }
  return members;
}

/** Twin of decodeTableMetadata; ENUM and SET members are written in utf8mb4. */
export function encodeTableMetadata(table: TableDef, flavour: Flavour): Buffer {
  const { columns, primaryKey } = table;
  const writer = new PayloadWriter(256);
  const field = (type: number, bytes: Buffer): void => {
    if (bytes.length > 0) writer.uint8(type).lenencBytes(bytes);
  };
  const numeric = indexesOf(columns, (type) => hasSignedness(type, flavour));
  const signedness = Buffer.alloc((numeric.length + 7) >> 3);
  numeric.forEach((column, at) => {
    if (columns[column]?.unsigned === true) signedness[at >> 3] = (signedness[at >> 3] ?? 0) | (0x80 >> (at & 7));
  });
  field(Field.signedness, signedness);
  const collationsOf = (indexes: readonly number[]): Buffer =>
    numbers(indexes.map((at) => columns[at]?.collation ?? 0));
  field(Field.columnCharset, collationsOf(indexesOf(columns, (type) => hasCollation(type, flavour))));
  field(Field.columnName, strings(columns.map(({ name }) => name)));
  for (const [type, code] of [
    [Field.setMembers, ColumnType.set],
    [Field.enumMembers, ColumnType.enum],
  ] as const) {
    const lists = columns.filter((column) => column.type === code).map(({ members }) => members ?? []);
    field(type, Buffer.concat(lists.map((list) => Buffer.concat([numbers([list.length]), strings(list)]))));
  }
  field(Field.enumAndSetColumnCharset, collationsOf(indexesOf(columns, isEnumOrSet)));
  field(Field.simplePrimaryKey, numbers(primaryKey));
  return writer.finish();
}

function numbers(values: readonly number[]): Buffer {
  const writer = new PayloadWriter();
  for (const value of values) writer.lenenc(value);
  return writer.finish();
}

function strings(values: readonly string[]): Buffer {
  const writer = new PayloadWriter();
  for (const value of values) writer.lenencBytes(value);
  return writer.finish();
}
