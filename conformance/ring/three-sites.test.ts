import { mkdtemp, rm } from 'node:fs/promises';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { SiteName, StreamId } from '../../ring/api';
import { startRing, type RingOptions, type StartedRing } from '../../ring/io/runner';
import { MemoryStreamStore } from './memory-stream-store';
import { TcpRelay } from './tcp-relay';

interface TestSite {
  readonly name: SiteName;
  readonly store: MemoryStreamStore;
  readonly logged: string[];
  readonly warned: string[];
  readonly options: RingOptions;
  ring: StartedRing;
}

let directory: string;
const open: StartedRing[] = [];
const relays: TcpRelay[] = [];

beforeEach(async () => {
  directory = await mkdtemp(path.join(os.tmpdir(), 'duara-ring-'));
});

afterEach(async () => {
  await Promise.all(open.splice(0).map((ring) => ring.close()));
  await Promise.all(relays.splice(0).map((relay) => relay.close()));
  await rm(directory, { recursive: true, force: true });
});

async function startSite(name: string, peers: string[], overrides: Partial<RingOptions> = {}): Promise<TestSite> {
  const store = new MemoryStreamStore();
  const logged: string[] = [];
  const warned: string[] = [];
  const log = (detail: object, message: string) => void logged.push(`${JSON.stringify(detail)} ${message}`);
  const warn = (detail: object, message: string) => {
    log(detail, message);
    warned.push(message);
  };
  const options: RingOptions = {
    site: name as SiteName,
    dataDir: path.join(directory, name),
    secret: Buffer.from('the secret of this ring'),
    listen: { host: '127.0.0.1', port: 0 },
    advertise: null,
    peers,
    replicas: 3,
    safekeep: 1,
    fanout: 1,
    anchor: true,
    maxKBps: 100_000,
    store,
    log: { info: log, warn, error: warn },
    founder: peers.length === 0,
    ...overrides,
  };
  const ring = await startRing(options);
  open.push(ring);
  return { name: options.site, store, logged, warned, options, ring };
}

const urlOf = (site: TestSite) => `ws://127.0.0.1:${site.ring.address.port}`;

/** Waits for a condition of something that reports no event of its own. */
async function until(what: string, condition: () => boolean | Promise<boolean>, boundMs = 120_000): Promise<void> {
  const endMs = Date.now() + boundMs;
  while (!(await condition())) {
    if (Date.now() > endMs) throw new Error(`not within ${boundMs} ms: ${what}`);
    await sleep(20);
  }
}

function write(site: TestSite, count: number, bytes = 100): StreamId {
  const stream = (site.ring.status().self?.scope ?? 0) as StreamId;
  for (let i = 0; i < count; i += 1) site.store.grow(stream, Buffer.alloc(bytes, i));
  site.ring.offer(stream);
  return stream;
}

const holds = (site: TestSite, stream: StreamId, seq: bigint) => (site.store.held().get(stream) ?? 0n) >= seq;
const linked = (site: TestSite) =>
  site.ring
    .status()
    .links.filter((link) => link.up)
    .map((link) => link.peer)
    .sort();

async function threeSites(): Promise<[TestSite, TestSite, TestSite]> {
  const a = await startSite('a', []);
  const b = await startSite('b', [urlOf(a)]);
  await b.ring.joined();
  const c = await startSite('c', [urlOf(a), urlOf(b)]);
  await c.ring.joined();
  await until('all linked', () => [a, b, c].every((site) => linked(site).length === 2));
  await until('all know epoch 3', () => [a, b, c].every((site) => (site.ring.status().membership?.epoch ?? 0) >= 3));
  return [a, b, c];
}

