import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { type WriteOutcome, waitingBytes, writeDirectly } from './direct-write';

let server: Server;
let socket: Socket;
let peer: Socket;

beforeEach(async () => {
  server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const accepted = once(server, 'connection') as Promise<[Socket]>;
  peer = connect((server.address() as AddressInfo).port, '127.0.0.1');
  peer.pause();
  [socket] = await accepted;
});

afterEach(async () => {
  socket.destroy();
  peer.destroy();
  await new Promise((resolve) => server.close(resolve));
});

/** Writes until the system takes no more; the bytes written so far. */
function fill(written: (bytes: number) => void): number {
  const piece = Buffer.alloc(256 * 1024, 7);
  let sent = 0;
  let outcome: WriteOutcome = 'sent';
  while (outcome === 'sent') {
    outcome = writeDirectly(socket, piece, { written });
    sent += piece.length;
  }
  expect(outcome).toBe('waits');
  return sent;
}

async function received(bytes: number): Promise<Buffer> {
  const parts: Buffer[] = [];
  let got = 0;
  peer.on('data', (part: Buffer) => {
    parts.push(part);
    got += part.length;
    if (got >= bytes) peer.emit('enough');
  });
  peer.resume();
  await once(peer, 'enough');
  return Buffer.concat(parts);
}

test('small writes are with the system at once, in order', async () => {
  const told: number[] = [];
  for (const text of ['one ', 'two ', 'three']) {
    expect(writeDirectly(socket, Buffer.from(text), { written: (bytes) => told.push(bytes) })).toBe('sent');
  }
  expect((await received(13)).toString()).toBe('one two three');
  expect(told).toEqual([]);
});

test('what the system does not take waits, is told when it is gone, and keeps its place before what follows', async () => {
  const told: number[] = [];
  const sent = fill((bytes) => told.push(bytes));
  expect(waitingBytes(socket)).toBeGreaterThan(0);
  expect(writeDirectly(socket, Buffer.from('behind'), { written: (bytes) => told.push(bytes) })).toBe('waits');
  // As a stream, behind both.
  socket.end('last');
  expect(told).toEqual([]);
  const got = await received(sent + 10);
  expect(got.length).toBe(sent + 10);
  expect(got.subarray(0, sent).every((byte) => byte === 7)).toBe(true);
  expect(got.subarray(sent).toString()).toBe('behindlast');
  expect(told).toEqual([256 * 1024, 6]);
  expect(waitingBytes(socket)).toBe(0);
});

test('bytes that wait in the stream go first', () => {
  fill(() => undefined);
  socket.write('a stream has it');
  expect(socket.writableLength).toBeGreaterThan(0);
  expect(writeDirectly(socket, Buffer.from('x'), { written: () => undefined })).toBe('unable');
});

test('a closed socket is the stream’s business', () => {
  socket.destroy();
  expect(writeDirectly(socket, Buffer.from('x'), { written: () => undefined })).toBe('unable');
});

test('a write to a peer that is gone ends the socket with the system’s error', async () => {
  const told: number[] = [];
  fill((bytes) => told.push(bytes));
  const closed = new Promise((resolve) => socket.once('close', resolve));
  const failed = new Promise<NodeJS.ErrnoException>((resolve) => socket.once('error', resolve));
  // Bytes that were not read make it a reset.
  peer.destroy();
  const error = await failed;
  await closed;
  expect(['ECONNRESET', 'EPIPE']).toContain(error.code);
  expect(told).toEqual([]);
});
