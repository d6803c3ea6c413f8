import { setImmediate as turn } from 'node:timers/promises';
import { deflateSync, inflateSync } from 'node:zlib';
import { encodeFrame, FrameCutter } from '../wire/compressed-frame';
import { Command } from '../wire/constants';
import { frame, PacketFramer } from '../wire/packet-framer';
import type { ReplyProgress } from '../session/session-effects';
import type { Channel } from './channel';
import { CompressedChannel, CompressionError } from './compressed-channel';

const nothing = (): void => undefined;

/** A channel whose wire is looked at, and fed, by the test. */
class Conversation {
  readonly errors: Error[] = [];
  private readonly channel: CompressedChannel;
  private readonly frames = new FrameCutter();
  private readonly fromClient = new PacketFramer();
  private readonly toClient = new PacketFramer();
  private heard: string[] = [];
  private sent: string[] = [];

  constructor() {
    const below: Channel = {
      listen: nothing,
      write: (bytes) => this.written(bytes),
      cork: nothing,
      uncork: nothing,
      needsDrain: false,
      pause: nothing,
      resume: nothing,
      paused: false,
      end: nothing,
      whenSent: (then) => then(),
      destroyWhenIdle: nothing,
      destroy: nothing,
    };
    this.channel = new CompressedChannel(below, { kind: 'zlib' }, Buffer.alloc(0));
    this.channel.listen({
      data: (bytes) => {
        for (const { sequence, payload } of this.fromClient.push(Buffer.from(bytes))) {
          this.heard.push(`${sequence}:${payload.toString('latin1', 1)}`);
        }
      },
      drain: nothing,
      end: nothing,
      error: (error) => this.errors.push(error),
      close: nothing,
    });
    this.channel.resume();
  }

  /** A frame of the client; what the session got of it: number and text of each packet. */
  async client(sequence: number, inner: Buffer, compressed = false): Promise<string> {
    const body = compressed ? deflateSync(inner) : inner;
    this.channel.belowEvents.data(encodeFrame({ sequence, uncompressedLength: compressed ? inner.length : 0, body }));
    // Those that take long to uncompress too.
    while (compressed && this.heard.length === 0 && this.errors.length === 0) await turn();
    await turn();
    return this.heard.splice(0).join(' ');
  }

  /** Packets of the server, with what the session says of them; what the client gets: number of the frame, of the packet, text. */
  async server(...said: (Buffer | ReplyProgress)[]): Promise<string> {
    for (const one of said) {
      if (typeof one === 'string') this.channel.replyProgress(one);
      else this.channel.write(one);
    }
    await turn();
    return this.sent.splice(0).join(' ');
  }

  private written(bytes: Buffer): boolean {
    for (const { sequence, uncompressedLength, body } of this.frames.push(bytes)) {
      const inner = uncompressedLength === 0 ? body : inflateSync(body);
      for (const packet of this.toClient.push(inner)) {
        this.sent.push(`${sequence}/${packet.sequence}:${packet.payload.toString('latin1', 0, 8)}`);
      }
    }
    return true;
  }
}

const packet = (number: number, text: string): Buffer => frame(Buffer.from(text, 'latin1'), number);
const query = (text: string, number = 0): Buffer =>
  frame(Buffer.concat([Buffer.from([Command.query]), Buffer.from(text)]), number);
const close = (): Buffer => frame(Buffer.from([Command.stmtClose, 1, 0, 0, 0]));

