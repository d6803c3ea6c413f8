import { connect, createServer, type Server } from 'node:net';
import { TableVersions } from '../../proxy/cache/table-versions';
import { descriptorOf } from '../../proxy/io/listeners';
import type { KeySource } from '../../proxy/ports';
import { ClientCount } from './client-count';
import { RelayHost, type RelayHostOptions } from './relay-host';

const keys: KeySource = {
  reserve: () => ({ kind: 'refused', message: 'none here' }),
  sawExplicitKey: () => undefined,
};

const ends: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

async function listener(): Promise<Server> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  ends.push(() => new Promise((resolve) => server.close(resolve)));
  return server;
}

function options(fd: number, changes: Partial<RelayHostOptions> = {}): RelayHostOptions {
  return {
    start: {
      settings: { backend: { host: '127.0.0.1', port: 1 }, backendWaitMs: 100 },
      replicate: { schemas: ['app'], profile: null, rules: {} },
      cacheBytes: 1 << 20,
      listeners: [{ fd, keepAlive: false }],
      tableVersions: TableVersions.create().buffer,
      clientCount: null,
      deniedUsers: new Set(),
    },
    keys,
    query: () => Promise.resolve([]),
    log: { warn: () => undefined, error: () => undefined },
    onDeath: () => undefined,
    ...changes,
  };
}

test('a thread that is told to end is no death; one that ends by itself is', async () => {
  const fd = descriptorOf(await listener());
  const deaths: string[] = [];
  const died = (): Promise<string> =>
    new Promise((resolve) => {
      void RelayHost.start(
        options(fd, {
          onDeath: (reason) => {
            deaths.push(reason);
            resolve(reason);
          },
        }),
        // As when it runs out of memory.
      ).then((host) => host.terminate());
    });
  const told = await RelayHost.start(options(fd, { onDeath: (reason) => void deaths.push(reason) }));
  await told.close();
  expect(deaths).toEqual([]);
  expect(await died()).toContain('it ended with status');
});

test('a thread that cannot have the sockets does not start, and says why', async () => {
  const server = await listener();
  const fd = descriptorOf(server);
  await new Promise((resolve) => server.close(resolve));
  ends.splice(0);
  const deaths: string[] = [];
  const start = RelayHost.start(options(fd, { onDeath: (reason) => void deaths.push(reason) }));
  await expect(start).rejects.toThrow('a thread that relays did not start');
  expect(deaths).toEqual([]);
});

test('the descriptor that a thread was lent stays open when the thread ends, and the other way round', async () => {
  const server = await listener();
  const { port } = server.address() as { port: number };
  const host = await RelayHost.start(options(descriptorOf(server)));
  ends.push(() => host.close());
  const connects = (): Promise<boolean> => {
    return new Promise((resolve) => {
      const socket = connect(port, '127.0.0.1');
      socket.once('connect', () => {
        socket.destroy();
        resolve(true);
      });
      socket.once('error', () => resolve(false));
    });
  };
  await new Promise((resolve) => {
    server.close(resolve);
    ends.splice(0, 1);
  });
  expect(await connects()).toBe(true);
  await host.close();
  expect(await connects()).toBe(false);
});

test('clients of all threads are counted up to the limit', () => {
  const own = new ClientCount();
  const other = new ClientCount(own.buffer);
  expect([own.take(2), other.take(2), own.take(2), other.take(2)]).toEqual([true, true, false, false]);
  other.giveBack();
  expect(own.take(2)).toBe(true);
});
