import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { get } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Registry } from 'prom-client';
import { ConfigError } from '../config/config-error';
import type { SiteStatus } from '../status';
import { type AdminServer, readOrCreateToken, startAdmin } from './admin-server';

let dir: string;
beforeEach(() => (dir = mkdtempSync(join(tmpdir(), 'duara-admin-'))));
afterEach(() => rmSync(dir, { recursive: true, force: true }));

test('a token is made once, for its owner alone, and read from then on', () => {
  const file = join(dir, 'below', 'admin.token');
  const token = readOrCreateToken(file);
  expect(token.length).toBeGreaterThan(20);
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(readOrCreateToken(file)).toBe(token);
  expect(readFileSync(file, 'utf8')).toBe(`${token}\n`);
});

// As on a full disk: what stands in the way is named, and nothing is left that would be in the way of the next start.
test('a token that cannot be written leaves no file without one', () => {
  const file = join(dir, 'admin.token');
  mkdirSync(`${file}.new`);
  expect(() => readOrCreateToken(file)).toThrow(`${file} cannot be written: EISDIR`);
  rmSync(`${file}.new`, { recursive: true });
  expect(readOrCreateToken(file).length).toBeGreaterThan(20);
});

test.each(['', '\n', ' \t\n'])(
  'a token file that holds nothing (%j) is refused: whoever sends no token would have it',
  (text) => {
    const file = join(dir, 'admin.token');
    writeFileSync(file, text);
    expect(() => readOrCreateToken(file)).toThrow(ConfigError);
    expect(() => readOrCreateToken(file)).toThrow(`${file}: admin.tokenFile: is empty`);
  },
);

test('a token file that cannot be read is named with its key', () => {
  expect(() => readOrCreateToken(dir)).toThrow(`${dir}: admin.tokenFile: cannot be read: `);
});

describe('who may read', () => {
  let server: AdminServer;
  beforeEach(async () => {
    server = await startAdmin({
      listen: { host: '127.0.0.1', port: 0 },
      token: 'the token',
      registry: new Registry(),
      status: () => Promise.resolve({ ready: false, waitingFor: ['the database'] } as unknown as SiteStatus),
    });
  });
  afterEach(() => server.close());

  const status = (path: string, headers: Record<string, string>): Promise<number | undefined> =>
    new Promise((resolve, reject) => {
      get(new URL(path, server.url), { headers, agent: false }, (reply) => {
        reply.resume();
        resolve(reply.statusCode);
      }).on('error', reject);
    });

  // A name that is not plain loopback stands for a client elsewhere: both have to bring the token.
  const elsewhere = { host: 'duara.example:7401' };
  const cases: readonly (readonly [path: string, headers: Record<string, string>, wanted: number, why: string])[] = [
    ['/api/status', {}, 200, 'loopback'],
    ['/readyz', {}, 503, 'loopback; not ready'],
    ['/healthz', elsewhere, 200, 'says nothing but that the process lives'],
    ['/readyz', elsewhere, 401, 'no token'],
    ['/metrics', elsewhere, 401, 'no token'],
    ['/metrics', { ...elsewhere, authorization: 'Bearer the token' }, 200, 'the token'],
    ['/metrics', { ...elsewhere, authorization: 'Bearer' }, 401, 'an empty token'],
    ['/metrics', { ...elsewhere, authorization: 'Bearer the tokem' }, 401, 'another token'],
  ];
  test.each(cases)('%s %j: %d', async (path, headers, wanted) => {
    expect(await status(path, headers)).toBe(wanted);
  });
});
