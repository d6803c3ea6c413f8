import { appendFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { KeyBoard } from '../keys/key-board';
import { composeKey, decomposeKey, isOwn, keySeconds, type KeyRange } from '../keys/key-ranges';
import { type LeaseSource } from '../keys/key-leases';
import type { KeyDemand, KeyReservation, TableInfo } from '../ports';
import { KeyMarksFile } from './key-marks-file';
import { SiteKeySource, type SiteKeySourceOptions } from './key-source';

const NOW_MS = Date.UTC(2026, 0, 1);
let directory = '';
let marks = '';
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'duara-keys-'));
  marks = join(directory, 'key-marks');
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

function tableOf(bits: 8 | 32 | 64, table = 'post'): TableInfo {
  return {
    schema: 'school',
    table,
    kind: 'base',
    replicated: true,
    columns: ['id'],
    autoIncrement: { name: 'id', index: 0, bits, unsigned: false },
    primaryKey: ['id'],
    hasTriggers: false,
    hasBeforeInsertTrigger: false,
    hasCascades: false,
  };
}

const cutOff: LeaseSource = { lease: () => Promise.resolve({ refused: 'cut off' }) };

async function open(changed: Partial<SiteKeySourceOptions> = {}): Promise<SiteKeySource> {
  return SiteKeySource.open({
    scope: 7,
    incarnation: 'new',
    board: KeyBoard.create(() => NOW_MS),
    store: new KeyMarksFile(marks),
    largestKey: () => Promise.resolve(null),
    leases: cutOff,
    nowMs: () => NOW_MS,
    waitMs: 200,
    ...changed,
  });
}

/** Asks until there is an answer, as a session does. */
async function reserve(source: SiteKeySource, table: TableInfo, demand: KeyDemand = { kind: 'rows', count: 1 }) {
  for (;;) {
    const answer = source.reserve(table, demand);
    if (answer.kind !== 'wait') return answer;
    await answer.ready;
  }
}

function first(reservation: Exclude<KeyReservation, { kind: 'wait' }>): bigint {
  if (reservation.kind !== 'keys') throw new Error(reservation.kind === 'refused' ? reservation.message : 'locked');
  return reservation.first;
}

test('keys of the present second, one after another, and higher ones after a crash', async () => {
  const source = await open();
  const table = tableOf(64);
  const key = first(await reserve(source, table));
  expect(decomposeKey(key)).toEqual({ t: keySeconds(NOW_MS), scope: 7, n: 0 });
  expect(first(await reserve(source, table))).toBe(key + 1n);
  // No close: as after a power cut.
  const again = await open({ incarnation: 'known' });
  expect(decomposeKey(first(await reserve(again, table))).t).toBe(keySeconds(NOW_MS) + 301);
});

test('after a clean end the next keys follow in the very next second', async () => {
  const source = await open();
  await reserve(source, tableOf(64));
  await source.close();
  expect(await reserve(source, tableOf(64))).toMatchObject({ kind: 'refused' });
  const again = await open({ incarnation: 'known' });
  expect(decomposeKey(first(await reserve(again, tableOf(64)))).t).toBe(keySeconds(NOW_MS) + 1);
});

test('keys lie above what is in the table and above what the replicator applied', async () => {
  const now = keySeconds(NOW_MS);
  const board = KeyBoard.create(() => NOW_MS);
  const inTable = composeKey({ t: now + 50, scope: 9, n: 3 });
  const source = await open({
    board,
    largestKey: (_table, { end }) => Promise.resolve(inTable < end ? inTable : null),
  });
  expect(decomposeKey(first(await reserve(source, tableOf(64)))).t).toBe(now + 51);
  board.raiseFloor('school', 'post', composeKey({ t: now + 100, scope: 9, n: 3 }));
  expect(decomposeKey(first(await reserve(source, tableOf(64)))).t).toBe(now + 101);
});

test('a run of unknown length is given back as far as it was not used; two at once keep apart', async () => {
  const ranges: KeyRange[] = [];
  const source = await open({
    largestKey: (_table, range) => {
      ranges.push(range);
      return Promise.resolve(null);
    },
  });
  const unknown = { kind: 'unknown' } as const;
  const a = await reserve(source, tableOf(64), unknown);
  const b = await reserve(source, tableOf(64), unknown);
  expect(first(a)).toBe(7n << 32n);
  expect(first(b)).toBe(first(a) + (1n << 24n));
  if (a.kind === 'keys' && b.kind === 'keys') {
    a.settle(5n);
    b.settle(10n);
  }
  expect(first(await reserve(source, tableOf(64), unknown))).toBe(first(b) + 10n);
  expect(ranges).toEqual([{ from: 7n << 32n, end: 8n << 32n }]);
});

