import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { clearPath } from './listeners';

const dir = mkdtempSync(join(tmpdir(), 'duara-listeners-'));
const path = join(dir, 'proxy.sock');
afterAll(() => rmSync(dir, { recursive: true, force: true }));

async function listening(at: string): Promise<() => Promise<void>> {
  const server = createServer((socket) => socket.destroy());
  await new Promise<void>((resolve) => server.listen(at, resolve));
  return () => new Promise((resolve) => server.close(() => resolve()));
}

test('a socket that nobody listens on any more makes room', async () => {
  const close = await listening(join(dir, 'first'));
  // Closing removes the path that it was opened under: as if its process had been killed.
  renameSync(join(dir, 'first'), path);
  await close();
  expect(existsSync(path)).toBe(true);
  await clearPath(path);
  expect(existsSync(path)).toBe(false);
  await clearPath(path);
});

test('one that somebody listens on stays: it may be the database server', async () => {
  const close = await listening(path);
  await expect(clearPath(path)).rejects.toMatchObject({ code: 'EADDRINUSE' });
  expect(existsSync(path)).toBe(true);
  await close();
});

test('a file stays', async () => {
  writeFileSync(path, 'not ours');
  await expect(clearPath(path)).rejects.toMatchObject({ code: 'EADDRINUSE' });
  expect(readFileSync(path, 'utf8')).toBe('not ours');
  rmSync(path);
});

test('a path that the system would cut off is refused', async () => {
  await clearPath(join('/nowhere', 'x'.repeat(98)));
  await expect(clearPath(join('/nowhere', 'x'.repeat(99)))).rejects.toMatchObject({ code: 'ENAMETOOLONG' });
});
