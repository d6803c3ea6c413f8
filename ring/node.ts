import type { Member, RingStatus, SiteName, StreamId, WhiteboardOutcome } from './api';
import { Delivery, type DeliveryOptions } from './delivery/delivery';
import { Progress } from './delivery/progress';
import { safekeptSeq } from './delivery/safekeeping';
import type { DurableRecord, DurableState, RingEffect, RingEvent } from './effects';
import { LinkWatch } from './failure/link-watch';
import { Admissions } from './members/admissions';
import { decodeMembership, encodeMembership, foundRing, MEMBERS_REGISTER, membershipOf } from './members/membership';
import type { Acceptor, Applicant, MembershipRecord } from './members/membership';
import { nextHop } from './members/routes';
import type { AcceptMessage, Message, PrepareMessage, QueryMessage, RelayMessage, RoutedMessage } from './message';
import { Registers } from './paxos/registers';
import { Proposer } from './whiteboard/proposer';
import { Upkeep } from './whiteboard/upkeep';

export interface RingNodeOptions extends DeliveryOptions {
  readonly site: SiteName;
  readonly advertise: string | null;
  readonly anchor: boolean;
  /** R, used by the founder only: it is a property of the ring. */
  readonly replicas: number;
  readonly safekeep: number;
  /** Creates a ring when nothing is on the disk. */
  readonly founder: boolean;
  /** Random at every start: 128 bits in hex. Names a new incarnation, a new ring, and this run's requests. */
  readonly entropy: string;
}

interface LinkState {
  readonly watch: LinkWatch;
  epochSent: number;
}

const GOSSIP_MS = 500;
const HOPS_MAX = 8;

/**
 * One site of the ring, without sockets, disk or clock: `step` takes what happened and the time, and returns what must be
 * done, in order (see RingEffect). Randomness comes from `entropy` alone, so a run can be replayed exactly. The outside
 * sends a `tick` at least every few hundred milliseconds, and feeds messages of authenticated peers only.
 */
export class RingNode {
  private effects: RingEffect[] = [];
  private local: RoutedMessage[] = [];
  private nowMs = 0;
  private record: MembershipRecord | null = null;
  private member: Member | null = null;
  private randomState: number;
  private gossipedMs = 0;
  private linksVersion = 0;
  private diskFailed = false;
  private readonly applicant: Applicant;
  private readonly links = new Map<SiteName, LinkState>();
  private readonly registers: Registers;
  private readonly proposer: Proposer;
  private readonly progress = new Progress();
  private readonly delivery: Delivery;
  private readonly admissions: Admissions;
  private readonly upkeep: Upkeep;

  constructor(
    private readonly options: RingNodeOptions,
    durable: DurableState,
    held: ReadonlyMap<StreamId, bigint>,
  ) {
    const { site, advertise, anchor, entropy } = options;
    const instance = durable.identity?.instance ?? entropy.slice(0, 16);
    this.applicant = { site, instance, advertise, anchor };
    this.randomState = parseInt(entropy.slice(16, 24), 16) | 0;
    this.registers = new Registers(durable.registers);
    this.proposer = new Proposer(this.proposerHost(), BigInt(`0x${entropy.slice(24, 32)}`) << 24n);
    this.delivery = new Delivery(this.deliveryHost(), options, held);
    this.admissions = new Admissions(this.applicant, this.proposer);
    this.upkeep = new Upkeep(this.registers, this.proposer);
    if (durable.identity === null) {
      this.effects.push({ kind: 'persist', records: [{ kind: 'identity', site, instance }] });
    }
    if (durable.membership !== null) this.adopt(decodeMembership(durable.membership), false);
    else if (options.founder) this.found(entropy.slice(0, 16));
    for (const [stream, seq] of held) this.raiseHeld(stream, seq);
  }

  step(event: RingEvent, nowMs: number): RingEffect[] {
    this.nowMs = nowMs;
    this.dispatch(event);
    for (let message = this.local.shift(); message !== undefined; message = this.local.shift()) {
      this.onRouted(this.options.site, message);
    }
    const effects = this.effects;
    this.effects = [];
    return effects;
  }

  /** Which instance, ring and epoch this site speaks for, at the start of a link. */
  greeting(): { readonly instance: string; readonly ring: string } {
    return { instance: this.applicant.instance, ring: this.record?.ring ?? '' };
  }

  /** Why a peer that knows the secret must not be linked all the same; null: nothing speaks against it. */
  objectionTo(peer: { site: string; instance: string; ring: string }): 'other-ring' | 'site-name-taken' | null {
    if (this.record === null) return peer.site === this.options.site ? 'site-name-taken' : null;
    if (peer.ring !== '' && peer.ring !== this.record.ring) return 'other-ring';
    const known = this.record.members.find((member) => member.site === peer.site);
    const taken = peer.site === this.options.site || (known !== undefined && known.instance !== peer.instance);
    return taken ? 'site-name-taken' : null;
  }

