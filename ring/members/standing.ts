import type { Member, SiteName } from '../api';
import type { MembershipRecord } from './membership';

export type Objection = 'other-ring' | 'site-name-taken';

/** The newest membership known to be decided, and this site's place in it. */
export class Standing {
  record: MembershipRecord | null = null;
  member: Member | null = null;

  constructor(
    private readonly site: SiteName,
    readonly instance: string,
  ) {}

  get epoch(): number {
    return this.record?.epoch ?? 0;
  }

  /** Returns whether this made the site a member. */
  take(record: MembershipRecord): boolean {
    const wasMember = this.member !== null;
    this.record = record;
    this.member = record.members.find((member) => member.instance === this.instance) ?? null;
    return this.member !== null && !wasMember;
  }

  scopeOf(site: SiteName): number | null {
    return this.record?.members.find((member) => member.site === site)?.scope ?? null;
  }

  siteOf(scope: number): SiteName | null {
    return this.record?.members.find((member) => member.scope === scope)?.site ?? null;
  }

  otherScopes(): number[] {
    const scopes = (this.record?.members ?? []).map((member) => member.scope);
    return scopes.filter((scope) => scope !== this.member?.scope);
  }

  /** Why a peer that knows the secret must not be linked all the same. */
  objectionTo(peer: { site: string; instance: string; ring: string }): Objection | null {
    if (peer.site === this.site) return 'site-name-taken';
    if (this.record === null) return null;
    if (peer.ring !== '' && peer.ring !== this.record.ring) return 'other-ring';
    const known = this.record.members.find((member) => member.site === peer.site);
    return known !== undefined && known.instance !== peer.instance ? 'site-name-taken' : null;
  }
}
