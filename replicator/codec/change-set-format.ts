import { hash } from 'node:crypto';

/**
 * Binary form of a change set, version 1. "int" is a length-encoded integer, "bytes" an int and that many bytes
 * (MySQL protocol, "Integer Types" and "String Types").
 *
 *   version u8 | origin int | site bytes | seq int | previousHash 16 | hlc u64
 *   dependencies: count int, then (incarnation int, seq int) by rising incarnation
 *   gtid bytes
 *   table part: bytes, in it
 *     names: count int, then bytes each: every schema, table, column name and member once
 *     tables: count int, each: schema, table (name numbers), columns, primary key
 *       column: name, type int, meta int, flags u8, [collation int], [member count int, members]
 *   index names: count int, then bytes each
 *   rows: count int, each: kind u8, table int, key, before, after, uniques
 *     image: column count int, bitmap "present", bitmap "NULL", then bytes for each present value that is not NULL
 *     key: length shared with the key before it, then the rest as bytes
 *     unique: index name, column count int, columns int each, flags u8, [before key], [after key]
 *
 * The table part stands by itself since most change sets share theirs with many others: it is decoded once.
 * The form of a change set is a function of its values, since the next one carries its hash.
 */
export const FORMAT_VERSION = 1;
export const HASH_BYTES = 16;
export const INCARNATION_MAX = 4095;

export const KINDS = ['insert', 'update', 'delete'] as const;

export const COLUMN_NULLABLE = 1;
export const COLUMN_UNSIGNED = 2;
export const COLUMN_HAS_COLLATION = 4;
export const COLUMN_HAS_MEMBERS = 8;
export const COLUMN_COMPUTED = 16;
export const COLUMN_FLAGS = 31;

export const UNIQUE_HAS_BEFORE = 1;
export const UNIQUE_HAS_AFTER = 2;
export const UNIQUE_FLAGS = 3;

/** What arrived is not a change set of a version this program knows: a peer's fault or a damaged file. */
export class ChangeSetFormatError extends Error {
  readonly code: 'DUARA_CHANGE_SET_VERSION' | 'DUARA_CHANGE_SET_DAMAGED';

  constructor(code: ChangeSetFormatError['code'], message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** Hashes stay in memory with their change sets: small blocks of their own, so that they keep nothing else there. */
const HASHES_PER_BLOCK = 64;
let block = Buffer.alloc(0);
let used = 0;

/** Name of an encoded change set in its successor: the first 16 bytes of its SHA-256. */
export function hashRecord(record: Uint8Array): Buffer {
  if (used === block.length) {
    block = Buffer.alloc(HASH_BYTES * HASHES_PER_BLOCK);
    used = 0;
  }
  const name = block.subarray(used, (used += HASH_BYTES));
  // By way of text, a character for each byte: a third of the time that a buffer for the digest takes.
  const digest = hash('sha256', record, 'binary');
  for (let at = 0; at < HASH_BYTES; at++) name[at] = digest.charCodeAt(at);
  return name;
}

/** `previousHash` of an incarnation's first change set. */
export const NO_HASH: Uint8Array = Buffer.alloc(HASH_BYTES);
