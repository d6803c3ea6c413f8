import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import type { ChannelEvents } from './channel';
import { isLent } from './read-memory';
import { SocketChannel } from './socket-channel';

/** Two ends of a connection; the accepted one as a channel. */
interface Pair {
  readonly peer: Socket;
  readonly channel: SocketChannel;
}

let server: Server;
let pairs: Pair[] = [];

beforeEach(async () => {
  server = createServer({ allowHalfOpen: true, pauseOnConnect: true }).listen(0, '127.0.0.1');
  await once(server, 'listening');
});

afterEach(async () => {
  for (const { peer, channel } of pairs) {
    peer.destroy();
    channel.destroy();
  }
  pairs = [];
  await new Promise((resolve) => server.close(resolve));
});

async function pair(): Promise<Pair> {
  const accepted = once(server, 'connection') as Promise<[Socket]>;
  const peer = connect({ port: (server.address() as AddressInfo).port, host: '127.0.0.1', allowHalfOpen: true });
  peer.on('error', () => undefined);
  const made = { peer, channel: new SocketChannel((await accepted)[0]) };
  pairs.push(made);
  return made;
}

const nothing = (): void => undefined;
const ignored: ChannelEvents = { data: nothing, drain: nothing, end: nothing, error: nothing, close: nothing };

/** Relays as a connection does. */
function relay(from: SocketChannel, to: SocketChannel, seen: (bytes: Buffer) => void = nothing): void {
  from.listen({
    ...ignored,
    data: (bytes) => {
      seen(bytes);
      if (!to.write(bytes)) from.pause();
    },
    end: () => to.end(),
  });
  to.listen({ ...ignored, drain: () => from.resume() });
  from.resume();
}

/** All that comes, read in spurts so that the system's buffers fill up. */
async function digest(socket: Socket): Promise<string> {
  const hash = createHash('sha256');
  let sinceRest = 0;
  socket.on('data', (chunk: Buffer) => {
    hash.update(chunk);
    sinceRest += chunk.length;
    if (sinceRest < 300_000) return;
    sinceRest = 0;
    socket.pause();
    setImmediate(() => socket.resume());
  });
  await once(socket, 'end');
  return hash.digest('hex');
}

test.each([
  ['small pieces', 300, 2_000],
  ['pieces as large as what is lent', 64 * 1024, 60],
  ['large results', 1_000_000, 12],
])('bytes from many connections at once arrive as they were sent: %s', async (_name, size, pieces) => {
  const relays: (readonly [Pair, Pair])[] = [];
  while (relays.length < 4) relays.push([await pair(), await pair()]);
  const done = relays.map(async ([from, to]) => {
    relay(from.channel, to.channel);
    const sent = createHash('sha256');
    const got = digest(to.peer);
    for (let i = 0; i < pieces; i++) {
      const piece = randomBytes(1 + Math.floor(Math.random() * size));
      sent.update(piece);
      if (!from.peer.write(piece)) await once(from.peer, 'drain');
    }
    from.peer.end();
    expect(await got).toBe(sent.digest('hex'));
  });
  await Promise.all(done);
});

test('small reads lend memory; nothing of it is used by a write that goes on later', async () => {
  const [from, to] = [await pair(), await pair()];
  const lent: boolean[] = [];
  relay(from.channel, to.channel, (bytes) => lent.push(isLent(bytes)));
  const other = await pair();
  other.channel.listen(ignored);
  other.channel.resume();
  // Until the system takes no more of it, since nobody reads.
  let sent = 0;
  while (!from.channel.paused) {
    from.peer.write(Buffer.alloc(8_000, sent++ % 251));
    other.peer.write(Buffer.alloc(8_000, 255));
    await new Promise(setImmediate);
  }
  expect(lent).toContain(true);
  const parts: Buffer[] = [];
  to.peer.on('data', (chunk: Buffer) => parts.push(chunk));
  from.peer.end();
  await once(to.peer, 'end');
  const all = Buffer.concat(parts);
  expect(all.length).toBe(sent * 8_000);
  const wrong = Array.from({ length: sent }, (_, i) => i).filter(
    (i) => !all.subarray(i * 8_000, (i + 1) * 8_000).equals(Buffer.alloc(8_000, i % 251)),
  );
  expect(wrong).toEqual([]);
});

test('what was gathered goes out in order, small and large', async () => {
  const { peer, channel } = await pair();
  channel.listen(ignored);
  const parts = [randomBytes(10), randomBytes(20), randomBytes(100_000), randomBytes(5)];
  for (const split of [2, 4]) {
    channel.cork();
    for (const part of parts.slice(split - 2, split)) channel.write(part);
    channel.uncork();
  }
  channel.end();
  const got: Buffer[] = [];
  peer.on('data', (chunk: Buffer) => got.push(chunk));
  await once(peer, 'end');
  expect(Buffer.concat(got).equals(Buffer.concat(parts))).toBe(true);
});

test('paused, nothing comes; an end comes after the bytes before it', async () => {
  const { peer, channel } = await pair();
  const seen: string[] = [];
  const ended = new Promise<void>((resolve) => {
    channel.listen({
      ...ignored,
      data: (bytes) => {
        seen.push(bytes.toString());
        channel.pause();
        setImmediate(() => channel.resume());
      },
      end: resolve,
    });
  });
  peer.write('one');
  await new Promise(setImmediate);
  expect(seen).toEqual([]);
  channel.resume();
  peer.end('two');
  await ended;
  expect(seen.join('')).toBe('onetwo');
});

test('bytes that were read before the channel, and put back, come first', async () => {
  const { peer, channel } = await pair();
  const { socket } = channel;
  const heard: string[] = [];
  socket.unshift(Buffer.from('early '));
  channel.listen({ ...ignored, data: (bytes) => void heard.push(bytes.toString()), end: () => heard.push('.') });
  channel.resume();
  peer.end('late');
  await once(socket, 'end');
  expect(heard.join('')).toBe('early late.');
});
