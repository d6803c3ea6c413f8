import type { Incarnation } from '../../replicator/change-set';
import type { Row } from '../../replicator/merge/testing/model-site';
import type { SiteName, StreamId, WhiteboardOutcome } from '../../ring/api';
import type { Change, RingEffect, RingEvent } from '../../ring/effects';
import type { Message } from '../../ring/message';
import { RingNode } from '../../ring/node';
import { Disk } from './disk';
import { ModelDatabase } from './model-database';
import type { Mutant } from './mutants';
import type { Endpoint, Network } from './network';
import { SiteReplicator, type Violation } from './site';
import type { CaptureState } from './site-capture';
import type { World } from './world';

export interface MachineOptions {
  readonly name: string;
  readonly founder: boolean;
  readonly world: World;
  readonly network: Network;
  readonly mutant: Mutant | null;
  readonly skewMs: number;
  readonly violated: (violation: Violation) => void;
}

/** Where virtual time begins. */
const EPOCH_MS = Date.UTC(2026, 0, 1);
const TICK_MS = 200;

/** A site's computer: database, disk, and the process with its ring and replicator, which may die at any moment. */
export class Machine implements Endpoint {
  readonly name: SiteName;
  readonly database: ModelDatabase;
  readonly disk: Disk<CaptureState>;
  node: RingNode | null = null;
  replicator: SiteReplicator | null = null;
  scope: number | null = null;
  crashes = 0;
  /** How far the wall clock is off; it may be set at any time. */
  skewMs: number;
  private effects: RingEffect[] = [];
  private persisting = false;
  private life = 0;
  private readonly tickets = new Map<number, (outcome: WhiteboardOutcome) => void>();
  private nextTicket = 1;
  private readonly lastSeen = new Map<string, string | null>();

  constructor(private readonly options: MachineOptions) {
    this.name = options.name as SiteName;
    this.skewMs = options.skewMs;
    this.database = new ModelDatabase(options.name);
    this.disk = new Disk(options.world);
    this.disk.forgetful = options.mutant === 'forgetful-acceptor';
  }

  get up(): boolean {
    return this.node !== null;
  }

  private get wallClockMs(): number {
    return EPOCH_MS + this.options.world.nowMs + this.skewMs;
  }

  /** The ring's clock is not set back: its outside counts on from where the process started. */
  private get steadyClockMs(): number {
    return EPOCH_MS + this.options.world.nowMs + this.options.skewMs;
  }

  /** Whiteboard requests that wait for their answer. */
  get openRequests(): number {
    return this.tickets.size;
  }

  start(): void {
    const { world, founder } = this.options;
    this.node = new RingNode(
      {
        ...{ site: this.name, advertise: `ws://${this.name}/`, anchor: true, founder, entropy: world.hex(32) },
        ...{ replicas: 3, safekeep: 1, fanout: 1, batchBytesMax: 4 * 1024, windowBytes: 16 * 1024 },
      },
      this.disk.durable(),
      this.disk.held(),
    );
    world.note(`${this.name} starts`);
    this.tick(++this.life);
  }

  crash(): void {
    const { world, network } = this.options;
    world.note(`${this.name} crashes`);
    this.crashes++;
    this.life++;
    this.node = null;
    this.replicator?.stop();
    this.replicator = null;
    this.effects = [];
    this.persisting = false;
    this.disk.crash();
    network.crash(this);
    const reason = 'the site crashed';
    for (const done of this.tickets.values()) done({ kind: 'unknown', reason });
    this.tickets.clear();
  }

  commit(changes: ReadonlyMap<string, Row | undefined>): boolean {
    // The log's time has whole seconds.
    return this.replicator?.commit(changes, Math.floor(this.wallClockMs / 1000) * 1000) ?? false;
  }

  /** Asks the ring; `change` null reads. */
  whiteboard(register: string, change: Change | null, done: (outcome: WhiteboardOutcome) => void): void {
    const { mutant } = this.options;
    if (mutant === 'stale-read' && change === null && this.lastSeen.has(register)) {
      return done({ kind: 'committed', value: this.lastSeen.get(register)! });
    }
    const ticket = this.nextTicket++;
    this.tickets.set(ticket, (outcome) => {
      if (outcome.kind === 'committed') this.lastSeen.set(register, outcome.value);
      const reported = mutant === 'unknown-as-failed' && outcome.kind === 'unknown';
      done(reported ? { kind: 'unavailable', reason: outcome.reason } : outcome);
    });
    this.feed({ kind: 'whiteboard', ticket, register, change });
  }

