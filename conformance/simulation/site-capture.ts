import type { ChangeSet, Hlc, Incarnation } from '../../replicator/change-set';
import { hashRecord, NO_HASH } from '../../replicator/codec/change-set-format';
import { encodeChangeSet } from '../../replicator/codec/encode';
import { HLC_ZERO, nextHlc } from '../../replicator/hlc';
import { TABLE } from '../../replicator/merge/testing/model-site';
import type { LogEntry } from './model-database';

/** All that capture must know to go on from a place in the log. */
export interface CaptureState {
  /** Entries of the log that are dealt with. */
  readonly index: number;
  readonly seq: bigint;
  readonly hlc: Hlc;
  readonly previousHash: Uint8Array;
  readonly applied: ReadonlyMap<Incarnation, bigint>;
}

export const CAPTURE_START: CaptureState = {
  index: 0,
  seq: 0n,
  hlc: HLC_ZERO,
  previousHash: NO_HASH,
  applied: new Map(),
};

export interface Captured {
  readonly changeSet: ChangeSet;
  readonly record: Buffer;
}

/** What one entry of the log makes of the state: a function of the log alone, so that reading again gives the same. */
export function captureEntry(
  state: CaptureState,
  entry: LogEntry,
  own: { readonly origin: Incarnation; readonly site: string },
): { readonly state: CaptureState; readonly captured: Captured | null } {
  const index = state.index + 1;
  if (entry.kind === 'applied') {
    const applied = new Map(state.applied);
    let { hlc } = state;
    for (const { origin, seq, hlc: seen } of entry.changeSets) {
      applied.set(origin, seq);
      if (seen > hlc) hlc = seen;
    }
    return { state: { ...state, index, applied, hlc }, captured: null };
  }
  const seq = state.seq + 1n;
  // The log's own time vouches for itself: a reading again must give the same clock.
  const hlc = nextHlc({ previous: state.hlc, eventMs: entry.timeMs, seen: [], wallMs: entry.timeMs });
  const changeSet: ChangeSet = {
    ...{ ...own, seq, hlc, previousHash: state.previousHash, dependencies: state.applied },
    ...{ gtid: entry.gtid, tables: [TABLE], rows: entry.rows },
  };
  const record = encodeChangeSet(changeSet);
  return { state: { ...state, index, seq, hlc, previousHash: hashRecord(record) }, captured: { changeSet, record } };
}
