import type { Member, Membership, SiteName } from '../api';
import { ringIdOf } from '../ring-id';

/** Scopes run from 1 to 4095 and are never granted twice. */
export const SCOPE_MAX = 4095;

/** A member, with the random id its incarnation wrote to its disk before it asked to be admitted. */
export interface MemberEntry extends Member {
  readonly instance: string;
}

/** An acceptor: one incarnation of a site. A site that lost its disk is another acceptor, since it forgot its promises. */
export interface Acceptor {
  readonly site: SiteName;
  readonly scope: number;
}

/** Who could be in a pool from epoch `since` on, until the next entry's `since`. */
export interface AnchorSpan {
  readonly since: number;
  readonly anchors: readonly Acceptor[];
}

/** What the register `members` holds. Decided at epoch e, it describes epoch e (or e + 1, when it has just changed). */
export interface MembershipRecord {
  /** Random id of the ring, made by its founder: two rings with one secret do not mix. */
  readonly ring: string;
  /** R, the same for all sites: pools are a function of it. */
  readonly replicas: number;
  readonly epoch: number;
  readonly members: readonly MemberEntry[];
  readonly nextScope: number;
  /** Oldest first; the last one is the present epoch's. A new pool reads a majority of the old ones: kept until settled. */
  readonly spans: readonly AnchorSpan[];
}

/** Name of the register that holds the membership. */
export const MEMBERS_REGISTER = 'members';

export function membershipOf(record: MembershipRecord): Membership {
  return { epoch: record.epoch, members: record.members };
}

export interface Applicant {
  readonly site: SiteName;
  readonly instance: string;
  readonly advertise: string | null;
  readonly anchor: boolean;
}

/** The first epoch: the founder alone, with scope 1. */
export function foundRing(founder: Applicant, ring: string, replicas: number): MembershipRecord {
  const entry: MemberEntry = { ...founder, ringId: ringIdOf(founder.site), scope: 1, anchor: true };
  return withMembers({ ring, replicas, epoch: 0, members: [], nextScope: 2, spans: [] }, [entry]);
}

export type Admission =
  | { readonly kind: 'granted'; readonly record: MembershipRecord }
  /** It is a member as asked: nothing to write. */
  | { readonly kind: 'standing'; readonly member: MemberEntry }
  | { readonly kind: 'refused'; readonly code: AdmissionRefusal };

export type AdmissionRefusal = 'site-name-taken' | 'scopes-exhausted';

/** Admits, or brings up to date, an incarnation. Idempotent by (site, instance). */
export function admit(record: MembershipRecord, applicant: Applicant): Admission {
  const standing = record.members.find((member) => member.site === applicant.site);
  if (standing === undefined) {
    if (record.nextScope > SCOPE_MAX) return { kind: 'refused', code: 'scopes-exhausted' };
    const entry: MemberEntry = { ...applicant, ringId: ringIdOf(applicant.site), scope: record.nextScope };
    const grown = withMembers(record, [...record.members, entry]);
    return { kind: 'granted', record: { ...grown, nextScope: record.nextScope + 1 } };
  }
  if (standing.instance !== applicant.instance) return { kind: 'refused', code: 'site-name-taken' };
  // The founder stays an anchor: somebody must decide.
  const anchor = applicant.anchor || standing.scope === 1;
  if (standing.advertise === applicant.advertise && standing.anchor === anchor) {
    return { kind: 'standing', member: standing };
  }
  const changed: MemberEntry = { ...standing, advertise: applicant.advertise, anchor };
  const members = record.members.map((member) => (member === standing ? changed : member));
  return { kind: 'granted', record: withMembers(record, members) };
}

/** The next epoch, without the pools of old: undefined when there are none, or the anchors have changed since `settled`. */
export function forgetOldPools(record: MembershipRecord, settled: number): MembershipRecord | undefined {
  const last = record.spans.at(-1);
  if (last === undefined || record.spans.length === 1 || last.since !== settled) return undefined;
  return { ...record, epoch: record.epoch + 1, spans: [last] };
}

/** The next epoch with these members. */
function withMembers(record: MembershipRecord, members: readonly MemberEntry[]): MembershipRecord {
  const epoch = record.epoch + 1;
  const anchors = members.filter((member) => member.anchor).map(({ site, scope }) => ({ site, scope }));
  const last = record.spans.at(-1);
  const same =
    last !== undefined &&
    last.anchors.length === anchors.length &&
    last.anchors.every((anchor, i) => anchor.scope === anchors[i]?.scope);
  return { ...record, epoch, members, spans: same ? record.spans : [...record.spans, { since: epoch, anchors }] };
}

export function encodeMembership(record: MembershipRecord): string {
  return JSON.stringify(record, (key, value: unknown) => (key === 'ringId' ? undefined : value));
}

/** Throws on text that is not a membership record. */
export function decodeMembership(text: string): MembershipRecord {
  const record = JSON.parse(text) as MembershipRecord;
  if (!Number.isInteger(record?.epoch) || !Array.isArray(record.members) || !Array.isArray(record.spans)) {
    throw new Error('not a membership record');
  }
  return { ...record, members: record.members.map((member) => ({ ...member, ringId: ringIdOf(member.site) })) };
}
