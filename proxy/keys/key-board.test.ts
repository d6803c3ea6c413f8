import { Worker } from 'node:worker_threads';
import { KeyBoard } from './key-board';
import { composeKey, keySeconds } from './key-ranges';

const nowMs = Date.UTC(2026, 0, 1);
const now = keySeconds(nowMs);
const keyAt = (t: number): bigint => composeKey({ t, scope: 5, n: 1 });

test('a floor only rises, and each table has its own', () => {
  const board = KeyBoard.create(() => nowMs);
  board.raiseFloor('school', 'post', keyAt(now));
  board.raiseFloor('school', 'post', keyAt(now - 10));
  expect(board.floor('school', 'post')).toBe(keyAt(now));
  expect(board.floor('school', 'user')).toBe(0n);
});

test('keys of a broken clock and keys that are not time-sliced do not count', () => {
  const board = KeyBoard.create(() => nowMs);
  for (const key of [keyAt(now + 90_000), 77n, 1n << 33n, 1n << 60n]) board.raiseFloor('school', 'post', key);
  expect(board.floor('school', 'post')).toBe(0n);
});

test('a site without a battery clock takes the time from the ring', () => {
  const board = KeyBoard.create(() => 0);
  board.raiseFloor('school', 'post', keyAt(now));
  expect(board.floor('school', 'post')).toBe(0n);
  board.raiseClock(BigInt(nowMs) << 16n);
  board.raiseClock(1n << 16n);
  expect(board.hybridMs()).toBe(nowMs);
  board.raiseFloor('school', 'post', keyAt(now));
  expect(board.floor('school', 'post')).toBe(keyAt(now));
});

test('two threads raise one floor to the higher of both', async () => {
  const board = KeyBoard.create(() => nowMs);
  const base = keyAt(now - 50_000);
  const source = `
    const { workerData } = require('node:worker_threads');
    const { KeyBoard } = require(workerData.path);
    const board = KeyBoard.attach(workerData.buffer, () => ${nowMs});
    for (let i = 0n; i < 20000n; i++) board.raiseFloor('school', 'post', workerData.base + i * 2n);
  `;
  const path = require.resolve('./key-board');
  const worker = new Worker(source, { eval: true, workerData: { buffer: board.buffer, path, base } });
  const ended = new Promise((resolve, reject) => worker.once('exit', resolve).once('error', reject));
  for (let i = 0n; i < 20000n; i++) {
    board.raiseFloor('school', 'post', base + i * 2n - 1n);
    expect(board.floor('school', 'post') >= base + i * 2n - 1n).toBe(true);
  }
  await ended;
  expect(board.floor('school', 'post')).toBe(base + 39998n);
});
