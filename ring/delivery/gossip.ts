import type { SiteName, StreamId } from '../api';
import type { Neighbours } from '../links/neighbours';
import type { Standing } from '../members/standing';
import type { GossipEntry } from '../message';
import type { Progress } from './progress';

const GOSSIP_MS = 500;

/** What this site says of itself, and passes on of others; and whom others say they are linked with. */
export class Gossip {
  private saidMs = 0;
  private linksVersion = 0;

  constructor(
    private readonly progress: Progress,
    private readonly standing: Standing,
    private readonly neighbours: Neighbours,
  ) {}

  /** This site holds the stream up to there, or has applied it. */
  raise(kind: 'held' | 'applied', stream: StreamId, seq: bigint): void {
    const { member } = this.standing;
    if (member !== null) this.progress.raise(kind, member.scope, stream, seq, null);
  }

  /** This site's links, or the epoch up to which its registers are settled, have changed. */
  announceLinks(settled: number, nowMs: number): void {
    const { member } = this.standing;
    if (member === null) return;
    // Larger than any of an earlier run.
    this.linksVersion = Math.max(this.linksVersion + 1, nowMs);
    const scopes = this.neighbours
      .names()
      .map((peer) => this.standing.scopeOf(peer))
      .filter((scope) => scope !== null);
    this.progress.setLinks(member.scope, { version: this.linksVersion, scopes, settled }, null);
  }

  /** What is to be said now, and to whom. */
  due(nowMs: number): { readonly peer: SiteName; readonly entries: GossipEntry[] }[] {
    if (nowMs - this.saidMs < GOSSIP_MS) return [];
    this.saidMs = nowMs;
    return this.neighbours
      .names()
      .map((peer) => ({ peer, entries: this.progress.takeNews(peer, this.standing.scopeOf(peer)) }))
      .filter(({ entries }) => entries.length > 0);
  }

  /** Whom a site was last said to be linked with. */
  linksOf(site: SiteName): readonly SiteName[] {
    const scope = this.standing.scopeOf(site);
    const scopes = scope === null ? [] : (this.progress.of(scope).links?.scopes ?? []);
    return scopes.map((linked) => this.standing.siteOf(linked)).filter((linked) => linked !== null);
  }
}