  status(): Omit<RingStatus, 'links'> & { readonly roundTripMs: ReadonlyMap<SiteName, number | null> } {
    const members = this.record?.members ?? [];
    return {
      self: this.member,
      membership: this.record === null ? null : membershipOf(this.record),
      progress: new Map(members.map(({ site, scope }) => [site, this.progress.of(scope)])),
      safekept: this.safekept(),
      safekeptRecorded: this.upkeep.safekeptRecorded,
      paxosRounds: { ...this.proposer.rounds },
      roundTripMs: new Map([...this.links].map(([site, { watch }]) => [site, watch.roundTripMs])),
    };
  }

  private dispatch(event: RingEvent): void {
    switch (event.kind) {
      case 'tick':
        return this.onTick();
      case 'linkUp':
        return this.onLinkUp(event.peer);
      case 'linkDown':
        return this.onLinkDown(event.peer);
      case 'message':
        return this.onMessage(event.from, event.message);
      case 'grown':
        return this.delivery.onGrown(event.stream, event.seq, this.nowMs);
      case 'applied':
        if (this.member !== null) this.progress.raise('applied', this.member.scope, event.stream, event.seq, null);
        return;
      case 'whiteboard':
        return this.onWhiteboard(event);
      case 'storeRead':
        return this.delivery.onStoreRead(event.peer, event.stream, event.fromSeq, event.records, this.nowMs);
      case 'storeAppended':
        if (!event.ok) this.report('append-failed', { stream: event.stream });
        return this.delivery.onAppended(event.peer, event.stream, event.upTo, event.ok, this.nowMs);
      case 'diskFailed':
        this.diskFailed = true;
        return;
      default:
        return assertNever(event);
    }
  }

  private onMessage(from: SiteName, message: Message): void {
    const link = this.links.get(from);
    if (link === undefined) return;
    link.watch.onReceived(this.nowMs);
    switch (message.kind) {
      case 'ping':
        link.watch.onPing(message, this.nowMs);
        return this.compareEpochs(from, link, message.epoch);
      case 'gossip':
        this.progress.receive(message.entries, from);
        return this.noteOwnHoldings(from);
      case 'batch':
        return this.delivery.onBatch(from, message, this.nowMs);
      case 'held':
        return this.delivery.onHeld(from, message, this.nowMs);
      case 'fetch':
        return this.delivery.onFetch(from, message, this.nowMs);
      case 'unfollow':
        return this.delivery.onUnfollow(from, message.stream);
      case 'admit':
        return this.admissions.onAdmit(from, message, this.nowMs, this.member !== null, this.admissionHost());
      case 'notAdmitted':
        return this.admissions.onNotAdmitted(message.code, this.admissionHost());
      case 'relay':
        return this.onRelay(message);
      default:
        return this.onRouted(from, message);
    }
  }

  private onRouted(from: SiteName, message: RoutedMessage): void {
    switch (message.kind) {
      case 'query':
      case 'prepare':
      case 'accept':
        return this.onProposal(from, message);
      case 'answer':
        return this.proposer.onAnswer(message, this.nowMs);
      case 'accepted':
        return this.proposer.onAccepted(message, this.nowMs);
      case 'refused':
        return this.proposer.onRefused(message, this.nowMs);
      case 'membership':
        return this.onMembership(message.record);
      case 'askMembership':
        if (this.record === null) return;
        this.route(from, { kind: 'membership', record: encodeMembership(this.record) });
        return;
      default:
        return assertNever(message);
    }
  }

  private onProposal(from: SiteName, message: QueryMessage | PrepareMessage | AcceptMessage): void {
    // A promise is an incarnation's: one that lost its disk must not answer for the one before it.
    if (this.diskFailed || this.record === null || message.to !== this.member?.scope) return;
    const { persist, reply } = this.registers.answer(message, this.member.scope, this.record.epoch);
    if (persist !== null) this.effects.push({ kind: 'persist', records: [persist] });
    this.route(from, reply);
    const epoch = message.kind === 'query' ? message.epoch : message.ballot.epoch;
    if (epoch > this.record.epoch) this.route(from, { kind: 'askMembership' });
  }

  private onRelay(message: RelayMessage): void {
    if (message.to === this.options.site) return this.onRouted(message.from, message.inner);
    const hop = this.hopTo(message.to);
    if (hop !== undefined && message.hopsLeft > 0) this.send(hop, { ...message, hopsLeft: message.hopsLeft - 1 });
  }

