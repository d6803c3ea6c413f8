import type { SiteName, StreamId } from '../api';
import type { RingEffect } from '../effects';
import type { BatchMessage, FetchMessage, HeldMessage, Message } from '../message';
import { downstream } from './arcs';
import { StreamFeed } from './stream-feed';

export interface DeliveryOptions {
  readonly fanout: number;
  readonly batchBytesMax: number;
  readonly windowBytes: number;
}

/** What delivery needs of its node. */
export interface DeliveryHost {
  readonly self: SiteName;
  emit(effect: RingEffect): void;
  /** Round trip to a linked peer; unknown ones count as far. */
  roundTripMs(peer: SiteName): number;
  originOf(stream: StreamId): SiteName | null;
  replicas(): number;
  /** What is held here has grown. */
  onHeldHere(stream: StreamId, seq: bigint): void;
}

/** How long a stream that a peer has further than we may stand still before it is fetched: the arcs come first. */
const REPAIR_MS = 1_000;
const FETCH_RETRY_MS = 15_000;
const RECENT_MS = 10_000;

interface Missing {
  readonly sinceMs: number;
  fetchedMs: number | null;
}

/** Passes streams on along the arcs, fetches what the arcs did not bring, and never sends twice what was acknowledged. */
export class Delivery {
  private readonly heldHere: Map<StreamId, bigint>;
  /** Handed to the store, not yet durable. */
  private readonly appending = new Map<StreamId, bigint>();
  private readonly feeds = new Map<SiteName, StreamFeed>();
  private readonly missing = new Map<StreamId, Missing>();
  /** When each peer last brought each stream. */
  private readonly arrivals = new Map<StreamId, Map<SiteName, number>>();
  private readonly following = new Map<StreamId, SiteName>();
  /** The stream of this site's own incarnation: it is never received. */
  ownStream: StreamId | null = null;
  private surpassed = false;

  constructor(
    private readonly host: DeliveryHost,
    private readonly options: DeliveryOptions,
    held: ReadonlyMap<StreamId, bigint>,
  ) {
    this.heldHere = new Map(held);
  }

  held(stream: StreamId): bigint {
    return this.heldHere.get(stream) ?? 0n;
  }

  allHeld(): ReadonlyMap<StreamId, bigint> {
    return this.heldHere;
  }

  linkUp(peer: SiteName): void {
    this.feeds.set(peer, new StreamFeed(this.options.windowBytes));
    this.send(peer, { kind: 'held', full: true, marks: [...this.heldHere] });
  }

  linkDown(peer: SiteName): void {
    this.feeds.delete(peer);
    for (const [stream, followed] of this.following) if (followed === peer) this.following.delete(stream);
    for (const missing of this.missing.values()) missing.fetchedMs = null;
  }

  onGrown(stream: StreamId, seq: bigint, nowMs: number): void {
    if (seq <= this.held(stream)) return;
    this.heldHere.set(stream, seq);
    this.host.onHeldHere(stream, seq);
    this.pump(stream, nowMs);
  }

  onHeld(from: SiteName, message: HeldMessage, nowMs: number): void {
    const feed = this.feeds.get(from);
    if (feed === undefined) return;
    for (const [stream, seq] of message.marks) {
      feed.onHeld(stream, seq);
      if (stream === this.ownStream && seq > this.held(stream)) this.surpassedBy(from, seq);
    }
    const first = message.full && !feed.heldKnown;
    feed.heldKnown ||= message.full;
    const streams = first ? this.heldHere.keys() : message.marks.map(([stream]) => stream);
    for (const stream of streams) this.pumpTo(from, stream, nowMs);
  }

  private surpassedBy(peer: SiteName, theirs: bigint): void {
    if (this.surpassed) return;
    this.surpassed = true;
    this.host.emit({ kind: 'surpassed', peer, theirs, ours: this.held(this.ownStream as StreamId) });
  }

  /** Gossip says that a linked peer holds this. */
  onPeerHolds(peer: SiteName, stream: StreamId, seq: bigint): void {
    this.feeds.get(peer)?.onHeld(stream, seq);
  }

  onFetch(from: SiteName, message: FetchMessage, nowMs: number): void {
    const feed = this.feeds.get(from);
    if (feed === undefined) return;
    feed.followed.add(message.stream);
    feed.restart(message.stream, message.fromSeq);
    this.pumpTo(from, message.stream, nowMs);
  }

  onUnfollow(from: SiteName, stream: StreamId): void {
    this.feeds.get(from)?.followed.delete(stream);
  }

  onBatch(from: SiteName, { stream, fromSeq, records }: BatchMessage, nowMs: number): void {
    const feed = this.feeds.get(from);
    if (feed === undefined || stream === this.ownStream || records.length === 0) return;
    const upTo = fromSeq + BigInt(records.length) - 1n;
    feed.onHeld(stream, upTo);
    const expected = (this.appending.get(stream) ?? this.held(stream)) + 1n;
    if (upTo < expected) return this.onRepeat(from, stream, nowMs);
    this.arrived(from, stream, nowMs);
    if (fromSeq > expected) return this.fetch(from, stream, expected, nowMs);
    this.appending.set(stream, upTo);
    const fresh = records.slice(Number(expected - fromSeq));
    this.host.emit({ kind: 'appendStore', peer: from, stream, fromSeq: expected, records: fresh });
  }

