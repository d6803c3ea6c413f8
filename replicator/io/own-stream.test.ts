import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { initialState } from '../capture/capture-state';
import { parsePosition } from '../capture/gtid-position';
import type { ChangeSet, Hlc, Incarnation } from '../change-set';
import type { Alarm, Logger } from '../ports';
import { OwnStream } from './own-stream';
import { readPosition } from './position-file';
import { SpoolFiles } from './spool-files';
import { writeAtFully } from './spool-stream';

const quiet: Logger = { info: () => undefined, warn: () => undefined, error: () => undefined };
const SELF = 3 as Incarnation;

let dir: string;
let failures: number;
let spool: SpoolFiles;
let alarms: Alarm[];
const positionFile = (): string => join(dir, 'position.json');

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'own-'));
  failures = 0;
  alarms = [];
  spool = await SpoolFiles.open(join(dir, 'spool'), quiet, {
    writeAt: async (file, bytes, at) => {
      if (failures === 0) return writeAtFully(file, bytes, at);
      failures--;
      // The order that matters: no position while its records are not on disk.
      expect(existsSync(positionFile())).toBe(false);
      throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });
    },
  });
});
afterEach(async () => {
  await spool.close();
  rmSync(dir, { recursive: true });
});

const newStream = (recordBytesMax?: number): OwnStream =>
  new OwnStream({
    ...(recordBytesMax === undefined ? {} : { recordBytesMax }),
    incarnation: SELF,
    spool,
    positionFile: positionFile(),
    alarm: (a) => alarms.push(a),
    positionEveryMs: 1,
  });

const changeSet = (seq: number, previousHash: Uint8Array): ChangeSet => ({
  origin: SELF,
  site: 'here',
  seq: BigInt(seq),
  previousHash,
  hlc: BigInt(seq * 100) as Hlc,
  dependencies: new Map(),
  gtid: `0-1-${seq}`,
  tables: [],
  rows: [],
});
const state = (seq: number): ReturnType<typeof initialState> => ({
  ...initialState(parsePosition(`0-1-${seq}`)),
  localSeq: BigInt(seq),
});

test('a full disk is waited for with an alarm; nothing is lost, and the position never runs ahead', async () => {
  const stream = newStream();
  await stream.open(0n);
  for (const seq of [1, 2]) stream.add(changeSet(seq, stream.previousHash));
  failures = 2;
  expect(await stream.flush(state(2))).toBe(2n);
  expect(alarms.map(({ code }) => code)).toEqual(['DUARA_SPOOL_WRITE_FAILED', 'DUARA_SPOOL_WRITE_FAILED']);
  await stream.close();
  expect(await readPosition(positionFile(), SELF)).toEqual(state(2));
});

test('after a restart the chain goes on, and what the position does not know of is told', async () => {
  const first = newStream();
  await first.open(0n);
  for (const seq of [1, 2, 3]) first.add(changeSet(seq, first.previousHash));
  await first.flush(state(3));
  const { previousHash } = first;
  await first.close();
  const again = newStream();
  expect(await again.open(1n)).toEqual([
    { gtid: '0-1-2', seq: 2n, hlc: 200n },
    { gtid: '0-1-3', seq: 3n, hlc: 300n },
  ]);
  expect(again.previousHash).toEqual(previousHash);
  again.add(changeSet(4, again.previousHash));
  expect(await again.flush(state(4))).toBe(4n);
  expect(await again.flush(state(4))).toBeNull();
  await again.close();
  await expect(newStream().open(5n)).rejects.toMatchObject({ code: 'DUARA_CAPTURE_MEMORY_LOST' });
});

test('a position file of another incarnation, or a broken one, is refused', async () => {
  const stream = newStream();
  await stream.open(0n);
  await stream.flush(state(0));
  await stream.close();
  await expect(readPosition(positionFile(), 4 as Incarnation)).rejects.toMatchObject({
    code: 'DUARA_CAPTURE_MEMORY_LOST',
  });
  expect(readFileSync(positionFile(), 'utf8')).toContain('"incarnation":3');
  expect(await readPosition(join(dir, 'none'), SELF)).toBeNull();
});

test('a transaction that no record can hold is final, with its GTID, and leaves no trace', async () => {
  const fits = newStream().add(changeSet(1, Buffer.alloc(16))).length;
  const stream = newStream(fits);
  await stream.open(0n);
  const large = { ...changeSet(1, stream.previousHash), gtid: '0-1-1000000000' };
  const before = stream.previousHash;
  expect(() => stream.add(large)).toThrow(
    expect.objectContaining({
      code: 'DUARA_CHANGE_SET_TOO_LARGE',
      message: expect.stringMatching(/0-1-1000000000 .*skipGtids/),
    }),
  );
  expect(stream.previousHash).toBe(before);
  stream.add(changeSet(1, stream.previousHash));
  expect(await stream.flush(initialState(parsePosition('0-1-1')))).toBe(1n);
  await stream.close();
});
