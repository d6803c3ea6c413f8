import { createHash } from 'node:crypto';
import type { RowKey, UniqueKey } from '../change-set';
import { PayloadWriter } from '../../proxy/wire/payload-writer';

/**
 * Keys are byte strings in a JavaScript string, one byte a character (V8 stores such strings in one byte each): a kind
 * letter, the names and the values, each with its length before it, so that different parts never make one key. For a long
 * value (MariaDB keeps a UNIQUE over TEXT or BLOB of any length) its SHA-256 stands, behind a mark that is no length.
 */

export interface RowKeyParts {
  readonly schema: string;
  readonly table: string;
  /** The primary key's values in key order, in the server's equality: numbers as bytes, text as its WEIGHT_STRING. */
  readonly values: readonly Uint8Array[];
}

export interface UniqueKeyParts extends RowKeyParts {
  readonly index: string;
}

export function rowKey({ schema, table, values }: RowKeyParts): RowKey {
  return keyString('r', [schema, table], values) as RowKey;
}

/** A unique index holds no value where a part is NULL: then there is no key to make (UniqueChange says null). */
export function uniqueKey({ schema, table, index, values }: UniqueKeyParts): UniqueKey {
  return keyString('u', [schema, table, index], values) as UniqueKey;
}

/** The key's bytes, for hashing and the wire. */
export function keyBytes(key: RowKey | UniqueKey): Buffer {
  return Buffer.from(key, 'latin1');
}

export function keyFromBytes<Key extends RowKey | UniqueKey>(bytes: Uint8Array): Key {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1') as Key;
}

/** One for all keys, as one is made for each row. */
const writer = new PayloadWriter(256);

/** An index has 32 columns at most: a key of so many stays below what a reader of records takes for one (64 KiB). */
const VALUE_BYTES_MAX = 1_024;
/** Stands for NULL where lengths are written so; a key has none. */
const HASH_MARK = 0xfb;

function keyString(kind: 'r' | 'u', names: readonly string[], values: readonly Uint8Array[]): string {
  writer.latin1(kind);
  for (const name of names) writer.lenencBytes(name);
  for (const value of values) {
    if (value.length <= VALUE_BYTES_MAX) writer.lenencBytes(value);
    else writer.uint8(HASH_MARK).raw(createHash('sha256').update(value).digest());
  }
  return writer.takeLatin1();
}
