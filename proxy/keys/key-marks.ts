import { createHash } from 'node:crypto';
import type { HeldLease } from './key-leases';

/**
 * What must survive a restart so that no key is issued twice. A mark stands ahead of what is used: nothing above it is
 * issued before it is on disk, and after a restart everything up to it counts as issued.
 */
export interface KeyMarks {
  /** The incarnation these marks belong to. */
  readonly scope: number;
  /** Time-sliced keys of all tables: up to the end of this second (since 2020-01-01). */
  readonly slice: number;
  /** By `tableId`. */
  readonly tables: ReadonlyMap<string, TableMarks>;
}

export interface TableMarks {
  /** Time-sliced keys of a table that runs ahead of the clock: up to the end of this second; 0: the global mark counts. */
  readonly slice: number;
  /** Bulk keys below this; 0n: none. */
  readonly bulk: bigint;
  readonly leases: readonly HeldLease[];
}

/** Names a table in the marks. Names with a line break or a quote are fine: JSON. */
export function tableId(schema: string, table: string): string {
  return JSON.stringify([schema, table]);
}

/**
 * The marks cannot be trusted: no file where there must be one, or one that is not what was written.
 */
export class KeyMarksError extends Error {
  readonly code: 'KEY_MARKS_MISSING' | 'KEY_MARKS_DAMAGED';
  constructor(kind: 'missing' | 'damaged', place: string) {
    super(
      `the key marks in ${place} are ${kind}: keys that were issued before could be issued again. ` +
        'Restore the file from this disk, or let the site join again under a new scope (a new incarnation).',
    );
    this.code = kind === 'missing' ? 'KEY_MARKS_MISSING' : 'KEY_MARKS_DAMAGED';
  }
}

/** Marks of an incarnation that has issued nothing yet. */
export function freshMarks(scope: number): KeyMarks {
  return { scope, slice: 0, tables: new Map() };
}

/** One line of JSON and one with its SHA-256. */
export function encodeMarks(marks: KeyMarks): string {
  const tables = [...marks.tables].map(([id, { slice, bulk, leases }]) => [
    id,
    slice,
    String(bulk),
    leases.map(({ from, to, used }) => [String(from), String(to), String(used)]),
  ]);
  const body = JSON.stringify({ v: 1, scope: marks.scope, slice: marks.slice, tables });
  return `${body}\n${checksum(body)}\n`;
}

/** Inverse of `encodeMarks`. `place` is named in the KeyMarksError of a damaged text. */
export function decodeMarks(text: string, place: string): KeyMarks {
  const [body = '', sum = ''] = text.split('\n');
  if (sum !== checksum(body)) throw new KeyMarksError('damaged', place);
  const value = JSON.parse(body) as {
    v: number;
    scope: number;
    slice: number;
    tables: [string, number, string, [string, string, string][]][];
  };
  if (value.v !== 1) throw new KeyMarksError('damaged', place);
  const tables = new Map<string, TableMarks>();
  for (const [id, slice, bulk, leases] of value.tables) {
    tables.set(id, {
      slice,
      bulk: BigInt(bulk),
      leases: leases.map(([from, to, used]) => ({ from: BigInt(from), to: BigInt(to), used: BigInt(used) })),
    });
  }
  return { scope: value.scope, slice: value.slice, tables };
}

function checksum(body: string): string {
  return createHash('sha256').update(body).digest('hex');
}
