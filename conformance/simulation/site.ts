import { CausalGate } from '../../replicator/apply/causal-gate';
import type { ChangeSet, Incarnation, VersionVector } from '../../replicator/change-set';
import { hashRecord, NO_HASH } from '../../replicator/codec/change-set-format';
import { decodeChangeSet } from '../../replicator/codec/decode';
import { PLAIN_RULES, type Row } from '../../replicator/merge/testing/model-site';
import { RetentionWindow } from '../../replicator/merge/retention-window';
import { contains, covers, formatVector } from '../../replicator/version-vector';
import type { SiteName, StreamId } from '../../ring/api';
import { Disk } from './disk';
import { ModelDatabase, type Decided } from './model-database';
import { foldRulesOf, type Mutant } from './mutants';
import { CAPTURE_START, captureEntry, type CaptureState } from './site-capture';
import type { World } from './world';

/** A promise that did not hold, in words. */
export interface Violation {
  readonly check: string;
  readonly detail: string;
}

export interface ReplicatorHost {
  readonly world: World;
  readonly mutant: Mutant | null;
  violated(violation: Violation): void;
  /** The own stream grew on the disk. */
  grown(seq: bigint): void;
  appliedSeen(stream: StreamId, seq: bigint): void;
}

interface Attempt {
  decided: Decided[];
  readonly arrivals: ChangeSet[];
}

/**
 * What a site's replicator does between its database and its streams: capture, merge and apply with the production gate,
 * codec and window; the database, the log and the disk are models. One life of the process; a restart makes a new one.
 */
export class SiteReplicator {
  readonly window: RetentionWindow;
  private readonly gate = new CausalGate();
  /** By stream: offered to the gate up to here. */
  private readonly offered = new Map<StreamId, bigint>();
  private readonly hashes = new Map<StreamId, Uint8Array>();
  private readonly stripped = new Map<ChangeSet, ChangeSet>();
  private state: CaptureState;
  private spooling: bigint;
  private attempt: Attempt | null = null;
  private captureDue = false;
  private alive = true;

  constructor(
    private readonly host: ReplicatorHost,
    private readonly own: { readonly origin: Incarnation; readonly site: SiteName },
    private readonly database: ModelDatabase,
    private readonly disk: Disk<CaptureState>,
  ) {
    this.window = new RetentionWindow(PLAIN_RULES, foldRulesOf(host.mutant));
    this.state = disk.position?.state ?? CAPTURE_START;
    this.spooling = BigInt(this.records(this.stream).length);
    for (const [stream, records] of disk.streams) {
      const last = stream === this.stream ? this.spooling : (database.applied.get(originOf(stream)) ?? 0n);
      for (const record of records.slice(0, Number(last))) this.window.addLocal(decodeChangeSet(record), record);
      if (stream === this.stream) continue;
      this.offered.set(stream, last);
      if (last > 0n) this.hashes.set(stream, hashRecord(records[Number(last) - 1]!));
    }
    this.scheduleCapture();
  }

  /** The process is gone. */
  stop(): void {
    this.alive = false;
  }

  /** What the database holds of every stream, the own one as far as captured. */
  get reached(): VersionVector {
    return new Map(this.database.applied).set(this.own.origin, this.state.seq);
  }

  commit(changes: ReadonlyMap<string, Row | undefined>, timeMs: number): boolean {
    const done = this.database.commit(changes, timeMs);
    if (done) this.scheduleCapture();
    return done;
  }

  /** Streams have grown, or causes arrived: applies what it can, unless it is at it. */
  wake(): void {
    if (!this.alive || this.attempt !== null) return;
    this.offerReceived();
    const ready = this.takeReady();
    if (ready.length === 0) return;
    const attempt: Attempt = { decided: this.decide(ready), arrivals: [] };
    this.attempt = attempt;
    // Meanwhile local transactions commit: the rows are written, the commit is still to come.
    this.later(this.host.world.between(2, 60), () => this.finish(attempt));
  }

  private takeReady(): ChangeSet[] {
    const ready = this.gate.ready(this.reached, 1 + this.host.world.random(8));
    return this.host.mutant === 'no-gate' ? ready.map((stripped) => this.stripped.get(stripped)!) : ready;
  }

  private get stream(): StreamId {
    return this.own.origin as number as StreamId;
  }

  private records(stream: StreamId): readonly Uint8Array[] {
    return this.disk.streams.get(stream) ?? [];
  }

  private later(delayMs: number, act: () => void): void {
    this.host.world.after(delayMs, () => {
      if (this.alive) act();
    });
  }

  private scheduleCapture(): void {
    if (this.captureDue) return;
    this.captureDue = true;
    this.later(this.host.world.between(1, 40), () => {
      this.captureDue = false;
      this.capture();
      this.wake();
    });
  }

