import { type Connection, createConnection } from 'mysql2/promise';
import { Capability } from '../../proxy/wire/constants';
import { findServer } from '../../site/lab/find-server';
import { until } from '../lab/lab-process';
import type { Target } from './client-stream';
import { type ProxiedServer, startProxiedServer } from './proxied-server';
import { baseCapabilities, type LoginOptions } from './raw-client';
import { SessionClient } from './session-client';

const binary = findServer();
const idle = { connectionsMax: 4, idleMs: 600_000, lifeMs: 600_000, rememberMs: 0 };

/** With those that wait for clients it has as many connections as it may. It greets one more, and judges it by its login. */
(binary?.flavour === 'mariadb' ? describe : describe.skip)('a full server', () => {
  let site: ProxiedServer;
  let root: Connection;
  const direct: SessionClient[] = [];

  beforeEach(async () => {
    if (binary === null) throw new Error('no server');
    site = await startProxiedServer(binary, { proxy: { idle }, extra: ['--max-connections=10'] });
    root = await createConnection({ socketPath: site.server.socket, user: 'root' });
    const several = await Promise.all([1, 2, 3, 4].map(() => SessionClient.open(site.proxySocket)));
    for (const client of several) await client.quit();
    const { backends } = site.proxy;
    await until(
      () => backends.idle === 4,
      120_000,
      () => `${backends.idle} connections are idle, not 4`,
    );
    // The admin connection of the rig and this root's are two more.
    for (let times = 0; times < 4; times++) direct.push(await SessionClient.open(site.server.socket));
    await expect(SessionClient.open(site.server.socket)).rejects.toThrow('Too many connections');
    const ten = async (): Promise<boolean> => {
      const [rows] = await root.query("SHOW GLOBAL STATUS LIKE 'Threads_connected'");
      return (rows as { Value: string }[])[0]?.Value === '10';
    };
    await until(ten, 120_000, () => 'the one that was refused is counted still');
  });
  afterEach(async () => {
    for (const client of direct.splice(0)) client.raw.destroy();
    root.destroy();
    await site.stop();
    expect(site.errors).toEqual([]);
  });

  const sameSocket = (): string => site.proxySocket;
  const elsewhere = (): Target => ({ host: '127.0.0.1', port: site.proxy.port });
  const clients: readonly (readonly [who: string, changes: LoginOptions, target: () => string | Target])[] = [
    ['that logs in like those before', {}, sameSocket],
    ['that logs in otherwise', { capabilities: baseCapabilities | Capability.foundRows }, sameSocket],
    ['from elsewhere, of whom nothing is known', {}, elsewhere],
  ];
  it.each(clients)('lets in a client %s: those that wait make room', async (_, options, target) => {
    const client = await SessionClient.open(target(), options);
    expect(await client.ask('SELECT CURRENT_USER()')).toEqual([[expect.stringMatching(/^app@/)]]);
    await client.quit();
  });

  it('is told of by a client that cannot be asked again, for whom there is room the next time', async () => {
    const options = { capabilities: baseCapabilities & ~Capability.pluginAuth };
    await expect(SessionClient.open(elsewhere(), options)).rejects.toThrow('Too many connections');
    await until(
      async () => {
        const client = await SessionClient.open(elsewhere(), options).catch(() => null);
        await client?.quit();
        return client !== null;
      },
      120_000,
      () => 'there is no room',
    );
  });

  it('is told of when none waits', async () => {
    const own = await Promise.all([1, 2, 3, 4].map(() => SessionClient.open(site.proxySocket)));
    await expect(SessionClient.open(elsewhere())).rejects.toThrow('Too many connections');
    for (const client of own) client.raw.destroy();
  });
});