  onAppended(from: SiteName, stream: StreamId, upTo: bigint, ok: boolean, nowMs: number): void {
    if (!ok || (this.appending.get(stream) ?? 0n) <= upTo) this.appending.delete(stream);
    if (!ok) {
      // What the peer still holds in flight for us is lost: it is fetched again when the store takes records again.
      this.missing.set(stream, { sinceMs: nowMs, fetchedMs: nowMs });
      return;
    }
    this.acknowledge(from, stream, upTo);
    this.onGrown(stream, upTo, nowMs);
  }

  onStoreRead(peer: SiteName, stream: StreamId, fromSeq: bigint, records: readonly Uint8Array[], nowMs: number): void {
    const feed = this.feeds.get(peer);
    if (feed === undefined) return;
    const useful = feed.onRead(stream, fromSeq, records, nowMs);
    if (useful) this.send(peer, { kind: 'batch', stream, fromSeq, records });
    // An empty reading is not repeated at once: the next mark or the tick tries again.
    if (records.length > 0) this.pumpTo(peer, stream, nowMs);
  }

  tick(nowMs: number): void {
    for (const stream of this.heldHere.keys()) this.pump(stream, nowMs);
    for (const stream of this.streamsOfPeers()) this.repair(stream, nowMs);
  }

  private pump(stream: StreamId, nowMs: number): void {
    for (const peer of this.feeds.keys()) this.pumpTo(peer, stream, nowMs);
  }

  private pumpTo(peer: SiteName, stream: StreamId, nowMs: number): void {
    const feed = this.feeds.get(peer);
    if (feed === undefined || !feed.heldKnown) return;
    if (feed.held(stream) >= this.held(stream) || !this.isFed(peer, feed, stream)) return;
    const fromSeq = feed.takeNext(stream, this.held(stream), nowMs);
    if (fromSeq === null) return;
    this.host.emit({ kind: 'readStore', peer, stream, fromSeq, maxBytes: this.options.batchBytesMax });
  }

  private isFed(peer: SiteName, feed: StreamFeed, stream: StreamId): boolean {
    if (feed.followed.has(stream)) return true;
    const origin = this.host.originOf(stream);
    if (origin === null || origin === peer) return false;
    const { self } = this.host;
    const live = [...this.feeds.keys(), self];
    const view = { self, origin, live, replicas: this.host.replicas(), fanout: this.options.fanout };
    return downstream(view).includes(peer);
  }

  private onRepeat(from: SiteName, stream: StreamId, nowMs: number): void {
    this.acknowledge(from, stream, this.held(stream));
    const followed = this.following.get(stream);
    const bringing = [...(this.arrivals.get(stream) ?? [])].filter(([, atMs]) => nowMs - atMs < RECENT_MS);
    this.arrived(from, stream, nowMs);
    // Two bring the same: the one that was asked to is let off.
    if (followed === undefined || !bringing.some(([peer]) => peer !== from)) return;
    this.following.delete(stream);
    this.send(followed, { kind: 'unfollow', stream });
  }

  private acknowledge(peer: SiteName, stream: StreamId, seq: bigint): void {
    if (this.feeds.has(peer)) this.send(peer, { kind: 'held', full: false, marks: [[stream, seq]] });
  }

  private arrived(from: SiteName, stream: StreamId, nowMs: number): void {
    const byPeer = this.arrivals.get(stream) ?? new Map<SiteName, number>();
    this.arrivals.set(stream, byPeer.set(from, nowMs));
  }

  private streamsOfPeers(): Set<StreamId> {
    return new Set([...this.feeds.values()].flatMap((feed) => [...feed.streams()]));
  }

  private repair(stream: StreamId, nowMs: number): void {
    if (stream === this.ownStream) return;
    const reached = this.appending.get(stream) ?? this.held(stream);
    const having = [...this.feeds].filter(([, feed]) => feed.heldKnown && feed.held(stream) > reached);
    if (having.length === 0) {
      this.missing.delete(stream);
      return;
    }
    const missing = this.missing.get(stream) ?? { sinceMs: nowMs, fetchedMs: null };
    this.missing.set(stream, missing);
    const lastArrival = Math.max(0, ...(this.arrivals.get(stream)?.values() ?? []));
    if (nowMs - Math.max(missing.sinceMs, lastArrival) < REPAIR_MS) return;
    const cheapest = having.sort(([a], [b]) => this.host.roundTripMs(a) - this.host.roundTripMs(b))[0];
    if (cheapest !== undefined) this.fetch(cheapest[0], stream, reached + 1n, nowMs);
  }

  private fetch(peer: SiteName, stream: StreamId, fromSeq: bigint, nowMs: number): void {
    const missing = this.missing.get(stream) ?? { sinceMs: nowMs, fetchedMs: null };
    if (missing.fetchedMs !== null && nowMs - missing.fetchedMs < FETCH_RETRY_MS) return;
    missing.fetchedMs = nowMs;
    this.missing.set(stream, missing);
    const followed = this.following.get(stream);
    if (followed !== undefined && followed !== peer) this.send(followed, { kind: 'unfollow', stream });
    this.following.set(stream, peer);
    this.send(peer, { kind: 'fetch', stream, fromSeq });
  }

  private send(to: SiteName, message: Message): void {
    this.host.emit({ kind: 'send', to, message });
  }
}
