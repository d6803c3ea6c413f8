import { connect, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { Capability } from '../../proxy/wire/constants';
import { findServer } from '../../site/lab/find-server';
import { type ProxiedServer, startProxiedServer } from '../wire/proxied-server';
import { baseCapabilities } from '../wire/raw-client';
import { SessionClient } from '../wire/session-client';
import { proxyBefore } from './proxy-before';

const binary = findServer();
const idle = { connectionsMax: 4, idleMs: 600_000, lifeMs: 600_000, rememberMs: 0 };

(binary?.flavour === 'mariadb' ? describe : describe.skip)('a server that hangs', () => {
  let site: ProxiedServer;
  let hangs = false;
  const sockets = new Set<Socket>();
  /** Takes the server's clients to it, or nowhere. */
  const relay = createServer((client) => {
    sockets.add(client.on('error', () => client.destroy()));
    if (hangs) return;
    const server = connect(site.server.socket);
    sockets.add(server.on('error', () => server.destroy()));
    client.pipe(server).pipe(client);
  });

  beforeAll(async () => {
    if (binary === null) throw new Error('no server');
    site = await startProxiedServer(binary);
    await new Promise<void>((resolve) => relay.listen(join(site.dir, 'relay.sock'), resolve));
  });
  afterAll(async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise<void>((resolve) => relay.close(() => resolve()));
    expect(site.errors).toEqual([]);
    await site.stop();
  });

  it('is named to a client that has to be logged in over a new connection, in the middle of its login', async () => {
    const path = join(site.dir, 'relay.sock');
    const own = await proxyBefore(site, { backend: { path }, idle, backendWaitMs: 300 });
    hangs = false;
    for (let times = 0; times < 4; times++) await (await SessionClient.open(own.socket)).quit();
    const { reused } = own.proxy.backends.counts;
    hangs = true;
    // It logs in otherwise than those before it.
    const client = SessionClient.open(own.socket, { capabilities: baseCapabilities | Capability.foundRows });
    await expect(client).rejects.toThrow(
      `Duara: can't connect to the database server on '${path}' (no greeting within 0.3 s)`,
    );
    expect(own.proxy.backends.counts.reused - reused).toBe(1);
    expect(own.proxy.backends.counts.renewed).toBe(1);
    expect(own.refused).toEqual(['backend_away']);
    await own.proxy.close();
    expect(own.errors).toEqual([]);
  });
});
