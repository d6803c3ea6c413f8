import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, readdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { StreamId } from '../../ring/api';
import type { Logger } from '../ports';
import { SpoolFiles, type SpoolOptions } from './spool-files';
import { writeAtFully } from './spool-stream';

const quiet: Logger = { info: () => undefined, warn: () => undefined, error: () => undefined };
const A = 7 as StreamId;
const record = (seq: number): Buffer => Buffer.from(`record ${seq} `.repeat(1 + (seq % 5)));

let dir: string;
beforeEach(() => (dir = mkdtempSync(join(tmpdir(), 'spool-'))));
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const open = (options?: SpoolOptions): Promise<SpoolFiles> => SpoolFiles.open(dir, quiet, options);
const lastSegment = (): string => join(dir, '7', readdirSync(join(dir, '7')).sort().at(-1) as string);

async function all(spool: SpoolFiles, from = 1n): Promise<string[]> {
  const found: string[] = [];
  for await (const { seq, bytes } of spool.records(A, from)) found.push(`${seq}:${Buffer.from(bytes).toString()}`);
  return found;
}

const expected = (from: number, to: number): string[] =>
  Array.from({ length: to - from + 1 }, (_, index) => `${from + index}:${record(from + index).toString()}`);

async function fill(spool: SpoolFiles, from: number, to: number): Promise<void> {
  for (let seq = from; seq <= to; seq++) await spool.append(A, BigInt(seq), [record(seq)]);
}

test('what was appended is read back, from any seq, over segments and after reopening', async () => {
  const spool = await open({ segmentBytesMax: 200 });
  await fill(spool, 1, 40);
  expect(readdirSync(join(dir, '7')).length).toBeGreaterThan(3);
  expect(spool.held().get(A)).toBe(40n);
  expect(await all(spool)).toEqual(expected(1, 40));
  await spool.close();
  const again = await open({ segmentBytesMax: 200 });
  expect(again.held()).toEqual(new Map([[A, 40n]]));
  expect(await all(again, 23n)).toEqual(expected(23, 40));
  await fill(again, 41, 45);
  expect(await all(again)).toEqual(expected(1, 45));
  expect((await again.read(A, 44n, 1)).length).toBe(1);
  expect(await again.read(A, 46n, 1000)).toEqual([]);
  expect(again.bytesTotal()).toBeGreaterThan(45 * 20);
  await again.close();
});

test('repeats are dropped, a gap rejects, and neither harms what follows', async () => {
  const spool = await open();
  await spool.append(A, 1n, [record(1), record(2), record(3)]);
  await spool.append(A, 2n, [record(2), record(3), record(4)]);
  await spool.append(A, 1n, [record(1)]);
  await expect(spool.append(A, 6n, [record(6)])).rejects.toMatchObject({ code: 'DUARA_SPOOL_GAP' });
  await spool.append(A, 5n, [record(5)]);
  expect(await all(spool)).toEqual(expected(1, 5));
  await spool.close();
});

test('appends made at once share an fsync, and listeners hear of durable seqs only', async () => {
  let writes = 0;
  const spool = await open({
    writeAt: (file, bytes, at) => {
      writes++;
      return writeAtFully(file, bytes, at);
    },
  });
  const heard: bigint[] = [];
  spool.onAppend((stream, seq) => {
    expect(spool.held().get(stream)).toBe(seq);
    heard.push(seq);
  });
  await Promise.all(Array.from({ length: 50 }, (_, i) => spool.append(A, BigInt(i + 1), [record(i + 1)])));
  expect(writes).toBeLessThan(5);
  expect(heard.at(-1)).toBe(50n);
  expect(await all(spool)).toEqual(expected(1, 50));
  await spool.close();
});

test('a tail torn at any byte is cut off, and the spool goes on', async () => {
  const first = await open();
  await fill(first, 1, 3);
  await first.close();
  const whole = readFileSync(lastSegment());
  const start = whole.length - record(3).length - 20;
  for (let bytes = start; bytes < whole.length; bytes++) {
    writeFileSync(lastSegment(), whole);
    truncateSync(lastSegment(), bytes);
    const spool = await open();
    expect(await all(spool)).toEqual(expected(1, 2));
    await fill(spool, 3, 4);
    expect(await all(spool)).toEqual(expected(1, 4));
    await spool.close();
  }
});

