import { PayloadTooShortError } from '../../../proxy/wire/payload-reader';
import type { ColumnDef } from '../../change-set';
import { BINARY_COLLATION, charsetOf, decodeText } from '../charset';
import { columnLength, lengthPrefixBytes } from '../column-length';
import { ColumnType } from '../column-type';
import { UnsupportedColumnError } from '../errors';
import { inflateColumn } from './compressed-column';

/** The value without its length prefix, checked to be whole: BINARY(n) with its zeros, COMPRESSED columns inflated. */
export function columnContent(def: ColumnDef, bytes: Uint8Array): Buffer {
  const buffer = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const length = columnLength(def, buffer, 0);
  if (length > buffer.length) throw new PayloadTooShortError(length, buffer.length);
  if (length < buffer.length) throw new UnsupportedColumnError(`value of ${def.name} is longer than its column`);
  const content = buffer.subarray(lengthPrefixBytes(def));
  if (def.type === ColumnType.blobCompressed || def.type === ColumnType.varcharCompressed)
    return inflateColumn(content);
  if (def.type !== ColumnType.string || def.collation !== BINARY_COLLATION) return content;
  // The log leaves out the zeros at the end of BINARY(n), and of MariaDB's UUID and INET, which it shows as such.
  return content.length < def.meta ? Buffer.concat([content, Buffer.alloc(def.meta - content.length)]) : content;
}

/** Columns that hold text, in whatever character set. */
export function isText(def: ColumnDef): boolean {
  switch (def.type) {
    case ColumnType.varchar:
    case ColumnType.varcharCompressed:
    case ColumnType.varString:
    case ColumnType.string:
    case ColumnType.blob:
    case ColumnType.tinyBlob:
    case ColumnType.mediumBlob:
    case ColumnType.longBlob:
    case ColumnType.blobCompressed:
      return def.collation !== null && def.collation !== BINARY_COLLATION;
    default:
      return false;
  }
}

/** Text of a text column; null when its character set is not known here, or the bytes are not valid in it. */
export function contentText(def: ColumnDef, content: Buffer): string | null {
  const charset = def.collation === null ? null : charsetOf(def.collation);
  return charset === null ? null : decodeText(charset, content);
}

/** Member of an ENUM ('' for the server's error value 0), or null for another type. */
export function enumText(def: ColumnDef, content: Buffer): string | null {
  if (def.type !== ColumnType.enum) return null;
  const number = content.readUIntLE(0, def.meta);
  if (number === 0) return '';
  const member = membersOf(def)[number - 1];
  if (member === undefined) throw new UnsupportedColumnError(`ENUM ${def.name} has no member ${number}`);
  return member;
}

/** Members of a SET in the order of its definition, or null for another type. */
export function setText(def: ColumnDef, content: Buffer): string | null {
  if (def.type !== ColumnType.set) return null;
  const members = membersOf(def);
  const chosen: string[] = [];
  for (let index = 0; index < content.length * 8; index++) {
    if ((((content[index >> 3] ?? 0) >> (index & 7)) & 1) === 0) continue;
    const member = members[index];
    if (member === undefined) throw new UnsupportedColumnError(`SET ${def.name} has no member ${index + 1}`);
    chosen.push(member);
  }
  return chosen.join(',');
}

function membersOf(def: ColumnDef): readonly string[] {
  if (def.members === null) throw new UnsupportedColumnError(`the members of ${def.name} are not known`);
  return def.members;
}
