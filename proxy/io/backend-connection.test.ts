import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connectBackend } from './backend-connection';

afterEach(() => jest.restoreAllMocks());

test.each([
  [365, 'a board without a battery clock learns the time'],
  [-365, 'a wrong clock is set right'],
])('a clock that jumps by %d days does not change how long a server is waited for: %s', async (days) => {
  const dir = mkdtempSync(join(tmpdir(), 'duara-backend-'));
  const path = join(dir, 'db.sock');
  const attempt = connectBackend({ path }, 200_000);
  const now = Date.now();
  jest.spyOn(Date, 'now').mockImplementation(() => now + days * 24 * 3600 * 1000);
  let failure: unknown = null;
  attempt.connected.catch((error: unknown) => (failure = error));
  // Tried in vain, and the pause before the next try has begun.
  const timers = jest.spyOn(globalThis, 'setTimeout');
  while (timers.mock.calls.length === 0 && failure === null) await new Promise((resolve) => setImmediate(resolve));
  expect(failure).toBeNull();
  const server = createServer((socket) => socket.end()).listen(path);
  const channel = await attempt.connected;
  channel.destroy();
  await new Promise((resolve) => server.close(resolve));
  rmSync(dir, { recursive: true });
});