test.each([
  [
    'zeros behind the end, as a power cut leaves them',
    (whole: Buffer) => Buffer.concat([whole, Buffer.alloc(9000)]),
    6,
  ],
  ['garbage behind the end', (whole: Buffer) => Buffer.concat([whole, createHash('sha256').digest()]), 6],
  [
    'a hole in the last batch, whose end reached the disk',
    (whole: Buffer) => whole.fill(0, offsetOf(whole, 5), offsetOf(whole, 6)),
    4,
  ],
])('%s: cut off', async (_what, spoil, left) => {
  const spool = await open();
  await fill(spool, 1, 4);
  await spool.append(A, 5n, [record(5), record(6)]);
  await spool.close();
  writeFileSync(lastSegment(), spoil(readFileSync(lastSegment())));
  const again = await open();
  expect(await all(again)).toEqual(expected(1, left));
  await again.close();
});

test.each([
  ['in a record', (whole: Buffer) => (whole[offsetOf(whole, 2) + 22]! ^= 1)],
  ['in a length', (whole: Buffer) => whole.writeUInt32LE(0x3fffffff, offsetOf(whole, 2) + 4)],
  ['over several records', (whole: Buffer) => whole.fill(0xaa, offsetOf(whole, 2), offsetOf(whole, 4) - 3)],
])('damage to a record that was safe (%s) is an error that says what to do, not a cut', async (_where, spoil) => {
  const spool = await open();
  await fill(spool, 1, 6);
  await spool.close();
  const whole = readFileSync(lastSegment());
  spoil(whole);
  writeFileSync(lastSegment(), whole);
  await expect(open()).rejects.toMatchObject({
    code: 'DUARA_SPOOL_DAMAGED',
    message: expect.stringMatching(/must join anew/),
  });
  expect(readFileSync(lastSegment())).toEqual(whole);
});

test('an older segment that ends early, or is missing, is damage', async () => {
  const spool = await open({ segmentBytesMax: 100 });
  await fill(spool, 1, 20);
  await spool.close();
  const names = readdirSync(join(dir, '7')).sort();
  const middle = join(dir, '7', names[1] as string);
  const content = readFileSync(middle);
  truncateSync(middle, content.length - 1);
  await expect(open()).rejects.toMatchObject({ code: 'DUARA_SPOOL_DAMAGED' });
  rmSync(middle);
  await expect(open()).rejects.toMatchObject({ code: 'DUARA_SPOOL_DAMAGED' });
});

test('a full disk rejects the batch whole; with room again the same batch is taken', async () => {
  let full = false;
  const spool = await open({
    writeAt: async (file, bytes, at) => {
      if (!full) return writeAtFully(file, bytes, at);
      await writeAtFully(file, bytes.subarray(0, 9), at);
      throw Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' });
    },
  });
  await fill(spool, 1, 2);
  full = true;
  await expect(spool.append(A, 3n, [record(3)])).rejects.toMatchObject({ code: 'DUARA_SPOOL_WRITE_FAILED' });
  expect(spool.held().get(A)).toBe(2n);
  full = false;
  await fill(spool, 3, 4);
  await spool.close();
  const again = await open();
  expect(await all(again)).toEqual(expected(1, 4));
  await again.close();
});

test('kill -9 in the middle of appending loses nothing that was reported durable', async () => {
  const program = `
    const { SpoolFiles } = require(${JSON.stringify(join(__dirname, 'spool-files.js'))});
    const quiet = { info() {}, warn() {}, error() {} };
    SpoolFiles.open(process.argv[1], quiet, { segmentBytesMax: 3000 }).then(async (spool) => {
      for (let seq = spool.heldOf(7) + 1n; ; seq += 3n) {
        const records = [0n, 1n, 2n].map((i) => Buffer.from(String(seq + i).repeat(40)));
        await spool.append(7, seq, records);
        require('node:fs').writeSync(1, String(seq + 2n) + '\\n');
      }
    });`;
  let safe = 0n;
  for (let round = 0; round < 5; round++) {
    const child = spawn(process.execPath, ['-e', program, dir], { stdio: ['ignore', 'pipe', 'inherit'] });
    const exited = new Promise((resolve) => child.once('exit', resolve));
    const goal = safe + 20n + BigInt(round * 7);
    for await (const line of createInterface({ input: child.stdout })) {
      safe = BigInt(line);
      if (safe >= goal) child.kill('SIGKILL');
    }
    await exited;
    const spool = await open();
    expect(spool.heldOf(A)).toBeGreaterThanOrEqual(safe);
    for await (const { seq, bytes } of spool.records(A, 1n)) {
      expect(Buffer.from(bytes).toString()).toBe(String(seq).repeat(40));
    }
    safe = spool.heldOf(A);
    await spool.close();
  }
});

/** Where the frame of `seq` begins in a segment that starts with seq 1. */
function offsetOf(segment: Buffer, seq: number): number {
  let offset = 0;
  for (let at = 1; at < seq; at++) offset += 20 + segment.readUInt32LE(offset + 4);
  return offset;
}
