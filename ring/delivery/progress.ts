import type { MemberProgress, SiteName, StreamId } from '../api';
import type { GossipEntry, SelfReport, StreamMarks } from '../message';

interface Known {
  readonly held: Map<StreamId, bigint>;
  readonly applied: Map<StreamId, bigint>;
  links: SelfReport | null;
}

/** What has still to be said about one member on one link. */
interface News {
  readonly held: Set<StreamId>;
  readonly applied: Set<StreamId>;
  links: boolean;
}

/**
 * What is known of every member: facts that only grow, spread by gossip. A raise that is news here is news for every other
 * link, so each fact crosses each link at most once in each direction; raises in between are coalesced.
 */
export class Progress {
  /** By the member's scope. */
  private readonly known = new Map<number, Known>();
  /** By link, then by the member's scope. */
  private readonly news = new Map<SiteName, Map<number, News>>();

  of(scope: number): MemberProgress & { readonly links: SelfReport | null } {
    return this.entry(scope);
  }

  /** Everything known is news to a new link. */
  linkUp(peer: SiteName): void {
    const news = new Map<number, News>();
    for (const [scope, known] of this.known) {
      const links = known.links !== null;
      news.set(scope, { held: new Set(known.held.keys()), applied: new Set(known.applied.keys()), links });
    }
    this.news.set(peer, news);
  }

  linkDown(peer: SiteName): void {
    this.news.delete(peer);
  }

  /** `from`: the link that told it, which need not hear it again. Returns whether it was news. */
  raise(kind: 'held' | 'applied', scope: number, stream: StreamId, seq: bigint, from: SiteName | null): boolean {
    const marks = this.entry(scope)[kind];
    if (seq <= (marks.get(stream) ?? 0n)) return false;
    marks.set(stream, seq);
    this.spread(scope, from, (news) => news[kind].add(stream));
    return true;
  }

  setLinks(scope: number, links: SelfReport, from: SiteName | null): boolean {
    const entry = this.entry(scope);
    if (entry.links !== null && links.version <= entry.links.version) return false;
    entry.links = links;
    this.spread(scope, from, (news) => (news.links = true));
    return true;
  }

  receive(entries: readonly GossipEntry[], from: SiteName): void {
    for (const entry of entries) {
      for (const [stream, seq] of entry.held) this.raise('held', entry.scope, stream, seq, from);
      for (const [stream, seq] of entry.applied) this.raise('applied', entry.scope, stream, seq, from);
      if (entry.links !== null) this.setLinks(entry.scope, entry.links, from);
    }
  }

  /** Takes what is to be told to a peer about the others. */
  takeNews(peer: SiteName, peerScope: number | null): GossipEntry[] {
    const news = this.news.get(peer);
    if (news === undefined || news.size === 0) return [];
    this.news.set(peer, new Map());
    return [...news]
      .filter(([scope]) => scope !== peerScope)
      .map(([scope, { held, applied, links }]) => {
        const known = this.entry(scope);
        return {
          scope,
          held: marksOf(known.held, held),
          applied: marksOf(known.applied, applied),
          links: links ? known.links : null,
        };
      });
  }

  private spread(scope: number, from: SiteName | null, note: (news: News) => void): void {
    for (const [peer, newsOfLink] of this.news) {
      if (peer === from) continue;
      const news = newsOfLink.get(scope) ?? { held: new Set(), applied: new Set(), links: false };
      newsOfLink.set(scope, news);
      note(news);
    }
  }

  private entry(scope: number): Known {
    const known = this.known.get(scope) ?? { held: new Map(), applied: new Map(), links: null };
    this.known.set(scope, known);
    return known;
  }
}

function marksOf(marks: ReadonlyMap<StreamId, bigint>, streams: ReadonlySet<StreamId>): StreamMarks {
  return [...streams].map((stream) => [stream, marks.get(stream) ?? 0n] as const);
}