  private onMembership(text: string): void {
    let record: MembershipRecord;
    try {
      record = decodeMembership(text);
    } catch (error) {
      return this.report('malformed-membership', { error: String(error) });
    }
    if (this.record !== null && record.ring !== this.record.ring) return;
    if (record.epoch > (this.record?.epoch ?? 0)) this.adopt(record, true);
  }

  private onLinkUp(peer: SiteName): void {
    this.links.set(peer, { watch: new LinkWatch(this.nowMs, () => this.links.size), epochSent: 0 });
    this.progress.linkUp(peer);
    this.announceLinks();
    this.delivery.linkUp(peer);
    this.admissions.onLinkUp();
    this.ping(peer);
  }

  private onLinkDown(peer: SiteName): void {
    this.links.delete(peer);
    this.progress.linkDown(peer);
    this.delivery.linkDown(peer);
    this.announceLinks();
  }

  private onTick(): void {
    for (const [peer, { watch }] of this.links) {
      if (watch.isSuspect(this.nowMs)) this.effects.push({ kind: 'dropLink', peer });
      else if (watch.isPingDue(this.nowMs)) this.ping(peer);
    }
    this.proposer.tick(this.nowMs);
    this.delivery.tick(this.nowMs);
    this.gossip();
    this.admissions.tick(this.nowMs, this.record, [...this.links.keys()], this.admissionHost());
    if (this.record === null || this.member === null) return;
    this.upkeep.tick({ nowMs: this.nowMs, record: this.record, self: this.member, safekept: this.safekept() });
  }

  private onWhiteboard({ ticket, register, change }: RingEvent & { kind: 'whiteboard' }): void {
    const purpose = change === null ? ({ kind: 'read' } as const) : ({ kind: 'update', change } as const);
    this.proposer.start(register, purpose, this.nowMs, (outcome: WhiteboardOutcome) => {
      this.effects.push({ kind: 'outcome', ticket, outcome });
    });
  }

  private found(ring: string): void {
    const record = foundRing(this.applicant, ring, this.options.replicas);
    const ballot = { epoch: record.epoch, counter: 0, scope: 1 };
    const text = encodeMembership(record);
    const value = { text, changes: 1, recent: [ballot] };
    const message = {
      kind: 'accept',
      request: 0n,
      round: 0,
      to: 1,
      register: MEMBERS_REGISTER,
      ballot,
      value,
    } as const;
    const { persist } = this.registers.answer(message, 1, record.epoch);
    // Together: a membership without its register could never change again.
    const records: DurableRecord[] = [{ kind: 'membership', record: text }];
    this.effects.push({ kind: 'persist', records: persist === null ? records : [...records, persist] });
    this.adopt(record, false);
  }

  private adopt(record: MembershipRecord, fresh: boolean): void {
    const { instance } = this.applicant;
    this.record = record;
    const wasMember = this.member !== null;
    this.member = record.members.find((member) => member.instance === instance) ?? null;
    this.delivery.ownStream = (this.member?.scope ?? null) as StreamId | null;
    const text = encodeMembership(record);
    if (fresh) this.effects.push({ kind: 'persist', records: [{ kind: 'membership', record: text }] });
    if (this.member !== null && !wasMember) {
      this.effects.push({ kind: 'joined', member: this.member });
      for (const [stream, seq] of this.delivery.allHeld()) this.raiseHeld(stream, seq);
      this.announceLinks();
    }
    for (const [peer, link] of this.links) this.tellMembership(peer, link, text);
  }

  private compareEpochs(peer: SiteName, link: LinkState, epoch: number): void {
    const known = this.record?.epoch ?? 0;
    if (epoch > known) this.send(peer, { kind: 'askMembership' });
    if (epoch < known && this.record !== null) this.tellMembership(peer, link, encodeMembership(this.record), true);
  }

  private tellMembership(peer: SiteName, link: LinkState, text: string, again = false): void {
    const epoch = this.record?.epoch ?? 0;
    if (link.epochSent >= epoch && !again) return;
    link.epochSent = epoch;
    this.send(peer, { kind: 'membership', record: text });
  }

  private ping(peer: SiteName): void {
    const ping = this.links.get(peer)?.watch.makePing(this.record?.epoch ?? 0, this.nowMs);
    if (ping !== undefined) this.send(peer, ping);
  }

  private gossip(): void {
    if (this.nowMs - this.gossipedMs < GOSSIP_MS) return;
    this.gossipedMs = this.nowMs;
    for (const peer of this.links.keys()) {
      const entries = this.progress.takeNews(peer, this.scopeOf(peer));
      if (entries.length > 0) this.send(peer, { kind: 'gossip', entries });
    }
  }

