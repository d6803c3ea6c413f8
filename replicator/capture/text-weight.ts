import type { ColumnDef } from '../change-set';
import { columnContent } from '../binlog/column-values/column-content';
import type { CollationInfo, CollationOf } from './table-schema';

/**
 * Text is equal as its collation says ('Straße' may equal 'STRASSE'). The server is asked for a text's WEIGHT_STRING, except
 * where equality is that of bytes, which is worked out here.
 */
export interface WeightRequest {
  readonly collation: number;
  readonly prefix: number | null;
  readonly text: Uint8Array;
}

/** Answers to requests, by `weightKey`. */
export type Weights = { get(key: string): Uint8Array | undefined };

export function weightKey({ collation, prefix, text }: WeightRequest): string {
  return `${collation}:${prefix ?? ''}:${Buffer.from(text.buffer, text.byteOffset, text.byteLength).toString('latin1')}`;
}

const BINARY_COLLATION = 63;
/** Character sets in which a space is the byte 0x20, and a character's end can be told from its bytes here. */
const BYTE_CHARSETS = new Set(['latin1', 'ascii', 'latin2', 'latin5', 'latin7', 'cp1250', 'cp1251', 'cp1252', 'koi8r']);
const UTF8_CHARSETS = new Set(['utf8', 'utf8mb3', 'utf8mb4']);
const SPACE = 0x20;

/** True when trailing spaces do not count (PAD SPACE). MariaDB's names say nopad; MySQL's collations of 2016 never pad. */
export function padsSpaces(collation: CollationInfo): boolean {
  return collation.name !== 'binary' && !/nopad|_0900_/.test(collation.name);
}

export type ValueWeight =
  { readonly kind: 'known'; readonly bytes: Uint8Array } | { readonly kind: 'ask'; readonly request: WeightRequest };

/** A value of a key column in the server's equality, or what to ask the server for it. */
export function valueWeight(
  column: ColumnDef,
  bytes: Uint8Array,
  prefix: number | null,
  collationOf: CollationOf,
): ValueWeight {
  const content = columnContent(column, bytes);
  // Members of an ENUM stand in the log as their number, whatever their collation.
  if (column.collation === null || column.members !== null) return { kind: 'known', bytes: content };
  if (column.collation === BINARY_COLLATION) {
    return { kind: 'known', bytes: prefix === null ? content : content.subarray(0, prefix) };
  }
  const collation = collationOf(column.collation);
  const local = collation === undefined ? null : binaryWeight(collation, content, prefix);
  if (local !== null) return { kind: 'known', bytes: local };
  return { kind: 'ask', request: { collation: column.collation, prefix, text: content } };
}

function binaryWeight(collation: CollationInfo, text: Uint8Array, prefix: number | null): Uint8Array | null {
  const utf8 = UTF8_CHARSETS.has(collation.charset);
  if (!collation.name.endsWith('_bin') || !(utf8 || BYTE_CHARSETS.has(collation.charset))) return null;
  const cut = prefix === null ? text : text.subarray(0, utf8 ? utf8Bytes(text, prefix) : prefix);
  return padsSpaces(collation) ? withoutTrailingSpaces(cut) : cut;
}

/** Length in bytes of the first `characters` characters. */
function utf8Bytes(text: Uint8Array, characters: number): number {
  let seen = 0;
  for (let index = 0; index < text.length; index++) {
    const continues = ((text[index] as number) & 0xc0) === 0x80;
    if (!continues && ++seen > characters) return index;
  }
  return text.length;
}

function withoutTrailingSpaces(text: Uint8Array): Uint8Array {
  let end = text.length;
  while (end > 0 && text[end - 1] === SPACE) end--;
  return text.subarray(0, end);
}
