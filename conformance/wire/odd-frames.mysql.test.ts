import { deflateSync } from 'node:zlib';
import { createConnection } from 'mysql2/promise';
import { AuthPacket } from '../../proxy/wire/handshake';
import { encodeFrame } from '../../proxy/wire/compressed-frame';
import { Capability } from '../../proxy/wire/constants';
import { frame } from '../../proxy/wire/packet-framer';
import { findServer } from '../../site/lab/find-server';
import { type ProxiedServer, startProxiedServer } from './proxied-server';
import { baseCapabilities, command, query, RawClient } from './raw-client';

const binary = findServer();

/** Uncompressed, of this number. */
const plain = (sequence: number, ...inner: Buffer[]): Buffer =>
  encodeFrame({ sequence, uncompressedLength: 0, body: Buffer.concat(inner) });
const deflated = (sequence: number, inner: Buffer, said = inner.length, behind = Buffer.alloc(0)): Buffer =>
  encodeFrame({ sequence, uncompressedLength: said, body: Buffer.concat([deflateSync(inner), behind]) });
const one = query('SELECT 1');
const quit = plain(0, command(1));
/** A packet of this number, which no server looks at here. */
const numbered = (sequence: number, text: string): Buffer => frame(Buffer.from(text, 'latin1'), sequence);
const pieces = (bytes: Buffer, length: number): Buffer[] =>
  Array.from({ length: Math.ceil(bytes.length / length) }, (_, at) => bytes.subarray(at * length, (at + 1) * length));

/** What goes out together; in place of a number of packets, which are waited for before. */
type Part = Buffer | number;

const long = query(`SELECT LENGTH('${'x'.repeat(70_000)}')`);
const load = query("LOAD DATA LOCAL INFILE 'a' INTO TABLE app.majina");
const bytewise = pieces(one, 1).map((byte, sequence) => plain(sequence, byte));
const many = pieces(query(`SELECT LENGTH('${'x'.repeat(3_000)}')`), 10);

/** Counted frames are those that do not end the connection; it ends with COM_QUIT then. */
const conversations: readonly (readonly [what: string, ...parts: Part[]])[] = [
  ['a compressed frame of a few bytes', deflated(0, one), 5, quit],
  ['an uncompressed frame of many bytes', plain(0, long), 5, quit],
  ['an empty frame before a command', plain(0), plain(1, one), 5, quit],
  ['several empty frames before a command', plain(0), plain(1), plain(2), plain(3, one), 5, quit],
  ['an empty frame within a command', plain(0, one.subarray(0, 6)), plain(1), plain(2, one.subarray(6)), 5, quit],
  ['a frame for each byte', ...bytewise, 5, quit],
  ['a header in two frames', plain(0, one.subarray(0, 2)), plain(1, one.subarray(2)), 5, quit],
  ['a header and its packet', plain(0, one.subarray(0, 4)), deflated(1, one.subarray(4)), 5, quit],
  ['a command of 302 frames', ...many.map((piece, sequence) => plain(sequence & 0xff, piece)), 5, quit],
  ['half compressed, half not', deflated(0, long.subarray(0, 40_000)), plain(1, long.subarray(40_000)), 5, quit],
  ['shorter than was said', deflated(0, one, 500), 5, quit],
  ['bytes behind the compressed data', deflated(0, one, one.length, Buffer.from('behind')), 5, quit],
  [
    'compressed data cut short',
    encodeFrame({ sequence: 0, uncompressedLength: 13, body: deflateSync(one).subarray(0, 9) }),
  ],
  ['nothing, said to be something', encodeFrame({ sequence: 0, uncompressedLength: 13, body: Buffer.alloc(0) })],
  [
    'commands with numbers of their own',
    plain(0, numbered(7, '\x03SELECT 1')),
    5,
    plain(0, numbered(9, '\x0e')),
    6,
    quit,
  ],
  ['commands that do not wait', plain(0, one), plain(0, command(0x0e)), plain(0, query('SELECT 2; SELECT 3')), quit],
  ['one without a reply among them', plain(0, one), plain(0, command(0x19, Buffer.alloc(4))), plain(0, one), quit],
  ['long ones that do not wait', deflated(0, long), deflated(0, long.subarray(0, 9)), plain(1, long.subarray(9)), quit],
  ['a command behind a reply, counted on', plain(0, one), 5, plain(1, one)],
  ['a command behind a reply, counted from its end', plain(0, one), 5, plain(2, one)],
  ['a command that begins at 1', plain(1, one)],
  [
    'a file whose packets are numbered anew',
    plain(0, load),
    1,
    plain(2, numbered(0, 'a\n'), numbered(0, 'b\n')),
    plain(3, numbered(0, '')),
    2,
    quit,
  ],
  [
    'a file in odd frames',
    plain(0, load),
    1,
    ...pieces(Buffer.concat([numbered(2, 'abc\ndef\n'), numbered(3, '')]), 3).map((piece, at) => plain(at + 2, piece)),
    2,
    quit,
  ],
  ['a file in frames that begin anew', plain(0, load), 1, plain(0, numbered(2, 'a\n'), numbered(3, ''))],
  [
    'a change of user whose answer is numbered anew',
    plain(0, command(0x11, Buffer.from('app\0\0app\0\x2d\0mysql_native_password\0', 'latin1'))),
    1,
    plain(2, numbered(0, 'wrong answer, 20 lon')),
    2,
    quit,
  ],
];

(binary?.flavour === 'mariadb' ? describe : describe.skip)('compressed frames, direct and proxied', () => {
  let site: ProxiedServer;

  beforeAll(async () => {
    if (binary === null) throw new Error('no server');
    site = await startProxiedServer(binary);
    const root = await createConnection({ socketPath: site.server.socket, user: 'root' });
    await root.query('CREATE TABLE app.majina (jina TEXT)');
    await root.end();
  });
  afterAll(async () => {
    await site.stop();
    expect(site.errors).toEqual([]);
  });

  /** All that is heard until the connection ends: number of the frame and of the packet, and its bytes. */
  async function heard(path: string, parts: readonly Part[]): Promise<string[]> {
    const capabilities = baseCapabilities | Capability.localFiles;
    const client = await RawClient.connect(path, [], { compressed: true, capabilities });
    const over = (): boolean => client.closed || client.ended;
    let together: Buffer[] = [];
    for (const part of parts) {
      if (typeof part !== 'number') {
        together.push(part);
        continue;
      }
      client.socket.writeRaw(Buffer.concat(together));
      together = [];
      await client.until(() => client.packets.length >= part || over());
    }
    client.socket.writeRaw(Buffer.concat(together));
    await client.until(over);
    client.destroy();
    return client.packets.map(({ frame: number, sequence, payload }) => {
      // Each authentication has a scramble of its own.
      const end = payload[0] === AuthPacket.switch && payload.length > 9 ? payload.indexOf(0) : payload.length;
      return `${number} ${sequence} ${payload.toString('hex', 0, end)}`;
    });
  }

  it.each(conversations.map(([what, ...parts]) => ({ what, parts })))('$what', async ({ parts }) => {
    const direct = await heard(site.server.socket, parts);
    expect(await heard(site.proxySocket, parts)).toEqual(direct);
    // Those that go well were answered.
    if (parts[parts.length - 1] === quit) expect(direct.length).toBeGreaterThan(0);
  });
});
