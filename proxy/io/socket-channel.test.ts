import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import type { Channel, ChannelEvents } from './channel';
import { connectedChannel, HandleChannel } from './handle-channel';
import { isLent } from './read-memory';
import { SocketChannel } from './socket-channel';
import { acceptHandles, type StreamHandle } from './stream-handle';

/** Two ends of a connection; the accepted one as a channel. */
interface Pair {
  readonly peer: Socket;
  readonly channel: Channel;
}

/** What the channel is made of: a socket of Node's, what was accepted without one, or a connection that was made. */
type Kind = 'socket' | 'handle' | 'connection';

let server: Server;
let pairsAreConnected = false;
let pairs: Pair[] = [];

/** Gets the next channel that is accepted. */
let acceptNext: (channel: Channel) => void = () => undefined;

async function listen(kind: Kind): Promise<void> {
  pairsAreConnected = kind === 'connection';
  // Without a listener what is accepted stays as it is, for the pair to take.
  server = pairsAreConnected
    ? createServer({ allowHalfOpen: true })
    : createServer({ allowHalfOpen: true, pauseOnConnect: true }, (socket) => acceptNext(new SocketChannel(socket)));
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const accept = (handle: StreamHandle): void => acceptNext(new HandleChannel(handle));
  if (kind === 'handle') expect(acceptHandles(server, accept, { noDelay: true, keepAliveSeconds: null })).toBe(true);
}

afterEach(async () => {
  for (const { peer, channel } of pairs) {
    peer.destroy();
    channel.destroy();
  }
  pairs = [];
  await new Promise((resolve) => server.close(resolve));
});

async function pair(): Promise<Pair> {
  const made = await (pairsAreConnected ? connectedPair() : acceptedPair());
  pairs.push(made);
  return made;
}

async function connectedPair(): Promise<Pair> {
  const accepted = once(server, 'connection') as Promise<[Socket]>;
  const socket = connect({ port: (server.address() as AddressInfo).port, host: '127.0.0.1', allowHalfOpen: true });
  const channel = await new Promise<Channel>((resolve) =>
    socket.once('connect', () => resolve(connectedChannel(socket))),
  );
  expect(channel).toBeInstanceOf(HandleChannel);
  const [peer] = await accepted;
  peer.on('error', () => undefined);
  return { peer, channel };
}

async function acceptedPair(): Promise<Pair> {
  const accepted = new Promise<Channel>((resolve) => (acceptNext = resolve));
  const peer = connect({ port: (server.address() as AddressInfo).port, host: '127.0.0.1', allowHalfOpen: true });
  peer.on('error', () => undefined);
  return { peer, channel: await accepted };
}

const nothing = (): void => undefined;
const ignored: ChannelEvents = { data: nothing, drain: nothing, end: nothing, error: nothing, close: nothing };

/** Relays as a connection does. */
function relay(from: Channel, to: Channel, seen: (bytes: Buffer) => void = nothing): void {
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

describe.each(['socket', 'handle', 'connection'] as const)('the channel of a %s', (kind) => {
  beforeEach(() => listen(kind));

  it.each([
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

  it('small reads lend memory; nothing of it is used by a write that goes on later', async () => {
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

  it('what was gathered goes out in order, small and large', async () => {
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

  it('paused, nothing comes; an end comes after the bytes before it', async () => {
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

  it('a failure is told, and then that it is over', async () => {
    const { peer, channel } = await pair();
    const told: string[] = [];
    const closed = new Promise<void>((resolve) => {
      channel.listen({
        ...ignored,
        error: (error) => void told.push((error as NodeJS.ErrnoException).code ?? error.message),
        close: resolve,
      });
    });
    channel.resume();
    peer.resetAndDestroy();
    await closed;
    expect(told).toEqual(['ECONNRESET']);
    // Nothing of this does harm, or is told.
    channel.write(Buffer.from('late'));
    channel.pause();
    channel.resume();
    channel.end();
    channel.destroy();
    expect(channel.needsDrain).toBe(false);
  });

  it('writing goes on after the other side has ended, and the end follows', async () => {
    const { peer, channel } = await pair();
    const events: string[] = [];
    const over = new Promise<void>((resolve) => {
      channel.listen({
        ...ignored,
        end: () => {
          events.push('end');
          channel.write(Buffer.from('still '));
          channel.end(Buffer.from('here'));
        },
        close: () => {
          events.push('close');
          resolve();
        },
      });
    });
    channel.resume();
    const got: Buffer[] = [];
    peer.on('data', (chunk: Buffer) => got.push(chunk));
    peer.end();
    await Promise.all([once(peer, 'end'), over]);
    expect(Buffer.concat(got).toString()).toBe('still here');
    expect(events).toEqual(['end', 'close']);
  });

  it('what the system has not taken when the end is asked for goes out before it', async () => {
    const { peer, channel } = await pair();
    let drained = false;
    channel.listen({ ...ignored, drain: () => (drained = true) });
    channel.resume();
    const large = randomBytes(8_000_000);
    expect(channel.write(large)).toBe(false);
    expect(channel.needsDrain).toBe(true);
    channel.end(Buffer.from('end'));
    const sent = new Promise<void>((resolve) => channel.whenSent(resolve));
    const got = digest(peer);
    expect(await got).toBe(createHash('sha256').update(large).update('end').digest('hex'));
    await sent;
    expect(drained).toBe(true);
    expect(channel.needsDrain).toBe(false);
  });

  it('destroyed, the other side sees the end', async () => {
    const { peer, channel } = await pair();
    const closed = new Promise<void>((resolve) => channel.listen({ ...ignored, close: resolve }));
    channel.write(Buffer.from('last'));
    channel.destroy();
    channel.destroy();
    peer.resume();
    await Promise.all([closed, once(peer, 'end')]);
  });

  it('that nothing moves on is destroyed', async () => {
    const { channel } = await pair();
    const closed = new Promise<void>((resolve) => channel.listen({ ...ignored, close: resolve }));
    channel.destroyWhenIdle(20);
    await closed;
  });
});

test('bytes that were read before the channel, and put back, come first', async () => {
  await listen('socket');
  const { peer, channel } = await pair();
  if (!(channel instanceof SocketChannel)) throw new Error('no socket');
  const { socket } = channel;
  const heard: string[] = [];
  socket.unshift(Buffer.from('early '));
  channel.listen({ ...ignored, data: (bytes) => void heard.push(bytes.toString()), end: () => heard.push('.') });
  channel.resume();
  peer.end('late');
  await once(socket, 'end');
  expect(heard.join('')).toBe('early late.');
});
