import type { SiteName } from '../../ring/api';
import type { Message } from '../../ring/message';
import type { World } from './world';

/** What the network calls at a site. */
export interface Endpoint {
  readonly name: SiteName;
  readonly up: boolean;
  greeting(): { readonly instance: string; readonly ring: string };
  /** False when the handshake would refuse the peer. */
  accepts(peer: Endpoint): boolean;
  linkUp(peer: SiteName): void;
  linkDown(peer: SiteName): void;
  message(from: SiteName, message: Message): void;
}

/** One connection, as TCP gives it: in order, until it breaks; after that nothing comes through and nobody is told. */
interface Connection {
  readonly ends: readonly [Endpoint, Endpoint];
  readonly latencyMs: number;
  broken: boolean;
  /** By receiver: when the last message arrives; later ones do not overtake it. */
  readonly arrivesMs: Map<Endpoint, number>;
}

export interface NetworkFaults {
  /** In a thousand messages: the connection breaks with what is under way. */
  readonly breakPermille: number;
  /** In a thousand messages: it comes twice. A relay that was resent does that. */
  readonly duplicatePermille: number;
  /** In a thousand messages: it is held up, and others overtake it, as between two connections. */
  readonly reorderPermille: number;
  readonly latencyMaxMs: number;
}

/** Sites with the same number reach each other; `oneWay`: those with a lower number reach the others too, but hear nothing. */
export interface Division {
  readonly sides: ReadonlyMap<SiteName, number>;
  readonly oneWay: boolean;
}

export const WHOLE: Division = { sides: new Map(), oneWay: false };

export const CALM: NetworkFaults = { breakPermille: 0, duplicatePermille: 0, reorderPermille: 0, latencyMaxMs: 20 };

const DIAL_MS = 500;
/** How long an end may take to notice that its connection is dead, when the ring's own watch is not faster. */
const NOTICE_MAX_MS = 20_000;

/** Links between all sites that are up and on the same side of every split. */
export class Network {
  faults: NetworkFaults = CALM;
  readonly sent = { messages: 0, lost: 0, duplicated: 0, reordered: 0, broken: 0 };
  private readonly endpoints: Endpoint[] = [];
  private readonly links = new Map<Endpoint, Map<SiteName, Connection>>();
  private division: Division = WHOLE;

  constructor(private readonly world: World) {}

  add(endpoint: Endpoint): void {
    this.endpoints.push(endpoint);
    this.links.set(endpoint, new Map());
  }

  start(): void {
    this.dialAll();
    this.world.after(DIAL_MS, () => this.start());
  }

  split(division: Division): void {
    this.division = division;
  }

  send(from: Endpoint, to: SiteName, message: Message): void {
    const connection = this.linksOf(from).get(to);
    const receiver = connection?.ends.find((end) => end.name === to);
    if (connection === undefined || receiver === undefined) return;
    this.sent.messages++;
    if (this.world.random(1000) < this.faults.breakPermille) this.break(connection);
    if (connection.broken || !this.reaches(from, receiver)) {
      this.sent.lost++;
      return this.break(connection);
    }
    const jitterMs = this.world.random(1 + connection.latencyMs);
    const atMs = Math.max(this.world.nowMs + connection.latencyMs + jitterMs, connection.arrivesMs.get(receiver) ?? 0);
    const deliver = (): void => this.deliver(connection, from, receiver, message);
    if (this.world.random(1000) < this.faults.reorderPermille) {
      this.sent.reordered++;
      this.world.after(atMs - this.world.nowMs + this.world.random(1_000), deliver);
    } else {
      connection.arrivesMs.set(receiver, atMs);
      this.world.after(atMs - this.world.nowMs, deliver);
    }
    if (this.world.random(1000) < this.faults.duplicatePermille) {
      this.sent.duplicated++;
      this.world.after(atMs - this.world.nowMs + this.world.random(2_000), deliver);
    }
  }

  /** This end closes its connection; the other is told if it can be. */
  drop(from: Endpoint, to: SiteName): void {
    const connection = this.linksOf(from).get(to);
    if (connection === undefined) return;
    const wasBroken = connection.broken;
    this.break(connection);
    this.closeEnd(connection, from);
    const other = connection.ends.find((end) => end !== from)!;
    if (!wasBroken && this.reaches(from, other)) {
      this.world.after(connection.latencyMs, () => this.closeEnd(connection, other));
    }
  }

  /** The process is gone: its connections are too, and its peers notice sooner or later. */
  crash(endpoint: Endpoint): void {
    for (const connection of this.linksOf(endpoint).values()) this.break(connection);
    this.linksOf(endpoint).clear();
  }

  private linksOf(endpoint: Endpoint): Map<SiteName, Connection> {
    return this.links.get(endpoint)!;
  }

  private reaches(from: Endpoint, to: Endpoint): boolean {
    const { sides, oneWay } = this.division;
    const [here, there] = [sides.get(from.name) ?? 0, sides.get(to.name) ?? 0];
    return from.up && to.up && (here === there || (oneWay && here < there));
  }

  private deliver(connection: Connection, from: Endpoint, to: Endpoint, message: Message): void {
    if (this.linksOf(to).get(from.name) !== connection) return;
    if (connection.broken || !this.reaches(from, to)) {
      this.sent.lost++;
      return this.break(connection);
    }
    to.message(from.name, message);
  }

  private break(connection: Connection): void {
    if (connection.broken) return;
    connection.broken = true;
    this.sent.broken++;
    for (const end of connection.ends) {
      this.world.after(this.world.random(NOTICE_MAX_MS), () => this.closeEnd(connection, end));
    }
  }

  private closeEnd(connection: Connection, end: Endpoint): void {
    const peer = connection.ends.find((other) => other !== end)!;
    if (this.linksOf(end).get(peer.name) !== connection) return;
    this.linksOf(end).delete(peer.name);
    if (end.up) end.linkDown(peer.name);
  }

  private dialAll(): void {
    for (const [i, a] of this.endpoints.entries()) {
      for (const b of this.endpoints.slice(i + 1)) {
        const [one, other] = [this.linksOf(a).get(b.name), this.linksOf(b).get(a.name)];
        if (!this.reaches(a, b) || !this.reaches(b, a) || (one !== undefined && one === other && !one.broken)) continue;
        if (this.world.chance(60) && a.accepts(b) && b.accepts(a)) this.connect(a, b);
      }
    }
  }

  private connect(a: Endpoint, b: Endpoint): void {
    for (const [end, peer] of [
      [a, b],
      [b, a],
    ] as const) {
      const old = this.linksOf(end).get(peer.name);
      if (old !== undefined) this.closeEnd(old, end);
    }
    const latencyMs = 1 + this.world.random(this.faults.latencyMaxMs);
    const connection: Connection = { ends: [a, b], latencyMs, broken: false, arrivesMs: new Map() };
    this.linksOf(a).set(b.name, connection);
    this.linksOf(b).set(a.name, connection);
    a.linkUp(b.name);
    b.linkUp(a.name);
  }
}
