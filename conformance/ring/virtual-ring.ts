import type { SiteName, StreamId, WhiteboardOutcome } from '../../ring/api';
import type { Change, DurableRecord, DurableState, RingEffect, RingEvent } from '../../ring/effects';
import { decodeMessage, encodeMessage } from '../../ring/message-codec';
import { RingNode } from '../../ring/node';
import type { RingNodeOptions } from '../../ring/node-options';
import { MemoryStreamStore } from './memory-stream-store';

/** A source of randomness that a seed replays. */
export class Dice {
  constructor(private state: number) {}

  next(): number {
    this.state = (this.state + 0x9e3779b9) | 0;
    let mixed = Math.imul(this.state ^ (this.state >>> 16), 0x21f0aaad);
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97);
    return ((mixed ^ (mixed >>> 15)) >>> 0) / 2 ** 32;
  }

  chance(probability: number): boolean {
    return this.next() < probability;
  }

  below(limit: number): number {
    return Math.floor(this.next() * limit);
  }

  hex(bytes: number): string {
    return Array.from({ length: bytes }, () => this.below(256).toString(16).padStart(2, '0')).join('');
  }
}

/** What the network and the disks do to the sites. Probabilities per message, or per effect. */
export interface Faults {
  readonly loss: number;
  readonly repeat: number;
  readonly delayMsMax: number;
  readonly crash: number;
  /** How an acceptor's disk comes back after a crash; a mutant forgets here. */
  readonly reload: (durable: DurableState) => DurableState;
}

export const NO_FAULTS: Faults = { loss: 0, repeat: 0, delayMsMax: 5, crash: 0, reload: (durable) => durable };

interface VirtualSite {
  readonly site: SiteName;
  readonly store: MemoryStreamStore;
  readonly founder: boolean;
  durable: DurableState;
  node: RingNode | null;
  readonly waiting: Map<number, (outcome: WhiteboardOutcome) => void>;
}

const TICK_MS = 100;

/** Real nodes over a network, disks and a clock of our own: what happens depends on the seed alone. */
export class VirtualRing {
  readonly sites = new Map<SiteName, VirtualSite>();
  readonly dice: Dice;
  faults: Faults = NO_FAULTS;
  nowMs = 1_000_000;
  bytesSent = new Map<SiteName, number>();
  messagesSent = new Map<SiteName, number>();
  private readonly agenda = new Map<number, (() => void)[]>();
  private readonly links = new Set<string>();
  private readonly cuts = new Set<string>();
  private tickets = 1;

  constructor(
    seed: number,
    private readonly options: Partial<RingNodeOptions> = {},
  ) {
    this.dice = new Dice(seed);
  }

  add(name: string, founder: boolean): SiteName {
    const site = name as SiteName;
    const durable = { identity: null, membership: null, registers: new Map() };
    const store = new MemoryStreamStore();
    this.sites.set(site, { site, store, founder, durable, node: null, waiting: new Map() });
    this.start(site);
    this.scheduleTick(site);
    return site;
  }

  isUp(site: SiteName): boolean {
    return this.site(site).node !== null;
  }

  start(name: SiteName): void {
    const site = this.site(name);
    if (site.node !== null) return;
    site.durable = this.faults.reload(site.durable);
    const options: RingNodeOptions = {
      advertise: null,
      anchor: true,
      replicas: 3,
      safekeep: 1,
      fanout: 1,
      batchBytesMax: 64 * 1024,
      windowBytes: 256 * 1024,
      ...this.options,
      site: name,
      founder: site.founder,
      entropy: this.dice.hex(16),
    };
    site.node = new RingNode(options, site.durable, site.store.held());
    this.feed(name, { kind: 'tick' });
    this.relink();
  }

  crash(name: SiteName): void {
    const site = this.site(name);
    if (site.node === null) return;
    site.node = null;
    for (const done of site.waiting.values()) done({ kind: 'unknown', reason: 'crashed' });
    site.waiting.clear();
    this.relink();
  }

  cut(a: SiteName, b: SiteName): void {
    this.cuts.add(pairOf(a, b));
    this.relink();
  }

  heal(): void {
    this.cuts.clear();
    this.relink();
  }

  write(name: SiteName, stream: StreamId, record: Uint8Array): void {
    const { store } = this.site(name);
    store.grow(stream, record);
    this.feed(name, { kind: 'grown', stream, seq: store.held().get(stream) ?? 0n });
  }

  whiteboard(name: SiteName, register: string, change: Change | null): Promise<WhiteboardOutcome> {
    const ticket = this.tickets++;
    return new Promise((resolve) => {
      this.ask(name, register, change, resolve, ticket);
    });
  }

  /** As `whiteboard`, but calls back within the run. */
  ask(
    name: SiteName,
    register: string,
    change: Change | null,
    done: (outcome: WhiteboardOutcome) => void,
    ticket = this.tickets++,
  ): void {
    this.site(name).waiting.set(ticket, done);
    this.feed(name, { kind: 'whiteboard', ticket, register, change });
  }

  at(timeMs: number, action: () => void): void {
    const slot = Math.ceil(timeMs);
    this.agenda.set(slot, [...(this.agenda.get(slot) ?? []), action]);
  }

