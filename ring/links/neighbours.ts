import type { SiteName } from '../api';
import { LinkWatch } from '../failure/link-watch';
import { nextHop } from '../members/routes';
import type { Message, PingMessage } from '../message';

/** The linked peers: who answers, and which of them leads to whom. */
export class Neighbours {
  private readonly watches = new Map<SiteName, LinkWatch>();

  constructor(
    /** The sites a member says it is linked to. */
    private readonly linksOf: (site: SiteName) => readonly SiteName[],
  ) {}

  names(): SiteName[] {
    return [...this.watches.keys()];
  }

  has(peer: SiteName): boolean {
    return this.watches.has(peer);
  }

  up(peer: SiteName, nowMs: number): void {
    this.watches.set(peer, new LinkWatch(nowMs, () => this.watches.size));
  }

  down(peer: SiteName): void {
    this.watches.delete(peer);
  }

  onSent(peer: SiteName, nowMs: number): void {
    this.watches.get(peer)?.onSent(nowMs);
  }

  onReceived(peer: SiteName, message: Message, nowMs: number): void {
    const watch = this.watches.get(peer);
    watch?.onReceived(nowMs);
    if (message.kind === 'ping') watch?.onPing(message, nowMs);
  }

  suspects(nowMs: number): SiteName[] {
    return this.names().filter((peer) => this.watches.get(peer)?.isSuspect(nowMs));
  }

  pingsDue(nowMs: number): SiteName[] {
    return this.names().filter((peer) => this.watches.get(peer)?.isPingDue(nowMs));
  }

  makePing(peer: SiteName, epoch: number, nowMs: number): PingMessage | undefined {
    return this.watches.get(peer)?.makePing(epoch, nowMs);
  }

  roundTripMs(peer: SiteName): number | null {
    return this.watches.get(peer)?.roundTripMs ?? null;
  }

  roundTrips(): ReadonlyMap<SiteName, number | null> {
    return new Map(this.names().map((peer) => [peer, this.roundTripMs(peer)]));
  }

  /** The neighbour by which to reach a site, itself if linked; undefined: there is no way. */
  hopTo(site: SiteName): SiteName | undefined {
    return this.watches.has(site) ? site : nextHop(site, this.names(), this.linksOf);
  }
}
