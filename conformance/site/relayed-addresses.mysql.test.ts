import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { type Connection, createConnection } from 'mysql2/promise';
import { encodeProxyHeader } from '../../proxy/wire/proxy-header';
import { findServer } from '../../site/lab/find-server';
import { until } from '../lab/lab-process';
import { OneSite } from './one-site';
import { RelayedSite } from './relayed-site';

const binary = findServer();
const most = 24;
/** A busy machine takes a while. */
const connectTimeout = 60_000;

(binary?.flavour === 'mariadb' ? describe : describe.skip)(
  'three threads that relay, between two PROXY headers',
  () => {
    const extra = ['--proxy-protocol-networks=127.0.0.1,localhost', '--skip-name-resolve'];
    const one = binary === null ? null : new OneSite(binary, false, extra);
    const clients: Connection[] = [];
    let site: RelayedSite;

    beforeAll(async () => {
      if (binary === null || one === null) return;
      await one.prepare(binary, true);
      const root = await createConnection({ socketPath: one.database.socket, user: 'root' });
      await root.query("CREATE USER there@'192.0.2.%' IDENTIFIED BY 'secret'");
      await root.end();
      site = await RelayedSite.start(one, {
        DUARA_PROXY_RELAY_THREADS: '3',
        DUARA_PROXY_PROXY_PROTOCOL: 'true',
        DUARA_PROXY_PROXY_PROTOCOL_FROM: '[127.0.0.0/8]',
        DUARA_PROXY_MAX_CONNECTIONS: String(most),
        DUARA_PROXY_SOCKET: join(one.dir, 'proxy.sock'),
      });
    });
    afterAll(async () => {
      for (const client of clients) client.destroy();
      await site?.end('SIGKILL');
      await one?.dispose();
    });

    const announced = (bytes: Buffer): Socket => {
      const socket = connect(one?.ports.proxy ?? 0, '127.0.0.1').on('error', () => undefined);
      socket.write(bytes);
      return socket;
    };
    /** Who the client of this address is to the server, and where. */
    async function seenFrom(address: string): Promise<string> {
      const header = encodeProxyHeader({
        source: { address, port: 4711 },
        destination: { address: '192.0.2.1', port: 1 },
      });
      const client = await createConnection({
        stream: announced(header),
        user: 'there',
        password: 'secret',
        connectTimeout,
      });
      client.on('error', () => undefined);
      clients.push(client);
      return where(client);
    }
    async function allEnded(): Promise<void> {
      for (const client of clients.splice(0)) await client.end();
      await site.hasClients(0);
    }
    async function where(client: Connection): Promise<string> {
      const [rows] = await client.query(
        'SELECT CONCAT(CURRENT_USER(), " ", host) AS me FROM information_schema.processlist WHERE id = CONNECTION_ID()',
      );
      return (rows as { me: string }[])[0]?.me.replace(/:\d+$/, '') ?? '';
    }

    test('each takes the client’s address from the one, and tells it by the other', async () => {
      let next = 1;
      await until(
        async () => {
          const addresses = Array.from({ length: 4 }, () => `192.0.2.${next++}`);
          const seen = await Promise.all(addresses.map(seenFrom));
          expect(seen).toEqual(addresses.map((address) => `there@192.0.2.% ${address}`));
          const { connectionsByThread } = await site.proxyStatus();
          if (connectionsByThread.every((count) => count > 0)) return true;
          if (clients.length === most) await allEnded();
          return false;
        },
        120_000,
        () => 'a thread without a client',
      );
      await allEnded();
    });

    test('a client of the unix socket has no address', async () => {
      const socketPath = join(one?.dir ?? '', 'proxy.sock');
      const client = await createConnection({ socketPath, user: 'web', password: 'web', connectTimeout });
      expect(await where(client)).toBe('web@% localhost');
      await client.end();
    });

    test('who announces nothing sensible takes nobody’s place', async () => {
      for (let round = 0; round < 3; round++) {
        const wrong = Array.from({ length: most }, () => announced(Buffer.from('GET / HTTP/1.0\r\n\r\n')));
        await Promise.all(wrong.map((socket) => new Promise((resolve) => socket.resume().once('close', resolve))));
      }
      const addresses = Array.from({ length: most }, (_, at) => `192.0.2.${at + 1}`);
      // Those before are counted until their thread has seen them go.
      await until(
        async () => {
          const all = await Promise.allSettled(addresses.map(seenFrom));
          if (all.every(({ status }) => status === 'fulfilled')) return true;
          await allEnded();
          return false;
        },
        120_000,
        () => 'there is not room for all',
      );
      await site.hasClients(most);
    });
  },
);
