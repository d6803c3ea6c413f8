import { LinkRelay } from './link-relay';

/** The ring links of a lab: a relay for each ordered pair of sites. */
export class LabLinks {
  private readonly relays: LinkRelay[] = [];

  /** Opens all relays; `ringPort` tells where a site's ring listens. */
  async open(sites: readonly { readonly name: string; readonly ringPort: number }[]): Promise<void> {
    for (const from of sites) {
      for (const to of sites) {
        if (from === to) continue;
        const relay = new LinkRelay(from.name, to.name, { host: '127.0.0.1', port: to.ringPort });
        await relay.listen();
        this.relays.push(relay);
      }
    }
  }

  /** URLs by which a site dials the others. */
  peersOf(name: string): readonly string[] {
    return this.relays.filter(({ from }) => from === name).map(({ port }) => `ws://127.0.0.1:${port}`);
  }

  /** Cuts or heals all links of a site, or those of one pair; says which pairs. */
  set(state: 'cut' | 'heal', site: string, other: string | null): readonly string[] {
    const meant = this.relays.filter(
      ({ from, to }) => [from, to].includes(site) && (other === null || [from, to].includes(other)),
    );
    for (const relay of meant) relay[state]();
    const pairs = new Set(meant.map(({ from, to }) => [from, to].sort().join(' – ')));
    return [...pairs].sort();
  }

  /** Bytes each relay carried, and whether it is cut. */
  report(): readonly LinkReport[] {
    return this.relays.map(({ from, to, bytesTo, bytesFrom, cutOff }) => ({ from, to, bytesTo, bytesFrom, cutOff }));
  }

  async close(): Promise<void> {
    await Promise.all(this.relays.map((relay) => relay.close()));
  }
}

/** One directed link: `from` dialled `to`; `bytesTo` flowed to it, `bytesFrom` came back. */
export interface LinkReport {
  readonly from: string;
  readonly to: string;
  readonly bytesTo: number;
  readonly bytesFrom: number;
  readonly cutOff: boolean;
}
