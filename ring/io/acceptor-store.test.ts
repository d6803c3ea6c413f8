import { appendFile, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import type { DurableRecord } from '../effects';
import { AcceptorStore } from './acceptor-store';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(path.join(os.tmpdir(), 'duara-acceptor-'));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

const promise = (counter: number, name = 'x'): DurableRecord => {
  const ballot = { epoch: 1, counter, scope: 1 };
  const value = { text: 'v'.repeat(2_000), changes: counter, recent: [] };
  return { kind: 'register', name, state: { promised: ballot, accepted: { ballot, value } } };
};

test('the last state of each register is found again, also after a torn write', async () => {
  const { store } = await AcceptorStore.open(directory);
  await store.persist([promise(1), promise(4, 'y')]);
  await store.persist([promise(2)]);
  await store.close();
  await appendFile(path.join(directory, 'acceptor.log'), Buffer.from([9, 0, 0]));
  const again = await AcceptorStore.open(directory);
  expect(again.damage).toBeNull();
  expect(again.durable.registers.get('x')?.promised?.counter).toBe(2);
  expect(again.durable.registers.get('y')?.promised?.counter).toBe(4);
  await again.store.persist([promise(3)]);
  await again.store.close();
  const last = await AcceptorStore.open(directory);
  expect(last.durable.registers.get('x')?.promised?.counter).toBe(3);
  await last.store.close();
});

test('the file is rewritten when it is mostly history', async () => {
  const { store } = await AcceptorStore.open(directory);
  for (let counter = 1; counter <= 300; counter += 1) {
    await store.persist(['a', 'b', 'c', 'd'].map((name) => promise(counter, name)));
  }
  await store.close();
  expect((await stat(path.join(directory, 'acceptor.log'))).size).toBeLessThan(1.5 * 2 ** 20);
  const again = await AcceptorStore.open(directory);
  expect([...again.durable.registers.values()].map((state) => state.promised?.counter)).toEqual([300, 300, 300, 300]);
  await again.store.close();
});

test('a damaged file makes the acceptor refuse, not forget', async () => {
  const { store } = await AcceptorStore.open(directory);
  await store.persist([promise(1)]);
  await store.persist([promise(2, 'y')]);
  await store.close();
  const name = path.join(directory, 'acceptor.log');
  const bytes = await readFile(name);
  bytes[100] = (bytes[100] ?? 0) ^ 1;
  await writeFile(name, bytes);
  const again = await AcceptorStore.open(directory);
  expect(again.damage).toMatch(/damaged/);
  await expect(again.store.persist([promise(3)])).rejects.toThrow(/damaged/);
  await again.store.close();
  expect(await readFile(name)).toEqual(bytes);
});

test('a disk that was full forgets nothing: the next write brings what failed, over the half-written block', async () => {
  let full = false;
  const { store } = await AcceptorStore.open(directory, async (file, block) => {
    await file.appendFile(full ? block.subarray(0, block.length / 2) : block);
    if (full) throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });
  });
  await store.persist([promise(1), promise(1, 'y')]);
  full = true;
  await expect(store.persist([promise(2)])).rejects.toMatchObject({ code: 'ENOSPC' });
  expect(store.isDamaged).toBe(false);
  full = false;
  await store.persist([promise(5, 'z')]);
  await store.persist([promise(2, 'y')]);
  await store.close();
  const again = await AcceptorStore.open(directory);
  expect(again.damage).toBeNull();
  expect(['x', 'y', 'z'].map((name) => again.durable.registers.get(name)?.promised?.counter)).toEqual([2, 2, 5]);
  await again.store.close();
});
