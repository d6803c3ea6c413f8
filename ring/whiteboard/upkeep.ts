import type { Member, WhiteboardOutcome } from '../api';
import { decodeMembership, encodeMembership, forgetOldPools, MEMBERS_REGISTER } from '../members/membership';
import type { MembershipRecord } from '../members/membership';
import type { Registers } from '../paxos/registers';
import type { Proposer } from './proposer';

const RECORD_MS = 5_000;
const RETRY_MS = 30_000;
const SETTLE_MS = 2_000;
const SETTLING_MAX = 4;
/** How much longer each next acceptor leaves it to the ones before. */
const DROP_STAGGER_MS = 20_000;

export interface UpkeepView {
  readonly nowMs: number;
  readonly record: MembershipRecord;
  readonly self: Member;
  /** Own stream: the highest seq that lies at enough other sites. */
  readonly safekept: bigint;
  /** The epoch for which a member says that it has settled (see Upkeep.settle). */
  readonly settledBy: (scope: number) => number;
}

/** What a member does with registers on its own: records how far its stream is safekept, and carries registers over. */
export class Upkeep {
  safekeptRecorded = 0n;
  private recording = false;
  private nextRecordMs = 0;
  private nextSettleMs = 0;
  private readonly settling = new Set<string>();
  /** By register: the epoch in which it was found in, or brought to, its pool. */
  private readonly settled = new Map<string, number>();
  /** Whatever was accepted here before this epoch has been settled. */
  settledEpoch = 0;
  private settledByAllMs: number | null = null;
  private dropping = false;

  constructor(
    private readonly registers: Registers,
    private readonly proposer: Proposer,
  ) {}

  tick(view: UpkeepView): void {
    if (view.nowMs >= this.nextRecordMs && view.safekept > this.safekeptRecorded) this.recordSafekept(view);
    if (view.nowMs >= this.nextSettleMs) this.settle(view);
  }

  private recordSafekept({ nowMs, self, safekept }: UpkeepView): void {
    const register = `stream/${self.scope}`;
    if (this.recording || !this.proposer.hasQuorum(register)) return;
    this.recording = true;
    this.nextRecordMs = nowMs + RECORD_MS;
    const change = (current: string | null): string | undefined =>
      readSafekept(current) >= safekept ? undefined : JSON.stringify({ safekept: safekept.toString() });
    this.proposer.start(register, { kind: 'update', change }, nowMs, (outcome: WhiteboardOutcome) => {
      this.recording = false;
      if (outcome.kind === 'committed' || outcome.kind === 'declined') {
        this.safekeptRecorded = readSafekept(outcome.value);
      } else {
        this.nextRecordMs = nowMs + RETRY_MS;
      }
    });
  }

  /**
   * After a change of the anchors every acceptor sees to it that each register it holds a value of is *chosen* in its
   * present pool; until then the new pools depend on the old ones. It refuses the epochs before, so nothing can be added.
   * When every acceptor of the old pools has done so, whatever was chosen there is chosen in the new ones, nothing can be
   * chosen there any more, and the old pools are dropped from the membership (by the lowest scope that is at hand).
   */
  private settle({ nowMs, record, self, settledBy }: UpkeepView): void {
    this.nextSettleMs = nowMs + SETTLE_MS;
    const since = record.spans.at(-1)?.since ?? 0;
    if (record.spans.length === 1 || this.settledEpoch >= since)
      return this.dropOldPools(since, nowMs, self, record, settledBy);
    let left = 0;
    for (const name of this.registers.names()) {
      if (this.registers.state(name).accepted === null || (this.settled.get(name) ?? 0) >= since) continue;
      left += 1;
      if (this.settling.size >= SETTLING_MAX || this.settling.has(name) || !this.proposer.hasQuorum(name)) continue;
      this.settling.add(name);
      this.proposer.start(name, { kind: 'settle' }, nowMs, (outcome) => {
        this.settling.delete(name);
        if (outcome.kind === 'committed') this.settled.set(name, since);
      });
    }
    if (left === 0) this.settledEpoch = since;
  }

  private dropOldPools(
    since: number,
    nowMs: number,
    self: Member,
    record: MembershipRecord,
    settledBy: (scope: number) => number,
  ): void {
    const acceptors = [...new Set(record.spans.flatMap(({ anchors }) => anchors.map(({ scope }) => scope)))];
    const place = acceptors.sort((a, b) => a - b).indexOf(self.scope);
    if (record.spans.length === 1 || place === -1 || this.dropping) return;
    if (!acceptors.every((scope) => settledBy(scope) >= since)) {
      this.settledByAllMs = null;
      return;
    }
    this.settledByAllMs ??= nowMs;
    if (nowMs - this.settledByAllMs < place * DROP_STAGGER_MS || !this.proposer.hasQuorum(MEMBERS_REGISTER)) return;
    this.dropping = true;
    const change = (current: string | null): string | undefined => {
      const next = current === null ? undefined : forgetOldPools(decodeMembership(current), since);
      return next === undefined ? undefined : encodeMembership(next);
    };
    this.proposer.start(MEMBERS_REGISTER, { kind: 'update', change }, nowMs, () => (this.dropping = false));
  }
}

function readSafekept(text: string | null): bigint {
  if (text === null) return 0n;
  const { safekept } = JSON.parse(text) as { safekept?: string };
  return BigInt(safekept ?? 0);
}