  /** What a linked peer says it holds itself is where its feed stands. */
  private noteOwnHoldings(peer: SiteName): void {
    const scope = this.scopeOf(peer);
    if (scope === null) return;
    for (const [stream, seq] of this.progress.of(scope).held) this.delivery.onPeerHolds(peer, stream, seq);
  }

  private announceLinks(): void {
    if (this.member === null) return;
    this.linksVersion = Math.max(this.linksVersion + 1, this.nowMs);
    const scopes = [...this.links.keys()].map((peer) => this.scopeOf(peer)).filter((scope) => scope !== null);
    this.progress.setLinks(this.member.scope, { version: this.linksVersion, scopes }, null);
  }

  private raiseHeld(stream: StreamId, seq: bigint): void {
    if (this.member !== null) this.progress.raise('held', this.member.scope, stream, seq, null);
  }

  private safekept(): bigint {
    if (this.record === null || this.member === null) return 0n;
    const stream = this.member.scope as StreamId;
    const others = this.record.members.filter((member) => member.scope !== this.member?.scope);
    const marks = others.map(({ scope }) => this.progress.of(scope).held.get(stream) ?? 0n);
    return safekeptSeq(marks, this.options.safekeep, this.delivery.held(stream));
  }

  private scopeOf(site: SiteName): number | null {
    return this.record?.members.find((member) => member.site === site)?.scope ?? null;
  }

  private hopTo(site: SiteName): SiteName | undefined {
    if (this.links.has(site)) return site;
    const siteOf = new Map(this.record?.members.map((member) => [member.scope, member.site]));
    return nextHop(site, [...this.links.keys()], (via) => {
      const scope = this.scopeOf(via);
      const scopes = scope === null ? [] : (this.progress.of(scope).links?.scopes ?? []);
      return scopes.map((linked) => siteOf.get(linked)).filter((linked) => linked !== undefined);
    });
  }

  /** Sends to any member: itself, a neighbour, or by way of neighbours. */
  private route(to: SiteName, message: RoutedMessage): boolean {
    const hop = to === this.options.site ? to : this.hopTo(to);
    if (hop === undefined) return false;
    if (to === this.options.site) this.local.push(message);
    else if (hop === to) this.send(to, message);
    else this.send(hop, { kind: 'relay', to, from: this.options.site, hopsLeft: HOPS_MAX, inner: message });
    return true;
  }

  private send(to: SiteName, message: Message): void {
    this.links.get(to)?.watch.onSent(this.nowMs);
    this.effects.push({ kind: 'send', to, message });
  }

  private report(code: string, detail: Readonly<Record<string, unknown>>): void {
    this.effects.push({ kind: 'report', code, detail });
  }

  private admissionHost() {
    return {
      member: () => this.member,
      send: (to: SiteName, message: Message) => this.send(to, message),
      tellMembership: (to: SiteName) => {
        if (this.record !== null) this.send(to, { kind: 'membership', record: encodeMembership(this.record) });
      },
      reject: (code: string) => void this.effects.push({ kind: 'rejected', code }),
    };
  }

  private proposerHost() {
    return {
      membership: () => this.record,
      scope: () => this.member?.scope ?? null,
      send: (to: Acceptor, message: RoutedMessage) => this.route(to.site, message),
      isReachable: ({ site }: Acceptor) =>
        site === this.options.site ? !this.diskFailed : this.hopTo(site) !== undefined,
      adopt: (record: MembershipRecord) => this.adopt(record, true),
      askMembership: (scope: number) => {
        const site = this.record?.members.find((member) => member.scope === scope)?.site;
        if (site !== undefined) this.route(site, { kind: 'askMembership' });
      },
      random: () => this.random(),
    };
  }

  private deliveryHost() {
    return {
      self: this.options.site,
      emit: (effect: RingEffect) => {
        if (effect.kind === 'send') this.send(effect.to, effect.message);
        else this.effects.push(effect);
      },
      roundTripMs: (peer: SiteName) => this.links.get(peer)?.watch.roundTripMs ?? Number.MAX_SAFE_INTEGER,
      originOf: (stream: StreamId) =>
        this.record?.members.find(({ scope }) => scope === (stream as number))?.site ?? null,
      replicas: () => this.record?.replicas ?? this.options.replicas,
      onHeldHere: (stream: StreamId, seq: bigint) => this.raiseHeld(stream, seq),
    };
  }

  /** mulberry32: small, and the same everywhere. */
  private random(): number {
    this.randomState = (this.randomState + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.randomState ^ (this.randomState >>> 15), 1 | this.randomState);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }
}

function assertNever(value: never): never {
  throw new Error(`unexpected ${JSON.stringify(value)}`);
}
