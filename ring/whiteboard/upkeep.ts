import type { Member, WhiteboardOutcome } from '../api';
import type { MembershipRecord } from '../members/membership';
import { poolSpans } from '../members/pool';
import type { Registers } from '../paxos/registers';
import type { Proposer } from './proposer';

const RECORD_MS = 5_000;
const RETRY_MS = 30_000;
const SETTLE_MS = 2_000;
const SETTLING_MAX = 4;
const LEAVE_ALONE_MS = 60_000;

export interface UpkeepView {
  readonly nowMs: number;
  readonly record: MembershipRecord;
  readonly self: Member;
  /** Own stream: the highest seq that lies at enough other sites. */
  readonly safekept: bigint;
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
  /** By register: since when another's promise shows that it is being settled elsewhere. */
  private readonly leftAlone = new Map<string, number>();

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
   * After a change of epoch each acceptor of an old pool sees to it that the registers it holds reach the new pool: until
   * then the new pool depends on the old one. Whoever finds that another has begun leaves it alone for a while.
   */
  private settle({ nowMs, record }: UpkeepView): void {
    this.nextSettleMs = nowMs + SETTLE_MS;
    for (const name of this.registers.names()) {
      if (this.settling.size >= SETTLING_MAX) return;
      const since = poolSpans(record, name, record.epoch)[0]?.since ?? 0;
      const { promised, accepted } = this.registers.state(name);
      if (accepted === null || accepted.ballot.epoch >= since || this.settling.has(name)) continue;
      if ((this.settled.get(name) ?? 0) >= since || !this.proposer.hasQuorum(name)) continue;
      if ((promised?.epoch ?? 0) >= since) {
        const leftAloneMs = this.leftAlone.get(name) ?? nowMs;
        this.leftAlone.set(name, leftAloneMs);
        if (nowMs - leftAloneMs < LEAVE_ALONE_MS) continue;
      }
      this.leftAlone.delete(name);
      this.settling.add(name);
      this.proposer.start(name, { kind: 'settle' }, nowMs, (outcome) => {
        this.settling.delete(name);
        if (outcome.kind === 'committed') this.settled.set(name, since);
      });
    }
  }
}

function readSafekept(text: string | null): bigint {
  if (text === null) return 0n;
  const { safekept } = JSON.parse(text) as { safekept?: string };
  return BigInt(safekept ?? 0);
}
