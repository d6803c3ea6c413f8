import type { ColumnBytes, ColumnDef } from '../../change-set';
import { charsetOf } from '../charset';
import { ColumnType, isInteger } from '../column-type';
import { UnsupportedColumnError } from '../errors';
import { columnContent, enumText, isText, setText } from './column-content';
import { decimalText } from './decimal';
import { bigEndian, columnToBigInt } from './integers';
import { temporalText } from './temporal';

/**
 * A column's value as an SQL literal, for `column = …` in a WHERE clause. Text is hex with the column's character set as
 * introducer: no quoting, and the column's own collation decides, a literal's being weaker. TIMESTAMP is in UTC: the
 * session's time_zone must be '+00:00'. NULL is `NULL`, which equals nothing: use `<=>`.
 * Throws UnsupportedColumnError for types that cannot be compared so (JSON, GEOMETRY, VECTOR).
 */
export function columnToSqlLiteral(def: ColumnDef, bytes: ColumnBytes): string {
  if (bytes === null) return 'NULL';
  const content = columnContent(def, bytes);
  if (isInteger(def.type)) return String(columnToBigInt(def, content));
  switch (def.type) {
    // A FLOAT is compared as the DOUBLE it widens to: all its digits are needed.
    case ColumnType.float:
      return realLiteral(content.readFloatLE(0));
    case ColumnType.double:
      return realLiteral(content.readDoubleLE(0));
    case ColumnType.newDecimal:
      return decimalText(def.meta, content);
    case ColumnType.bit:
      return String(bigEndian(content));
    case ColumnType.json:
    case ColumnType.geometry:
    case ColumnType.vector:
    case ColumnType.null:
      throw new UnsupportedColumnError(`column ${def.name} of type ${def.type} has no SQL literal`);
    // The error value is the number 0: as '' it would also be found by a member ''.
    case ColumnType.enum:
      return content.readUIntLE(0, def.meta) === 0 ? '0' : textLiteral(enumText(def, content) ?? '');
    case ColumnType.set:
      return textLiteral(setText(def, content) ?? '');
    default:
      return stringLiteral(def, content);
  }
}

function stringLiteral(def: ColumnDef, content: Buffer): string {
  const hex = `x'${content.toString('hex')}'`;
  if (isText(def)) {
    const charset = def.collation === null ? null : charsetOf(def.collation);
    if (charset === null) throw new UnsupportedColumnError(`collation ${def.collation} of ${def.name} is not known`);
    return `_${charset} ${hex}`;
  }
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
      return hex;
    default:
      return `'${temporalText(def, content)}'`;
  }
}

function realLiteral(value: number): string {
  const text = String(value);
  return text.includes('e') ? text : `${text}e0`;
}

function textLiteral(text: string): string {
  return `_utf8mb4 x'${Buffer.from(text).toString('hex')}'`;
}

export function quoteName(name: string): string {
  return `\`${name.replaceAll('`', '``')}\``;
}