  run(forMs: number): void {
    const endMs = this.nowMs + forMs;
    for (; this.nowMs < endMs; this.nowMs += 1) {
      for (let actions = this.takeDue(); actions.length > 0; actions = this.takeDue()) {
        for (const action of actions) action();
      }
    }
  }

  private takeDue(): (() => void)[] {
    const due = this.agenda.get(this.nowMs) ?? [];
    this.agenda.delete(this.nowMs);
    return due;
  }

  private scheduleTick(site: SiteName): void {
    this.at(this.nowMs + TICK_MS, () => {
      this.feed(site, { kind: 'tick' });
      this.scheduleTick(site);
    });
  }

  private feed(name: SiteName, event: RingEvent): void {
    const site = this.site(name);
    const { node } = site;
    if (node === null) return;
    for (const effect of node.step(event, this.nowMs)) {
      if (this.faults.crash > 0 && this.dice.chance(this.faults.crash)) {
        this.crash(name);
        this.at(this.nowMs + 200 + this.dice.below(3_000), () => this.start(name));
      }
      // What a crash cut off is not carried out.
      if (site.node !== node) return;
      this.carryOut(site, effect);
    }
  }

  private carryOut(site: VirtualSite, effect: RingEffect): void {
    switch (effect.kind) {
      case 'persist':
        site.durable = effect.records.reduce(remember, site.durable);
        return;
      case 'send':
        return this.transmit(site.site, effect.to, encodeMessage(effect.message));
      case 'dropLink':
        this.cut(site.site, effect.peer);
        return this.at(this.nowMs + 1_000, () => this.heal());
      case 'readStore': {
        const { peer, stream, fromSeq, maxBytes } = effect;
        const records = recordsOf(site.store, stream, fromSeq, maxBytes);
        return this.at(this.nowMs + 1, () =>
          this.feed(site.site, { kind: 'storeRead', peer, stream, fromSeq, records }),
        );
      }
      case 'appendStore': {
        const { peer, stream, fromSeq, records } = effect;
        const upTo = fromSeq + BigInt(records.length) - 1n;
        const ok = fromSeq <= (site.store.held().get(stream) ?? 0n) + 1n;
        if (ok) void site.store.append(stream, fromSeq, records);
        return this.at(this.nowMs + 1, () => this.feed(site.site, { kind: 'storeAppended', peer, stream, upTo, ok }));
      }
      case 'outcome': {
        const done = site.waiting.get(effect.ticket);
        site.waiting.delete(effect.ticket);
        return done?.(effect.outcome);
      }
      case 'joined':
      case 'rejected':
      case 'surpassed':
      case 'report':
        return;
    }
  }

  private transmit(from: SiteName, to: SiteName, bytes: Buffer): void {
    this.bytesSent.set(from, (this.bytesSent.get(from) ?? 0) + bytes.length);
    this.messagesSent.set(from, (this.messagesSent.get(from) ?? 0) + 1);
    const { loss, repeat, delayMsMax } = this.faults;
    if (this.dice.chance(loss)) return;
    const copies = this.dice.chance(repeat) ? 2 : 1;
    for (let copy = 0; copy < copies; copy += 1) {
      this.at(this.nowMs + 1 + this.dice.below(delayMsMax), () => {
        if (!this.links.has(pairOf(from, to))) return;
        this.feed(to, { kind: 'message', from, message: decodeMessage(bytes) });
      });
    }
  }

  /** A link is there exactly while both ends run and it is not cut. */
  private relink(): void {
    const names = [...this.sites.keys()];
    for (const [i, a] of names.entries()) {
      for (const b of names.slice(i + 1)) {
        const pair = pairOf(a, b);
        const should = this.isUp(a) && this.isUp(b) && !this.cuts.has(pair);
        if (should === this.links.has(pair)) continue;
        if (should) this.links.add(pair);
        else this.links.delete(pair);
        const kind = should ? 'linkUp' : 'linkDown';
        this.feed(a, { kind, peer: b });
        this.feed(b, { kind, peer: a });
      }
    }
  }

  private site(name: SiteName): VirtualSite {
    const site = this.sites.get(name);
    if (site === undefined) throw new Error(`no site ${name}`);
    return site;
  }
}

function pairOf(a: SiteName, b: SiteName): string {
  return a < b ? `${a} ${b}` : `${b} ${a}`;
}

function remember(durable: DurableState, record: DurableRecord): DurableState {
  switch (record.kind) {
    case 'identity':
      return { ...durable, identity: { site: record.site, instance: record.instance } };
    case 'membership':
      return { ...durable, membership: record.record };
    case 'register':
      return { ...durable, registers: new Map([...durable.registers, [record.name, record.state]]) };
  }
}

function recordsOf(store: MemoryStreamStore, stream: StreamId, fromSeq: bigint, maxBytes: number): Uint8Array[] {
  const records: Uint8Array[] = [];
  let bytes = 0;
  for (const record of (store.streams.get(stream) ?? []).slice(Number(fromSeq) - 1)) {
    bytes += record.length;
    if (records.length > 0 && bytes > maxBytes) break;
    records.push(record);
  }
  return records;
}
