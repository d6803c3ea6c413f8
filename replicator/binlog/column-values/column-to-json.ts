import type { ColumnBytes, ColumnDef } from '../../change-set';
import { ColumnType, isInteger } from '../column-type';
import { columnContent, contentText, enumText, isText, setText } from './column-content';
import { decimalText } from './decimal';
import { bigEndian, columnToBigInt } from './integers';
import { jsonText } from './json-binary';
import { temporalText } from './temporal';

export type ColumnJson = string | number | null | { readonly base64: string };

/**
 * A column's value for people and for JSON: the text that the server would print, in a session with time zone UTC.
 * - integers and BIT: a number, a string of digits beyond 2^53
 * - FLOAT, DOUBLE: the shortest number that is the value; DECIMAL: text with all its digits
 * - dates and times, YEAR too: text; ENUM, SET: member names; JSON: its text
 * - binary columns, GEOMETRY (SRID and WKB), VECTOR, MariaDB's UUID and INET (the log shows them as BINARY), and text
 *   whose character set is not known here: base64
 */
export function columnToJson(def: ColumnDef, bytes: ColumnBytes): ColumnJson {
  if (bytes === null) return null;
  const content = columnContent(def, bytes);
  if (isInteger(def.type)) return safeNumber(columnToBigInt(def, content) ?? 0n);
  switch (def.type) {
    case ColumnType.float:
      return shortestFloat(content.readFloatLE(0));
    case ColumnType.double:
      return content.readDoubleLE(0);
    case ColumnType.newDecimal:
      return decimalText(def.meta, content);
    case ColumnType.bit:
      return safeNumber(bigEndian(content));
    case ColumnType.json:
      return jsonText(content);
    default:
      break;
  }
  const printed = enumText(def, content) ?? setText(def, content) ?? temporalOf(def, content);
  const text = printed ?? (isText(def) ? contentText(def, content) : null);
  return text ?? { base64: content.toString('base64') };
}

function temporalOf(def: ColumnDef, content: Buffer): string | null {
  switch (def.type) {
    case ColumnType.geometry:
    case ColumnType.vector:
    case ColumnType.null:
      return null;
    default:
      return temporalText(def, content);
  }
}

function safeNumber(value: bigint): number | string {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value.toString();
}

/** The shortest decimal number that is this FLOAT: 0.1 and not 0.10000000149011612. */
export function shortestFloat(value: number): number {
  // toPrecision drops the sign of -0.
  if (value === 0) return value;
  for (let digits = 6; digits < 9; digits++) {
    const candidate = Number(value.toPrecision(digits));
    if (Math.fround(candidate) === value) return candidate;
  }
  return Number(value.toPrecision(9));
}