describe('a client that speaks compression', () => {
  let talk: Conversation;
  beforeEach(() => {
    talk = new Conversation();
  });
  afterEach(() => expect(talk.errors).toEqual([]));

  it('may number its packets as it likes: frames count', async () => {
    expect(await talk.client(0, query('a', 1))).toBe('0:a');
    expect(await talk.server(packet(1, 'ok'), 'end')).toBe('1/1:ok');
    expect(await talk.client(0, query('long'.repeat(9_000), 1), true)).toBe(`0:${'long'.repeat(9_000)}`);
    expect(await talk.server(packet(1, '\xfbfile'), 'part')).toBe('1/1:\xfbfile');
    expect(await talk.client(2, Buffer.concat([packet(9, '-x'), packet(4, '-y')]))).toBe('2:x 3:y');
    expect(await talk.client(3, frame(Buffer.alloc(0), 1))).toBe('4:');
  });

  it('gets parts of a reply as from a server: frames of their own, packets counted from them', async () => {
    await talk.client(0, query('a; b'));
    const said = [packet(1, 'a1'), packet(2, 'a2'), 'part', packet(3, 'b1'), packet(4, 'b2'), 'end'] as const;
    expect(await talk.server(...said)).toBe('1/1:a1 1/2:a2 2/2:b1 2/3:b2');
    await talk.client(0, query('c'));
    expect(await talk.server(packet(1, 'c1'), 'end')).toBe('1/1:c1');
  });

  it('gets the answer to a file behind the last frame of it', async () => {
    await talk.client(0, query('load; b'));
    expect(await talk.server(packet(1, '\xfbfile'), 'part')).toBe('1/1:\xfbfile');
    await talk.client(2, Buffer.concat([packet(2, '-x'), packet(3, '-y'), packet(4, '')]));
    expect(await talk.server(packet(5, 'ok'), 'part', packet(6, 'b1'), 'end')).toBe('3/3:ok 4/4:b1');
  });

  it('gets replies numbered each by its own command, though it did not wait for them', async () => {
    const long = query('b'.repeat(100));
    expect(await talk.client(0, query('a'))).toBe('0:a');
    expect(await talk.server(packet(1, 'a1'))).toBe('1/1:a1');
    expect(await talk.client(0, close())).toBe('0:\x01\0\0\0');
    expect(await talk.client(0, long.subarray(0, 50))).toBe('');
    expect(await talk.client(1, long.subarray(50))).toBe(`0:${'b'.repeat(100)}`);
    expect(await talk.client(0, Buffer.concat([query('c'), query('d')]))).toBe('0:c 0:d');
    expect(await talk.server(packet(2, 'a2'))).toBe('2/2:a2');
    const said = [packet(3, 'a3'), 'end', packet(1, 'b1'), 'end', packet(1, 'c1'), 'end', packet(1, 'd1')] as const;
    expect(await talk.server(...said)).toBe('3/3:a3 2/2:b1 1/1:c1 1/1:d1');
    expect(await talk.server(packet(2, 'd2'), 'end')).toBe('2/2:d2');
  });

  it('gets frames counted on behind its own where nobody follows the replies', async () => {
    expect(await talk.server('unknown')).toBe('');
    await talk.client(0, query('a'));
    expect(await talk.server(packet(1, 'a1'), packet(2, 'a2'))).toBe('1/1:a1 1/2:a2');
    await talk.client(0, query('b'));
    expect(await talk.server(packet(1, 'b1'))).toBe('1/1:b1');
    expect(await talk.server(packet(2, 'b2'))).toBe('2/2:b2');
  });

  it('counts on behind 255, both ways', async () => {
    await talk.client(0, query('many'));
    for (let number = 1; number < 255; number++) await talk.server(packet(number, 'x'), 'part');
    expect(await talk.server(packet(255, '\xfbfile'), 'part')).toBe('255/255:\xfbfile');
    expect(await talk.client(0, packet(7, '-x'))).toBe('0:x');
    expect(await talk.client(1, packet(7, ''))).toBe('1:');
    expect(await talk.server(packet(2, 'ok'), 'end')).toBe('2/2:ok');
    expect(await talk.client(0, query('next'))).toBe('0:next');
  });

  it('may begin with frames that hold nothing', async () => {
    expect(await talk.client(0, Buffer.alloc(0))).toBe('');
    expect(await talk.client(1, query('a'))).toBe('0:a');
    expect(await talk.server(packet(1, 'a1'), 'end')).toBe('2/2:a1');
  });
});

it.each<[string, (talk: Conversation) => Promise<unknown>]>([
  ['a command numbered as if it were an answer', (talk) => talk.client(1, query('a'))],
  [
    'the rest of a packet in a frame that begins anew',
    async (talk) => {
      await talk.client(0, query('abc').subarray(0, 6));
      await talk.client(0, query('abc').subarray(6));
    },
  ],
])('%s is out of order', async (_what, said) => {
  const talk = new Conversation();
  await said(talk);
  expect(talk.errors).toEqual([expect.any(CompressionError)]);
});
