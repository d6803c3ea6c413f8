import type { SiteName, StreamId } from '../../ring/api';
import { NO_FAULTS, VirtualRing } from './virtual-ring';

const SITES = ['ada', 'ben', 'eve', 'kim', 'leo'];
const DAY_MS = 24 * 3600 * 1000;
/** TCP and IP headers of a message and of its acknowledgement, and the websocket's. */
const HEADER_BYTES = 40 + 40 + 8;

function ringOf(seed: number, count: number): { ring: VirtualRing; names: SiteName[] } {
  const ring = new VirtualRing(seed);
  const names = SITES.slice(0, count).map((name, i) => {
    const site = ring.add(name, i === 0);
    ring.run(5_000);
    return site;
  });
  ring.run(10_000);
  return { ring, names };
}

function scopeOf(ring: VirtualRing, site: SiteName): StreamId {
  return (ring.sites.get(site)?.node?.status().self?.scope ?? 0) as StreamId;
}

const bytesOf = (ring: VirtualRing, site: SiteName, streams: StreamId[]) =>
  streams.map((stream) => Buffer.concat(ring.sites.get(site)?.store.streams.get(stream) ?? []).toString('hex'));

test('an idle ring costs each site less than 2 MB a day', () => {
  const { ring, names } = ringOf(1, 3);
  ring.bytesSent.clear();
  ring.messagesSent.clear();
  // An hour stands for the day: nothing in it happens less often than every minute.
  ring.run(DAY_MS / 24);
  for (const site of names) {
    const sent = (ring.bytesSent.get(site) ?? 0) + HEADER_BYTES * (ring.messagesSent.get(site) ?? 0);
    expect(ring.messagesSent.get(site)).toBeGreaterThan(100);
    // Sent by it, and as much again received.
    expect(sent * 24 * 2).toBeLessThan(2_000_000);
  }
});

test('without faults every site is sent each record once', () => {
  const { ring, names } = ringOf(2, 5);
  const streams = names.map((site) => scopeOf(ring, site));
  ring.bytesSent.clear();
  for (let i = 0; i < 200; i += 1) {
    const place = i % names.length;
    ring.write(names[place] as SiteName, streams[place] as StreamId, Buffer.alloc(1_000, i));
    ring.run(50);
  }
  ring.run(3_000);
  const expected = bytesOf(ring, names[0] as SiteName, streams);
  for (const site of names) expect(bytesOf(ring, site, streams)).toEqual(expected);
  const total = [...ring.bytesSent.values()].reduce((sum, bytes) => sum + bytes, 0);
  // 200 records of 1,000 bytes to four others, and what is said about them.
  expect(total).toBeLessThan(1.3 * 200 * 1_000 * 4);
});

test('streams reach every site through losses, cuts and crashes, those of a dead origin too', () => {
  for (let seed = 1; seed <= 6; seed += 1) {
    const { ring, names } = ringOf(seed, 5);
    const streams = names.map((site) => scopeOf(ring, site));
    ring.faults = { ...NO_FAULTS, loss: 0.05, repeat: 0.05, delayMsMax: 150, crash: 0.0005 };
    for (let i = 0; i < 150; i += 1) {
      const place = ring.dice.below(names.length);
      const site = names[place] as SiteName;
      if (ring.isUp(site)) ring.write(site, streams[place] as StreamId, Buffer.from(`${seed} ${i}`));
      if (ring.dice.chance(0.1)) ring.cut(site, names[(place + 1 + ring.dice.below(4)) % 5] as SiteName);
      if (ring.dice.chance(0.05)) ring.heal();
      ring.run(100);
    }
    ring.faults = NO_FAULTS;
    ring.heal();
    ring.run(5_000);
    for (const site of names) ring.start(site);
    ring.run(5_000);
    // The first origin dies for good: whoever has more of its stream passes it on.
    const [dead, ...left] = names as [SiteName, ...SiteName[]];
    ring.crash(dead);
    ring.run(80_000);
    const expected = bytesOf(ring, left[0] as SiteName, streams);
    for (const site of left)
      expect({ seed, site, is: bytesOf(ring, site, streams) }).toEqual({ seed, site, is: expected });
    const [own] = bytesOf(ring, left[1] as SiteName, [streams[1] as StreamId]);
    expect(own?.length).toBeGreaterThan(0);
  }
});