test('narrow columns take leased blocks, which outlive a restart', async () => {
  const asked: bigint[] = [];
  const leases: LeaseSource = {
    lease: ({ currentMax, size }) => {
      asked.push(currentMax);
      return Promise.resolve({ from: 100n, to: 100n + size });
    },
  };
  const source = await open({ leases, largestKey: () => Promise.resolve(99n) });
  expect(first(await reserve(source, tableOf(32)))).toBe(100n);
  expect(asked).toEqual([99n]);
  const again = await open({ incarnation: 'known', largestKey: () => Promise.resolve(99n) });
  const key = first(await reserve(again, tableOf(32)));
  expect(key > 100n && key < 100n + 1_048_576n).toBe(true);
});

test('cut off and used up: refused with the table, the reason and the cure', async () => {
  const source = await open();
  expect(await reserve(source, tableOf(8))).toEqual({
    kind: 'refused',
    message: expect.stringMatching(/`school`\.`post`.*cut off.*BIGINT/) as string,
  });
});

test('a ring that does not answer keeps the client waiting no longer than configured', async () => {
  const clock = { ms: NOW_MS };
  const leases: LeaseSource = { lease: () => new Promise(() => undefined) };
  const source = await open({ leases, nowMs: () => clock.ms, waitMs: 20 });
  let answer = source.reserve(tableOf(8), { kind: 'rows', count: 1 });
  while (answer.kind === 'wait') {
    await answer.ready;
    clock.ms += 20;
    answer = source.reserve(tableOf(8), { kind: 'rows', count: 1 });
  }
  expect(answer).toMatchObject({ kind: 'refused', message: expect.stringMatching(/no answer within 20 ms/) as string });
});

test('many inserts into many tables at once share the writes', async () => {
  const file = new KeyMarksFile(marks);
  let writes = 0;
  const store = {
    read: file.read.bind(file),
    write: (next: Parameters<KeyMarksFile['write']>[0]) => ((writes += 1), file.write(next)),
  };
  await open();
  // Started again in the same second: every lane runs ahead of the clock and needs a mark of its own.
  const source = await open({ incarnation: 'known', store });
  const tables = Array.from({ length: 40 }, (_, index) => tableOf(64, `t${index}`));
  const keys = await Promise.all(tables.map((table) => reserve(source, table)));
  expect(keys.every((answer) => isOwn(7, first(answer)))).toBe(true);
  expect(writes).toBeLessThan(6);
});

test('a full disk refuses keys that need a mark, and recovers', async () => {
  const source = await open();
  rmSync(directory, { recursive: true });
  const bulk: KeyDemand = { kind: 'rows', count: 2000 };
  expect(await reserve(source, tableOf(64), bulk)).toMatchObject({
    kind: 'refused',
    message: expect.stringMatching(/could not be written .*ENOENT/) as string,
  });
  expect((await reserve(source, tableOf(64))).kind).toBe('keys');
  // Nothing of the first source may be under way when a second one writes the same file.
  await source.close().catch(() => undefined);
  mkdirSync(directory);
  const clock = await open();
  expect((await reserve(clock, tableOf(64), bulk)).kind).toBe('keys');
});

test.each([
  ['no file', () => rmSync(marks), 'KEY_MARKS_MISSING'],
  ['an empty file', () => writeFileSync(marks, ''), 'KEY_MARKS_DAMAGED'],
  ['half a file', () => writeFileSync(marks, '{"v":1,"scope":7'), 'KEY_MARKS_DAMAGED'],
])('%s where there must be marks is an error, not a fresh start', async (_name, damage, code) => {
  await open();
  damage();
  await expect(open({ incarnation: 'known' })).rejects.toMatchObject({ code });
});

test('marks of an earlier incarnation do not bind a new scope', async () => {
  await open();
  appendFileSync(`${marks}.tmp`, 'a write that was cut off');
  const source = await open({ scope: 8, incarnation: 'new' });
  expect(decomposeKey(first(await reserve(source, tableOf(64))))).toEqual({ t: keySeconds(NOW_MS), scope: 8, n: 0 });
});

test('explicit keys outside the own ranges are counted', async () => {
  const source = await open();
  for (const key of [1n, composeKey({ t: 200_000_000, scope: 7, n: 1 }), 7n << 32n, 9n << 32n]) {
    source.sawExplicitKey(tableOf(64), key);
  }
  expect(source.foreignKeys()).toBe(2n);
});
