import * as fc from 'fast-check';
import type { SiteName } from '../api';
import { downstream } from './arcs';

const sites = (count: number): SiteName[] => Array.from({ length: count }, (_, i) => `site-${i}` as SiteName);

interface Flow {
  readonly received: Map<SiteName, number>;
  readonly sent: Map<SiteName, number>;
  readonly hops: number;
}

function flow(live: SiteName[], origin: SiteName, replicas: number, fanout: number): Flow {
  const received = new Map<SiteName, number>();
  const sent = new Map<SiteName, number>();
  let frontier = [origin];
  let hops = 0;
  while (frontier.length > 0) {
    const next = frontier.flatMap((self) => {
      const targets = downstream({ self, origin, live, replicas, fanout });
      sent.set(self, targets.length);
      return targets;
    });
    for (const site of next) received.set(site, (received.get(site) ?? 0) + 1);
    if (next.length > 0) hops += 1;
    frontier = next;
  }
  return { received, sent, hops };
}

test('every live site gets each change exactly once, and the origin sends it `fanout` times', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 2, max: 14 }),
      fc.integer({ min: 1, max: 5 }),
      fc.integer({ min: 1, max: 5 }),
      fc.nat(13),
      (count, replicas, fanout, originIndex) => {
        const live = sites(count);
        const origin = live[originIndex % count] as SiteName;
        const { received, sent } = flow(live, origin, replicas, fanout);
        expect([...received.keys()].sort()).toEqual(live.filter((site) => site !== origin).sort());
        expect([...received.values()].every((times) => times === 1)).toBe(true);
        expect(sent.get(origin)).toBe(Math.min(fanout, replicas, count - 1));
        const feeders = [...sent].filter(([site, times]) => site !== origin && times > 1);
        expect(feeders.length).toBeLessThanOrEqual(1);
        for (const [, times] of feeders) expect(times).toBeLessThanOrEqual(replicas);
      },
    ),
  );
});

test('three relays shorten the way of a ring of thirty', () => {
  const live = sites(30);
  const { hops } = flow(live, live[0] as SiteName, 3, 1);
  expect(hops).toBeLessThan(flow(live, live[0] as SiteName, 1, 1).hops);
});

test('an origin that is away is skipped: the others relay among themselves', () => {
  const [gone, ...live] = sites(4) as [SiteName, ...SiteName[]];
  const reached = new Set(live.flatMap((self) => downstream({ self, origin: gone, live, replicas: 3, fanout: 1 })));
  expect(reached.size).toBe(2);
});
