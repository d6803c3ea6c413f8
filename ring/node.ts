import type { RingStatus, SiteName, StreamId, WhiteboardOutcome } from './api';
import { Delivery } from './delivery/delivery';
import { Gossip } from './delivery/gossip';
import { Progress } from './delivery/progress';
import { safekeepOf, safekeptSeq } from './delivery/safekeeping';
import type { DurableState, RingEffect, RingEvent } from './effects';
import { Neighbours } from './links/neighbours';
import { Admissions } from './members/admissions';
import { decodeMembership, encodeMembership, foundRing, MEMBERS_REGISTER, membershipOf } from './members/membership';
import type { Acceptor, Applicant, MembershipRecord } from './members/membership';
import { Standing, type Objection } from './members/standing';
import type { AcceptMessage, Message, PrepareMessage, QueryMessage, RelayMessage, RoutedMessage } from './message';
import type { RingNodeOptions } from './node-options';
import { randomFrom } from './random';
import { Registers } from './paxos/registers';
import { Proposer } from './whiteboard/proposer';
import { Upkeep } from './whiteboard/upkeep';

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
  private readonly standing: Standing;
  private readonly random: () => number;
  private diskFailed = false;
  private readonly applicant: Applicant;
  private readonly neighbours = new Neighbours((site) => this.gossip.linksOf(site));
  private readonly registers: Registers;
  private readonly proposer: Proposer;
  private readonly progress = new Progress();
  private readonly gossip: Gossip;
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
    this.standing = new Standing(site, instance);
    this.gossip = new Gossip(this.progress, this.standing, this.neighbours);
    this.random = randomFrom(parseInt(entropy.slice(16, 24), 16));
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
    for (const [stream, seq] of held) this.gossip.raise('held', stream, seq);
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
    return { instance: this.applicant.instance, ring: this.standing.record?.ring ?? '' };
  }

  /** Why a peer that knows the secret must not be linked all the same; null: nothing speaks against it. */
  objectionTo(peer: { site: string; instance: string; ring: string }): Objection | null {
    return this.standing.objectionTo(peer);
  }

  status(): Omit<RingStatus, 'links'> & { readonly roundTripMs: ReadonlyMap<SiteName, number | null> } {
    const members = this.standing.record?.members ?? [];
    return {
      self: this.standing.member,
      membership: this.standing.record === null ? null : membershipOf(this.standing.record),
      progress: new Map(members.map(({ site, scope }) => [site, this.progress.of(scope)])),
      safekept: this.safekept(),
      safekeptRecorded: this.upkeep.safekeptRecorded,
      paxosRounds: { ...this.proposer.rounds },
      roundTripMs: this.neighbours.roundTrips(),
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
        return this.gossip.raise('applied', event.stream, event.seq);
      case 'whiteboard':
        return this.onWhiteboard(event);
      case 'storeRead':
        return this.delivery.onStoreRead(event.peer, event.stream, event.fromSeq, event.records, this.nowMs);
      case 'storeAppended':
        if (!event.ok) this.report('append-failed', { stream: event.stream });
        return this.delivery.onAppended(event.peer, event.stream, event.upTo, event.ok, this.nowMs);
      case 'diskFailed':
      case 'diskHealed':
        this.diskFailed = event.kind === 'diskFailed';
        return;
      default:
        return assertNever(event);
    }
  }

  private onMessage(from: SiteName, message: Message): void {
    if (!this.neighbours.has(from)) return;
    this.neighbours.onReceived(from, message, this.nowMs);
    switch (message.kind) {
      case 'ping':
        return this.compareEpochs(from, message.epoch);
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
        return this.admissions.onAdmit(from, message, this.nowMs, this.standing.member !== null, this.admissionHost());
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
        return this.shareMembership(from);
      default:
        return assertNever(message);
    }
  }

  private onProposal(from: SiteName, message: QueryMessage | PrepareMessage | AcceptMessage): void {
    // A promise is an incarnation's: one that lost its disk must not answer for the one before it.
    if (this.diskFailed || this.standing.record === null || message.to !== this.standing.member?.scope) return;
    const { persist, reply } = this.registers.answer(message, this.standing.member.scope, this.standing.record.epoch);
    if (persist !== null) this.effects.push({ kind: 'persist', records: [persist] });
    this.route(from, reply);
    const epoch = message.kind === 'query' ? message.epoch : message.ballot.epoch;
    if (epoch > this.standing.record.epoch) this.route(from, { kind: 'askMembership' });
  }

  private onRelay(message: RelayMessage): void {
    if (message.to === this.options.site) return this.onRouted(message.from, message.inner);
    const hop = this.neighbours.hopTo(message.to);
    if (hop !== undefined && message.hopsLeft > 0) this.send(hop, { ...message, hopsLeft: message.hopsLeft - 1 });
  }

  private onMembership(text: string): void {
    let record: MembershipRecord;
    try {
      record = decodeMembership(text);
    } catch (error) {
      return this.report('malformed-membership', { error: String(error) });
    }
    if (this.standing.record !== null && record.ring !== this.standing.record.ring) return;
    if (record.epoch > this.standing.epoch) this.adopt(record, true);
  }

  private onLinkUp(peer: SiteName): void {
    this.neighbours.up(peer, this.nowMs);
    this.progress.linkUp(peer);
    this.announceLinks();
    this.delivery.linkUp(peer);
    this.admissions.onLinkUp();
    this.ping(peer);
  }

  private onLinkDown(peer: SiteName): void {
    this.neighbours.down(peer);
    this.progress.linkDown(peer);
    this.delivery.linkDown(peer);
    this.announceLinks();
  }

  private onTick(): void {
    for (const peer of this.neighbours.suspects(this.nowMs)) this.effects.push({ kind: 'dropLink', peer });
    for (const peer of this.neighbours.pingsDue(this.nowMs)) this.ping(peer);
    this.proposer.tick(this.nowMs);
    this.delivery.tick(this.nowMs);
    for (const { peer, entries } of this.gossip.due(this.nowMs)) this.send(peer, { kind: 'gossip', entries });
    this.admissions.tick(this.nowMs, this.standing.record, this.neighbours.names(), this.admissionHost());
    const { record, member } = this.standing;
    if (record === null || member === null) return;
    const settledBy = (scope: number) => this.progress.of(scope).links?.settled ?? 0;
    const { settledEpoch } = this.upkeep;
    this.upkeep.tick({ nowMs: this.nowMs, record, self: member, safekept: this.safekept(), settledBy });
    if (this.upkeep.settledEpoch > settledEpoch) this.announceLinks();
  }

  private onWhiteboard({ ticket, register, change }: RingEvent & { kind: 'whiteboard' }): void {
    const purpose = change === null ? ({ kind: 'read' } as const) : ({ kind: 'update', change } as const);
    this.proposer.start(register, purpose, this.nowMs, (outcome: WhiteboardOutcome) => {
      this.effects.push({ kind: 'outcome', ticket, outcome });
    });
  }

  private found(ring: string): void {
    const record = foundRing(this.applicant, ring, this.options.replicas);
    const text = encodeMembership(record);
    // Together: a membership without its register could never change again.
    const register = this.registers.found(MEMBERS_REGISTER, text, record.epoch);
    this.effects.push({ kind: 'persist', records: [{ kind: 'membership', record: text }, register] });
    this.adopt(record, false);
  }

  private adopt(record: MembershipRecord, fresh: boolean): void {
    const hasJoined = this.standing.take(record);
    const { member } = this.standing;
    this.delivery.ownStream = (member?.scope ?? null) as StreamId | null;
    const text = encodeMembership(record);
    if (fresh) this.effects.push({ kind: 'persist', records: [{ kind: 'membership', record: text }] });
    if (hasJoined && member !== null) {
      this.effects.push({ kind: 'joined', member });
      for (const [stream, seq] of this.delivery.allHeld()) this.gossip.raise('held', stream, seq);
      this.announceLinks();
    }
    for (const peer of this.neighbours.names()) this.shareMembership(peer);
  }

  private compareEpochs(peer: SiteName, epoch: number): void {
    if (epoch > this.standing.epoch) this.send(peer, { kind: 'askMembership' });
    if (epoch < this.standing.epoch) this.shareMembership(peer);
  }

  private shareMembership(to: SiteName): void {
    const { record } = this.standing;
    if (record !== null) this.route(to, { kind: 'membership', record: encodeMembership(record) });
  }

  private ping(peer: SiteName): void {
    const ping = this.neighbours.makePing(peer, this.standing.epoch, this.nowMs);
    if (ping !== undefined) this.send(peer, ping);
  }

  /** What a linked peer says it holds itself is where its feed stands. */
  private noteOwnHoldings(peer: SiteName): void {
    const scope = this.standing.scopeOf(peer);
    if (scope === null) return;
    for (const [stream, seq] of this.progress.of(scope).held) this.delivery.onPeerHolds(peer, stream, seq);
  }

  private announceLinks(): void {
    this.gossip.announceLinks(this.upkeep.settledEpoch, this.nowMs);
  }

  private safekept(): bigint {
    if (this.standing.member === null) return 0n;
    const stream = this.standing.member.scope as StreamId;
    const marks = this.standing.otherScopes().map((scope) => this.progress.of(scope).held.get(stream) ?? 0n);
    return safekeptSeq(marks, safekeepOf(this.options.safekeep, marks.length), this.delivery.held(stream));
  }

  /** Sends to any member: itself, a neighbour, or by way of neighbours. */
  private route(to: SiteName, message: RoutedMessage): boolean {
    const hop = to === this.options.site ? to : this.neighbours.hopTo(to);
    if (hop === undefined) return false;
    if (to === this.options.site) this.local.push(message);
    else if (hop === to) this.send(to, message);
    else this.send(hop, { kind: 'relay', to, from: this.options.site, hopsLeft: HOPS_MAX, inner: message });
    return true;
  }

  private send(to: SiteName, message: Message): void {
    this.neighbours.onSent(to, this.nowMs);
    this.effects.push({ kind: 'send', to, message });
  }

  private report(code: string, detail: Readonly<Record<string, unknown>>): void {
    this.effects.push({ kind: 'report', code, detail });
  }

  private admissionHost() {
    return {
      member: () => this.standing.member,
      send: (to: SiteName, message: Message) => this.send(to, message),
      tellMembership: (to: SiteName) => this.shareMembership(to),
      reject: (code: string) => void this.effects.push({ kind: 'rejected', code }),
    };
  }

  private proposerHost() {
    return {
      membership: () => this.standing.record,
      scope: () => this.standing.member?.scope ?? null,
      send: (to: Acceptor, message: RoutedMessage) => this.route(to.site, message),
      isReachable: ({ site }: Acceptor) =>
        site === this.options.site ? !this.diskFailed : this.neighbours.hopTo(site) !== undefined,
      adopt: (record: MembershipRecord) => this.adopt(record, true),
      askMembership: (scope: number) => {
        const site = this.standing.siteOf(scope);
        if (site !== null) this.route(site, { kind: 'askMembership' });
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
      roundTripMs: (peer: SiteName) => this.neighbours.roundTripMs(peer) ?? Number.MAX_SAFE_INTEGER,
      originOf: (stream: StreamId) => this.standing.siteOf(stream),
      replicas: () => this.standing.record?.replicas ?? this.options.replicas,
      onHeldHere: (stream: StreamId, seq: bigint) => this.gossip.raise('held', stream, seq),
    };
  }
}

function assertNever(value: never): never {
  throw new Error(`unexpected ${JSON.stringify(value)}`);
}
