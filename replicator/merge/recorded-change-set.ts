import type { ChangeSet, Incarnation, Hlc, RowKey, VersionVector } from '../change-set';
import { decodeChangeSet } from '../codec/decode';
import type { Operation } from './operation';

/** What orders a change set among others. */
export type Stamp = Pick<ChangeSet, 'origin' | 'seq' | 'hlc' | 'dependencies'>;

/** One row of a change set that is kept as its record. */
export interface RecordedRow {
  readonly changeSet: RecordedChangeSet;
  readonly key: RowKey;
  /** Index into the change set's rows. */
  readonly row: number;
}

/** Records are copied into pieces of memory of so many bytes; a long one gets a piece of its own. */
const PIECE_BYTES = 64 * 1024;
const LONG_BYTES = PIECE_BYTES / 4;

const noKey = '' as RowKey;

/** Memory for many small records. */
export class RecordMemory {
  private piece = Buffer.alloc(0);
  private used = 0;

  keep(changeSet: ChangeSet, record: Uint8Array): RecordedChangeSet {
    const { length } = record;
    if (length > LONG_BYTES) {
      const own = Buffer.allocUnsafeSlow(length);
      own.set(record);
      return new RecordedChangeSet(changeSet, own, 0, length);
    }
    if (length > this.piece.length - this.used) {
      this.piece = Buffer.allocUnsafeSlow(PIECE_BYTES);
      this.used = 0;
    }
    const from = this.used;
    this.piece.set(record, from);
    this.used += length;
    return new RecordedChangeSet(changeSet, this.piece, from, length);
  }
}

/**
 * A change set of which only the record is kept: a tenth of the memory that its decoded form takes, and nothing in it that
 * must be moved when memory is freed. Few are ever asked for more than their stamp and keys; those stay decoded. It stands
 * for its own row where it has one only.
 */
export class RecordedChangeSet implements Stamp, RecordedRow {
  readonly origin: Incarnation;
  readonly hlc: Hlc;
  readonly dependencies: VersionVector;
  readonly key: RowKey;
  /** As a number, which takes no memory of its own: no stream comes to 2^53 change sets. */
  private readonly number: number;
  private operations: readonly Operation[] | null = null;

  constructor(
    { origin, seq, hlc, dependencies, rows }: ChangeSet,
    private readonly memory: Buffer,
    private readonly from: number,
    private readonly length: number,
  ) {
    this.origin = origin;
    this.hlc = hlc;
    this.dependencies = dependencies;
    this.key = rows[0]?.key ?? noKey;
    this.number = Number(seq);
  }

  get seq(): bigint {
    return BigInt(this.number);
  }

  get changeSet(): this {
    return this;
  }

  get row(): number {
    return 0;
  }

  /** The same objects each time. */
  operationsInOrder(): readonly Operation[] {
    this.operations ??= operationsOf(decodeChangeSet(this.memory.subarray(this.from, this.from + this.length)));
    return this.operations;
  }
}

export function operationsOf(changeSet: ChangeSet): Operation[] {
  return changeSet.rows.map((change): Operation => ({ changeSet, change, table: changeSet.tables[change.table]! }));
}
