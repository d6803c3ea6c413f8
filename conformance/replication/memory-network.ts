import { createHash } from 'node:crypto';
import type { Member, Ring, RingStatus, SiteName, StreamId, StreamStore, WhiteboardOutcome } from '../../ring/api';

interface Node {
  readonly member: Member;
  readonly store: StreamStore;
  readonly acknowledged: Map<StreamId, bigint>;
  open: boolean;
}

/** A double for the network alone: copies records between the real spools of sites in this process. */
export class MemoryNetwork {
  private readonly nodes: Node[] = [];
  private readonly cuts = new Set<string>();
  private pumping = false;
  private again = false;

  /** The ring of a site; the scopes are 1, 2, 3 … in the order of first joining, and a site keeps its own. */
  ring(site: string, store: StreamStore): Ring {
    const known = this.nodes.findIndex(({ member }) => member.site === site);
    const scope = known < 0 ? this.nodes.length + 1 : known + 1;
    const member: Member = { site: site as SiteName, ringId: ringId(site), scope, advertise: null, anchor: true };
    const node: Node = { member, store, acknowledged: new Map(), open: true };
    if (known < 0) this.nodes.push(node);
    else this.nodes[known] = node;
    this.kick();
    return {
      joined: () => Promise.resolve(member),
      offer: () => this.kick(),
      acknowledge: (stream, seq) => void node.acknowledged.set(stream, seq),
      status: () => this.status(node),
      whiteboards: { read: unavailable, update: unavailable },
      close: () => {
        node.open = false;
        return Promise.resolve();
      },
    };
  }

  /** What a site acknowledged of a stream. */
  acknowledged(site: string, stream: number): bigint {
    return this.nodes.find(({ member }) => member.site === site)?.acknowledged.get(stream as StreamId) ?? 0n;
  }

  cut(a: string, b: string): void {
    this.cuts.add(linkOf(a, b));
  }

  heal(): void {
    this.cuts.clear();
    this.kick();
  }

  private kick(): void {
    this.again = true;
    if (this.pumping) return;
    this.pumping = true;
    void this.pump().finally(() => (this.pumping = false));
  }

  private async pump(): Promise<void> {
    while (this.again) {
      this.again = false;
      for (const from of this.nodes) {
        for (const to of this.nodes) {
          if (from !== to && from.open && to.open && !this.cuts.has(linkOf(from.member.site, to.member.site))) {
            if (await copy(from, to)) this.again = true;
          }
        }
      }
    }
  }

  private status(node: Node): RingStatus {
    return {
      self: node.member,
      membership: { epoch: 1, members: this.nodes.map(({ member }) => member) },
      links: [],
      progress: new Map(),
      safekept: 0n,
      safekeptRecorded: 0n,
      paxosRounds: { committed: 0, aborted: 0, unknown: 0 },
    };
  }
}

async function copy(from: Node, to: Node): Promise<boolean> {
  let copied = false;
  for (const [stream, held] of from.store.held()) {
    const next = (to.store.held().get(stream) ?? 0n) + 1n;
    if (next > held || to.member.scope === Number(stream)) continue;
    const records = await from.store.read(stream, next, 1_000_000);
    if (!to.open || records.length === 0) continue;
    await to.store.append(stream, next, records);
    copied = true;
  }
  return copied;
}

const unavailable = (): Promise<WhiteboardOutcome> =>
  Promise.resolve({ kind: 'unavailable', reason: 'this network has no whiteboards' });

function linkOf(a: string, b: string): string {
  return [a, b].sort().join('|');
}

function ringId(site: string): bigint {
  return createHash('sha1').update(site).digest().readBigUInt64BE(0);
}