  /** Reads the log to its end. */
  private capture(): void {
    const fresh: Uint8Array[] = [];
    const first = this.spooling + 1n;
    while (this.state.index < this.database.log.length) {
      const entry = this.database.log[this.state.index]!;
      const { state, captured } = captureEntry(this.state, entry, this.own);
      this.state = state;
      if (entry.kind === 'applied') {
        for (const { origin, seq } of entry.changeSets) this.host.appliedSeen(origin as number as StreamId, seq);
      }
      if (captured === null) continue;
      const { changeSet, record } = captured;
      if (changeSet.seq <= this.spooling) {
        if (!record.equals(this.records(this.stream)[Number(changeSet.seq) - 1]!)) {
          this.host.violated({
            check: 'capture',
            detail: `${this.own.site} reads change set ${changeSet.seq} differently`,
          });
        }
        continue;
      }
      this.window.addLocal(changeSet, record);
      this.attempt?.arrivals.push(changeSet);
      this.spooling = changeSet.seq;
      fresh.push(record);
    }
    this.spool(first, fresh);
  }

  /** Spool before position before send. */
  private spool(first: bigint, records: readonly Uint8Array[]): void {
    const { state } = this;
    const last = first + BigInt(records.length) - 1n;
    if (this.host.mutant === 'position-first') this.disk.savePosition({ index: state.index, state });
    this.disk.append(this.stream, first, records, () => {
      this.disk.savePosition({ index: state.index, state });
      if (records.length > 0) this.host.grown(last);
    });
  }

  private offerReceived(): void {
    for (const [stream, records] of this.disk.streams) {
      if (stream === this.stream) continue;
      const from = Number(this.offered.get(stream) ?? 0n);
      for (const record of records.slice(from)) {
        const changeSet = decodeChangeSet(record);
        const before = this.hashes.get(stream) ?? NO_HASH;
        if (!Buffer.from(before).equals(changeSet.previousHash)) {
          this.host.violated({
            check: 'chain',
            detail: `${this.own.site} got ${idOf(changeSet)} with another predecessor`,
          });
        }
        this.hashes.set(stream, hashRecord(record));
        this.gate.offer(this.host.mutant === 'no-gate' ? this.strip(changeSet) : changeSet);
      }
      this.offered.set(stream, BigInt(records.length));
    }
  }

  /** The mutant's change set, which seems to depend on nothing. */
  private strip(changeSet: ChangeSet): ChangeSet {
    const stripped = { ...changeSet, dependencies: new Map<Incarnation, bigint>() };
    this.stripped.set(stripped, changeSet);
    return stripped;
  }

  private decide(changeSets: readonly ChangeSet[]): Decided[] {
    return changeSets.map((changeSet) => ({ changeSet, decision: this.window.decide(changeSet) }));
  }

  /** The apply's last look at the log, and its commit. */
  private finish(attempt: Attempt): void {
    this.capture();
    const met = attempt.arrivals.some((local) =>
      attempt.decided.some(({ changeSet }) => this.window.touches(changeSet, local)),
    );
    if (met && this.host.mutant !== 'no-validation') {
      for (const { changeSet } of attempt.decided.toReversed()) this.window.undo(changeSet);
      attempt.decided = this.decide(attempt.decided.map(({ changeSet }) => changeSet));
      this.host.world.note(`${this.own.site} decides again: a local transaction came in between`);
    }
    this.attempt = null;
    this.database.apply(attempt.decided, (changeSet, applied) => this.checkCauses(changeSet, applied));
    this.host.world.note(
      `${this.own.site} applies ${attempt.decided.map(({ changeSet }) => idOf(changeSet)).join(', ')}`,
    );
    this.scheduleCapture();
    this.wake();
  }

  /** G4 and G5, at the commit. */
  private checkCauses(changeSet: ChangeSet, applied: VersionVector): void {
    const here = new Map(applied).set(this.own.origin, this.state.seq);
    const problem = contains(here, changeSet)
      ? 'twice'
      : changeSet.seq !== (here.get(changeSet.origin) ?? 0n) + 1n
        ? 'before its predecessor'
        : covers(here, changeSet.dependencies)
          ? null
          : `before its causes ${formatVector(changeSet.dependencies)} (applied: ${formatVector(here)})`;
    if (problem === null) return;
    this.host.violated({ check: 'causality', detail: `${this.own.site} applies ${idOf(changeSet)} ${problem}` });
  }
}

const originOf = (stream: StreamId): Incarnation => stream as number as Incarnation;
const idOf = ({ origin, seq }: ChangeSet): string => `${origin}:${seq}`;
