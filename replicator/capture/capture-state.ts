import { createHash } from 'node:crypto';
import type { ChangeSet, Hlc, Incarnation, VersionVector } from '../change-set';
import { HLC_ZERO, nextHlc } from '../hlc';
import type { NetTransaction } from './change-set-builder';
import { CaptureError } from './capture-error';
import { type Gtid, type GtidPosition, formatPosition, parseGtid } from './gtid-position';
import type { AppliedMark, LoggedTransaction } from './transaction-assembler';

/** The transaction read last, so that a log that was cut and grew again is recognised. */
export interface LastTransaction {
  /** The position before it: reading goes on from there, and its repeat is compared. */
  readonly before: string;
  readonly gtid: string;
  readonly digest: string;
}

/** How far capture stands in the log, and what the next change set is stamped with. All of it follows from the log alone. */
export interface CaptureState {
  readonly position: GtidPosition;
  readonly localSeq: bigint;
  /** The highest reading given or seen applied. */
  readonly hlc: Hlc;
  readonly applied: ReadonlyMap<Incarnation, bigint>;
  readonly last: LastTransaction | null;
}

/** What the own stream already holds of a transaction that is read again after a crash. */
export interface SpooledHead {
  readonly gtid: string;
  readonly seq: bigint;
  readonly hlc: Hlc;
}

export function initialState(position: GtidPosition): CaptureState {
  return { position, localSeq: 0n, hlc: HLC_ZERO, applied: new Map(), last: null };
}

export function isRepeat(state: CaptureState, gtid: Gtid): boolean {
  return (state.position.get(gtid.domain)?.sequence ?? 0n) >= gtid.sequence;
}

/** Past a transaction that became a change set; the position is moved apart (`advance`). */
export function passed({ position, hlc, applied, last }: CaptureState, head: SpooledHead): CaptureState {
  return { position, localSeq: head.seq, hlc: head.hlc > hlc ? head.hlc : hlc, applied, last };
}

export function withApplied(state: CaptureState, marks: readonly AppliedMark[]): CaptureState {
  const applied = new Map(state.applied);
  let { hlc } = state;
  for (const mark of marks) {
    if (mark.seq > (applied.get(mark.incarnation) ?? 0n)) applied.set(mark.incarnation, mark.seq);
    if (mark.hlc > hlc) hlc = mark.hlc;
  }
  return { ...state, applied, hlc };
}

export interface Stamp {
  readonly origin: Incarnation;
  readonly site: string;
  readonly previousHash: Uint8Array;
  readonly wallMs: number;
}

const dependenciesByApplied = new WeakMap<CaptureState['applied'], { origin: Incarnation; vector: VersionVector }>();

/** Change sets between two applies share one map: it stays in memory with each of them. */
function dependenciesOf({ applied }: CaptureState, origin: Incarnation): VersionVector {
  const known = dependenciesByApplied.get(applied);
  if (known?.origin === origin) return known.vector;
  const vector = new Map([...applied].filter(([incarnation]) => incarnation !== origin));
  dependenciesByApplied.set(applied, { origin, vector });
  return vector;
}

/** The change set of a local transaction. */
export function stamped(
  state: CaptureState,
  transaction: Pick<LoggedTransaction, 'gtid' | 'timestampSec'>,
  net: NetTransaction,
  { origin, site, previousHash, wallMs }: Stamp,
): ChangeSet {
  return {
    origin,
    site,
    seq: state.localSeq + 1n,
    previousHash,
    hlc: nextHlc({ previous: state.hlc, eventMs: transaction.timestampSec * 1000, seen: [], wallMs }),
    dependencies: dependenciesOf(state, origin),
    gtid: transaction.gtid,
    tables: net.tables,
    rows: net.rows,
  };
}

/**
 * After a crash the own stream may hold more than the position says. Until those records are met again, they decide which
 * transactions became change sets: the rules may have changed since. Throws when the log passes one without showing it.
 */
export function spooledHeadFor(transaction: LoggedTransaction, replay: readonly SpooledHead[]): SpooledHead | null {
  const [next] = replay;
  if (next === undefined || next.gtid === transaction.gtid) return next ?? null;
  const expected = parseGtid(next.gtid);
  const read = parseGtid(transaction.gtid);
  if (read.domain === expected.domain && read.sequence >= expected.sequence) throw forked(next.gtid);
  return null;
}

export function forked(gtid: string): CaptureError {
  return new CaptureError(
    'DUARA_LOG_FORKED',
    `the server's binary log no longer holds transaction ${gtid} as it was read before: the server lost the end of its log ` +
      `(sync_binlog=1 and innodb_flush_log_at_trx_commit=1 prevent it) or was restored from a backup. What was read stays ` +
      `with the other sites. This site must join anew as a new incarnation`,
  );
}

/** Equal exactly if the log holds the same transaction. */
export function transactionDigest(transaction: LoggedTransaction): string {
  const hash = createHash('sha256').update(`${transaction.gtid}\n${transaction.timestampSec}\n`);
  for (const { table, change, rows, elsewhere } of transaction.rows) {
    // What an XA COMMIT makes true was logged before it.
    if (elsewhere === true) continue;
    hash.update(`${table.schema}\n${table.table}\n${change}\n`);
    for (const { before, after } of rows) {
      for (const value of [...(before ?? []), ...(after ?? [])]) {
        hash.update(value === undefined ? 'u' : value === null ? 'n' : `v${value.length}:`);
        if (value !== undefined && value !== null) hash.update(value);
      }
    }
  }
  for (const { schema, sql } of transaction.statements) hash.update(`${schema}\n${sql}\n`);
  return hash.digest('hex').slice(0, 32);
}

export function lastTransaction(before: GtidPosition, transaction: LoggedTransaction): LastTransaction {
  return { before: formatPosition(before), gtid: transaction.gtid, digest: transactionDigest(transaction) };
}