test('two sites join the founder, get scopes, and streams flow between all three', async () => {
  const sites = await threeSites();
  expect(sites.map((site) => site.ring.status().self?.scope)).toEqual([1, 2, 3]);
  const streams = sites.map((site) => write(site, 50));
  await until('everything is everywhere', () => sites.every((site) => streams.every((s) => holds(site, s, 50n))));
  for (const site of sites) for (const stream of streams) site.ring.acknowledge(stream, 50n);
  const knowsAll = (site: TestSite) =>
    sites.every((other) => streams.every((s) => site.ring.status().progress.get(other.name)?.applied.get(s) === 50n));
  await until('everyone knows what everyone applied', () => sites.every(knowsAll));
  await until('safekept, and on the whiteboard', () =>
    sites.every((site) => site.ring.status().safekept === 50n && site.ring.status().safekeptRecorded === 50n),
  );
  expect(sites.map((site) => site.store.appends)).toEqual([100, 100, 100]);
});

/** Returns what it came to when this was known. Rivals on slow disks may keep one another from it longer than a request lasts. */
async function addWord({ ring }: TestSite, word: string): Promise<string[]> {
  for (;;) {
    const outcome = await ring.whiteboards.update('words', (it) => {
      const words = wordsOf(it);
      // Of a request that ended as unknown it may be in already.
      return words.includes(word) ? undefined : [...words, word].join(' ');
    });
    if (outcome.kind === 'committed' || outcome.kind === 'declined') return wordsOf(outcome.value);
  }
}

const wordsOf = (value: string | null): string[] => value?.split(' ') ?? [];

test('whiteboards change atomically from all sites at once', async () => {
  const sites = await threeSites();
  const seen = await Promise.all(
    sites.map(async (site) => {
      const values: string[][] = [];
      for (const n of [1, 2, 3, 4]) values.push(await addWord(site, `${site.name}${n}`));
      return values;
    }),
  );
  const final = await sites[0].ring.whiteboards.read('words');
  const words = wordsOf('value' in final ? final.value : null);
  expect(words.toSorted()).toEqual(sites.flatMap(({ name }) => [1, 2, 3, 4].map((n) => `${name}${n}`)));
  for (const value of seen.flat()) expect(value).toEqual(words.slice(0, value.length));
  for (const { ring } of sites) expect(await ring.whiteboards.read('words')).toEqual(final);
  expect(await sites[0].ring.whiteboards.update('words', () => undefined)).toEqual({ ...final, kind: 'declined' });
});

test('a cut link heals and goes on where it stopped', async () => {
  const a = await startSite('a', []);
  const relay = await TcpRelay.to(a.ring.address.port);
  relays.push(relay);
  const b = await startSite('b', [relay.url]);
  await b.ring.joined();
  const stream = write(a, 300, 2_000);
  await until('b has the first', () => holds(b, stream, 300n));
  relay.cut();
  await until('the cut is seen', () => linked(a).length === 0);
  write(a, 10, 2_000);
  const readBefore = a.store.reads;
  relay.heal();
  await until('b has the rest', () => holds(b, stream, 310n));
  expect(a.store.reads - readBefore).toBe(10);
  expect(b.store.appends).toBe(310);
});

test('without a direct link streams, progress and votes go by way of the third site', async () => {
  const a = await startSite('a', []);
  const b = await startSite('b', [urlOf(a)]);
  await b.ring.joined();
  const c = await startSite('c', [urlOf(b)]);
  expect((await c.ring.joined()).scope).toBe(3);
  const fromA = write(a, 20);
  const fromC = write(c, 20);
  await until('a and c have each other', () => holds(c, fromA, 20n) && holds(a, fromC, 20n));
  c.ring.acknowledge(fromA, 20n);
  await until('a knows', () => a.ring.status().progress.get(c.name)?.applied.get(fromA) === 20n);
  expect(linked(a)).toEqual(['b']);
  const outcomes = await Promise.all([a, c].map(({ ring }) => ring.whiteboards.update('x', (it) => `${it ?? ''}!`)));
  expect(outcomes.map(({ kind }) => kind)).toEqual(['committed', 'committed']);
  // Once c follows b, what a writes comes at once.
  write(a, 5);
  await until('the next ones too', () => holds(c, fromA, 25n));
});

