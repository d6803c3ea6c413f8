import type { Member, SiteName } from '../api';
import type { AdmitMessage, Message } from '../message';
import type { Proposer } from '../whiteboard/proposer';
import { admit, decodeMembership, encodeMembership, MEMBERS_REGISTER } from './membership';
import type { AdmissionRefusal, Applicant, MembershipRecord } from './membership';

/** What admissions need of their node. */
export interface AdmissionHost {
  member(): Member | null;
  send(to: SiteName, message: Message): void;
  tellMembership(to: SiteName): void;
  reject(code: string): void;
}

const ASK_MS = 3_000;

/** Getting in, letting others in, and keeping one's own attributes in the membership up to date. */
export class Admissions {
  private nextAskMs = 0;
  private asked = 0;
  private readonly underWay = new Set<string>();

  constructor(
    private readonly applicant: Applicant,
    private readonly proposer: Proposer,
  ) {}

  onLinkUp(): void {
    this.nextAskMs = 0;
  }

  tick(nowMs: number, record: MembershipRecord | null, peers: readonly SiteName[], host: AdmissionHost): void {
    if (nowMs < this.nextAskMs) return;
    const { site, instance, advertise, anchor } = this.applicant;
    if (host.member() === null) {
      const peer = peers[this.asked % Math.max(1, peers.length)];
      if (peer === undefined) return;
      this.asked += 1;
      host.send(peer, { kind: 'admit', site, instance, advertise, anchor });
    } else if (record !== null && admit(record, this.applicant).kind === 'granted') {
      this.decide(this.applicant, nowMs, () => undefined);
    }
    this.nextAskMs = nowMs + ASK_MS;
  }

  /** Runs the update on the applicant's behalf. Asking again is harmless: it is granted once per instance. */
  onAdmit(from: SiteName, message: AdmitMessage, nowMs: number, isMember: boolean, host: AdmissionHost): void {
    if (message.site !== from || !isMember) return host.send(from, { kind: 'notAdmitted', code: 'ask-another' });
    const { site, instance, advertise, anchor } = message;
    this.decide({ site, instance, advertise, anchor }, nowMs, (refusal) => {
      if (refusal !== null) host.send(from, { kind: 'notAdmitted', code: refusal });
      else host.tellMembership(from);
    });
  }

  onNotAdmitted(code: string, host: AdmissionHost): void {
    if (host.member() !== null) return;
    if (code === 'ask-another') this.nextAskMs = 0;
    else host.reject(code);
  }

  private decide(applicant: Applicant, nowMs: number, done: (refusal: AdmissionRefusal | null) => void): void {
    if (this.underWay.has(applicant.instance)) return;
    this.underWay.add(applicant.instance);
    let refusal: AdmissionRefusal | null = null;
    const change = (current: string | null): string | undefined => {
      refusal = null;
      if (current === null) return undefined;
      const admission = admit(decodeMembership(current), applicant);
      if (admission.kind === 'refused') refusal = admission.code;
      return admission.kind === 'granted' ? encodeMembership(admission.record) : undefined;
    };
    this.proposer.start(MEMBERS_REGISTER, { kind: 'update', change }, nowMs, (outcome) => {
      this.underWay.delete(applicant.instance);
      if (outcome.kind === 'committed' || outcome.kind === 'declined') done(refusal);
    });
  }
}
