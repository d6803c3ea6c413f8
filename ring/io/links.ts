import { performance } from 'node:perf_hooks';
import type { LinkStatus, SiteName } from '../api';
import { CLOSE } from '../links/handshake';
import type { Message } from '../message';
import type { BatchCodec } from '../message-codec';
import type { Proven } from './authenticate';
import { Link } from './link';
import type { CountedSocket } from './socket';

export interface LinksHost {
  readonly self: SiteName;
  readonly codecs: readonly BatchCodec[];
  readonly maxKBps: number;
  onUp(peer: SiteName): void;
  onDown(peer: SiteName, reason: string): void;
  onMessage(peer: SiteName, message: Message): void;
}

/** Two connections that came up this close together were dialled by both ends at once. */
const SIMULTANEOUS_MS = 5_000;

/** The links in use, one per peer, and what went over each. */
export class Links {
  private readonly links = new Map<SiteName, Link>();
  /** Of links that are gone. */
  private readonly past = new Map<SiteName, { in: number; out: number }>();

  constructor(private readonly host: LinksHost) {}

  has(site: string): boolean {
    return this.links.has(site as SiteName);
  }

  send(to: SiteName, message: Message): void {
    this.links.get(to)?.send(message);
  }

  drop(peer: SiteName): void {
    const link = this.links.get(peer);
    link?.close(CLOSE.silent, 'nothing was heard for too long');
  }

  /** Takes an authenticated connection into use; false when it is the lesser of two and was closed. */
  add(socket: CountedSocket, proven: Proven, dialledByUs: boolean): boolean {
    const hello = proven.peer;
    const peer = hello.site as SiteName;
    const standing = this.links.get(peer);
    const codec = commonCodec(this.host.codecs, hello.codecs);
    const link = new Link(socket, proven, dialledByUs, codec, this.host.maxKBps, {
      onMessage: (from, message) => {
        if (this.links.get(peer) === from) this.host.onMessage(peer, message);
      },
      onClose: (closed, reason) => this.onClose(peer, closed, reason),
    });
    if (standing !== undefined && !this.isBetter(link, standing)) {
      link.close(CLOSE.duplicate, 'there is a link already');
      return false;
    }
    // Taken out first, so that closing it is no news; then down and up, since what was in flight on it is lost.
    if (standing !== undefined) {
      this.remove(peer, standing);
      standing.close(CLOSE.duplicate, 'another connection took its place');
      this.host.onDown(peer, 'replaced');
    }
    this.links.set(peer, link);
    this.host.onUp(peer);
    link.open();
    return true;
  }

  status(peers: readonly SiteName[], roundTrips: ReadonlyMap<SiteName, number | null>): LinkStatus[] {
    return [...new Set([...peers, ...this.past.keys(), ...this.links.keys()])].map((peer) => {
      const link = this.links.get(peer);
      const past = this.past.get(peer) ?? { in: 0, out: 0 };
      const up = link !== undefined;
      return {
        peer,
        up,
        bytesIn: past.in + (link?.bytesIn ?? 0),
        bytesOut: past.out + (link?.bytesOut ?? 0),
        roundTripMs: up ? (roundTrips.get(peer) ?? null) : null,
      };
    });
  }

  close(): void {
    for (const link of [...this.links.values()]) link.terminate();
  }

  /**
   * Nobody dials a peer it has a link with. So a connection that comes when ours is old says that the peer lost it; of two
   * dialled at once, both ends keep the one dialled by the lower name.
   */
  private isBetter(link: Link, standing: Link): boolean {
    if (link.peer.run !== standing.peer.run) return true;
    if (performance.now() - standing.openedMs > SIMULTANEOUS_MS) return true;
    const weAreLower = this.host.self < link.peer.site;
    return link.dialledByUs === weAreLower && standing.dialledByUs !== weAreLower;
  }

  private onClose(peer: SiteName, link: Link, reason: string): void {
    if (this.links.get(peer) !== link) return;
    this.remove(peer, link);
    this.host.onDown(peer, reason);
  }

  private remove(peer: SiteName, link: Link): void {
    this.links.delete(peer);
    const past = this.past.get(peer) ?? { in: 0, out: 0 };
    this.past.set(peer, { in: past.in + link.bytesIn, out: past.out + link.bytesOut });
  }
}

/** What a hello says of them. */
export function codecNames(codecs: readonly BatchCodec[]): string {
  return codecs.map(({ name }) => name).join(',');
}

function commonCodec(ours: readonly BatchCodec[], theirs: string): BatchCodec | null {
  const names = theirs.split(',');
  return ours.find(({ name }) => names.includes(name)) ?? null;
}