  greeting(): { readonly instance: string; readonly ring: string } {
    return this.node!.greeting();
  }

  accepts(peer: Endpoint): boolean {
    return this.node!.objectionTo({ site: peer.name, ...peer.greeting() }) === null;
  }

  linkUp(peer: SiteName): void {
    this.feed({ kind: 'linkUp', peer });
  }

  linkDown(peer: SiteName): void {
    this.feed({ kind: 'linkDown', peer });
  }

  message(from: SiteName, message: Message): void {
    this.feed({ kind: 'message', from, message });
  }

  private tick(life: number): void {
    if (life !== this.life || this.node === null) return;
    this.feed({ kind: 'tick' });
    this.replicator?.wake();
    this.options.world.after(TICK_MS, () => this.tick(life));
  }

  private later(delayMs: number, act: () => void): void {
    const { life } = this;
    this.options.world.after(delayMs, () => {
      if (life === this.life) act();
    });
  }

  private feed(event: RingEvent): void {
    if (this.node === null) return;
    this.effects.push(...this.node.step(event, this.steadyClockMs));
    this.drain();
  }

  /** In order; what follows a persist waits until it is on the disk. */
  private drain(): void {
    while (!this.persisting) {
      const effect = this.effects.shift();
      if (effect === undefined) return;
      if (effect.kind !== 'persist') {
        this.carryOut(effect);
        continue;
      }
      this.persisting = true;
      this.disk.persist(effect.records, () => {
        this.persisting = false;
        this.drain();
      });
    }
  }

  private carryOut(effect: Exclude<RingEffect, { kind: 'persist' }>): void {
    const { network, world } = this.options;
    switch (effect.kind) {
      case 'send':
        return network.send(this, effect.to, effect.message);
      case 'dropLink':
        return network.drop(this, effect.peer);
      case 'readStore':
        return this.readStore(effect);
      case 'appendStore':
        return this.appendStore(effect);
      case 'outcome':
        this.tickets.get(effect.ticket)?.(effect.outcome);
        this.tickets.delete(effect.ticket);
        return;
      case 'joined':
        return this.joined(effect.member.scope);
      case 'rejected':
        return this.options.violated({ check: 'joining', detail: `${this.name} is rejected: ${effect.code}` });
      case 'surpassed':
        return this.options.violated({
          check: 'durability',
          detail: `${effect.peer} has ${effect.theirs} of ${this.name}`,
        });
      case 'report':
        return world.note(`${this.name} reports ${effect.code}`);
      default:
        effect satisfies never;
    }
  }

  private joined(scope: number): void {
    const { world, mutant, violated } = this.options;
    if (this.replicator !== null) return;
    if (this.scope !== null && this.scope !== scope) {
      violated({ check: 'joining', detail: `${this.name} had scope ${this.scope} and now has ${scope}` });
    }
    this.scope = scope;
    world.note(`${this.name} is a member with scope ${scope}`);
    const host = {
      ...{ world, mutant, violated },
      grown: (seq: bigint) => this.feed({ kind: 'grown', stream: scope as StreamId, seq }),
      appliedSeen: (stream: StreamId, seq: bigint) => this.feed({ kind: 'applied', stream, seq }),
    };
    const own = { origin: scope as Incarnation, site: this.name };
    this.replicator = new SiteReplicator(host, own, this.database, this.disk);
  }

  private readStore({ peer, stream, fromSeq, maxBytes }: RingEffect & { kind: 'readStore' }): void {
    this.later(2, () => {
      const records: Uint8Array[] = [];
      let bytes = 0;
      for (const record of (this.disk.streams.get(stream) ?? []).slice(Number(fromSeq) - 1)) {
        bytes += record.length;
        if (records.length > 0 && bytes > maxBytes) break;
        records.push(record);
      }
      this.feed({ kind: 'storeRead', peer, stream, fromSeq, records });
    });
  }

  private appendStore({ peer, stream, fromSeq, records }: RingEffect & { kind: 'appendStore' }): void {
    this.disk.append(stream, fromSeq, records, (ok) => {
      this.feed({ kind: 'storeAppended', peer, stream, upTo: fromSeq + BigInt(records.length) - 1n, ok });
      this.replicator?.wake();
    });
  }
}