test('a restarted site keeps its scope and its promises', async () => {
  const [a, b, c] = await threeSites();
  await a.ring.whiteboards.update('kept', () => 'value');
  await Promise.all([a.ring.close(), b.ring.close()]);
  expect(await c.ring.whiteboards.update('kept', () => 'alone')).toMatchObject({ kind: 'unavailable' });
  b.ring = await startRing({ ...b.options, peers: [urlOf(c)] });
  open.push(b.ring);
  expect((await b.ring.joined()).scope).toBe(2);
  await until('linked again', () => linked(c).includes(b.name));
  expect(await c.ring.whiteboards.read('kept')).toEqual({ kind: 'committed', value: 'value' });
});

test('a second connection between two sites ends without a warning, and so does a line that breaks', async () => {
  const a = await startSite('a', []);
  const second = await TcpRelay.to(a.ring.address.port);
  relays.push(second);
  second.cut();
  const b = await startSite('b', [urlOf(a), second.url]);
  await until('linked', () => linked(a).length === 1 && linked(b).length === 1);
  second.heal();
  await until('the second came and went', () => second.bytes > 0 && second.ends === 0);
  await b.ring.close();
  // What the dialler said at the end of its second connection has been read by now: a's link to b went down after it.
  await until('a sees b gone', () => linked(a).length === 0);
  expect([...a.warned, ...b.warned]).toEqual([]);
});

test('a wrong secret is refused, and both ends say so', async () => {
  const a = await startSite('a', []);
  const b = await startSite('b', [urlOf(a)], { secret: Buffer.from('another secret') });
  const complains = (site: TestSite) => site.logged.some((line) => line.includes('another ring secret'));
  await until('both have logged it', () => complains(a) && complains(b));
  expect([a, b].every(({ warned }) => warned.length > 0)).toBe(true);
  expect(linked(a)).toEqual([]);
  expect(b.ring.status().self).toBeNull();
});

test('a second site with a name that is taken is told what to do', async () => {
  const a = await startSite('a', []);
  const b = await startSite('b', [urlOf(a)]);
  await b.ring.joined();
  const imposter = await startSite('b', [urlOf(a)], { dataDir: path.join(directory, 'imposter') });
  await expect(imposter.ring.joined()).rejects.toMatchObject({ code: 'site-name-taken' });
});

test('garbage on the port harms nobody', async () => {
  const a = await startSite('a', []);
  const upgrade = [
    'GET / HTTP/1.1',
    'Host: x',
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
    'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==',
    '',
    '',
  ].join('\r\n');
  for (const opening of ['', upgrade]) {
    const socket = net.connect(a.ring.address.port, '127.0.0.1');
    const closed = new Promise((resolve) => socket.on('close', resolve));
    socket.on('error', () => undefined);
    socket.resume();
    socket.write(opening);
    if (opening !== '') await new Promise((resolve) => socket.once('data', resolve));
    socket.write(Buffer.alloc(1_000, 0xa7));
    await closed;
  }
  const b = await startSite('b', [urlOf(a)]);
  expect((await b.ring.joined()).scope).toBe(2);
});

/** A codec that packs nothing and counts how often it was asked to. */
function countingCodec(name: string) {
  const codec = {
    name,
    packed: 0,
    encode(records: readonly Uint8Array[]): Buffer {
      codec.packed++;
      return Buffer.from(JSON.stringify(records.map((record) => Buffer.from(record).toString('hex'))));
    },
    decode: (bytes: Uint8Array): Uint8Array[] =>
      (JSON.parse(Buffer.from(bytes).toString()) as string[]).map((hex) => Buffer.from(hex, 'hex')),
  };
  return codec;
}

test('batches are packed by the best codec that both ends have', async () => {
  const [best, common, rare] = [countingCodec('best'), countingCodec('common'), countingCodec('rare')];
  const a = await startSite('a', [], { codecs: [best, common] });
  const b = await startSite('b', [urlOf(a)], { codecs: [common, rare] });
  await b.ring.joined();
  const streams = [write(a, 3), write(b, 3)];
  await until('both have both', () => [a, b].every((site) => streams.every((stream) => holds(site, stream, 3n))));
  expect(common.packed).toBeGreaterThanOrEqual(2);
  expect([best.packed, rare.packed]).toEqual([0, 0]);
});
