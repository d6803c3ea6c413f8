import { connect, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { Capability } from '../../proxy/wire/constants';
import { frame } from '../../proxy/wire/packet-framer';
import { encodeError } from '../../proxy/wire/response';
import { findServer } from '../../site/lab/find-server';
import { until } from '../lab/lab-process';
import { type ProxiedServer, startProxiedServer } from '../wire/proxied-server';
import { baseCapabilities } from '../wire/raw-client';
import { SessionClient } from '../wire/session-client';
import { type OwnProxy, proxyBefore } from './proxy-before';

const binary = findServer();
const tooMany = frame(
  encodeError({ errorCode: 1040, sqlState: null, message: Buffer.from('Too many connections') }),
  0,
);
const idle = { connectionsMax: 4, idleMs: 600_000, lifeMs: 600_000, rememberMs: 0 };

(binary?.flavour === 'mariadb' ? describe : describe.skip)(
  'a client that is logged in over another connection than it was shown',
  () => {
    let site: ProxiedServer;
    let hangs = false;
    /** How many clients to come are told that there are too many. */
    let turnsAway = 0;
    const path = (): string => join(site.dir, 'relay.sock');
    const sockets = new Set<Socket>();
    /** Takes the server's clients to it, or nowhere. */
    const relay = createServer((client) => {
      sockets.add(client.on('error', () => client.destroy()));
      if (hangs) return;
      if (turnsAway > 0) {
        turnsAway -= 1;
        return void client.end(tooMany);
      }
      const server = connect(site.server.socket);
      sockets.add(server.on('error', () => server.destroy()));
      client.pipe(server).pipe(client);
    });

    beforeAll(async () => {
      if (binary === null) throw new Error('no server');
      site = await startProxiedServer(binary);
      await new Promise<void>((resolve) => relay.listen(path(), resolve));
    });
    afterAll(async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((resolve) => relay.close(() => resolve()));
      expect(site.errors).toEqual([]);
      await site.stop();
    });

    /** It logs in otherwise than those before it. */
    const other = { capabilities: baseCapabilities | Capability.foundRows };
    const primed = async (backendWaitMs: number): Promise<OwnProxy> => {
      const own = await proxyBefore(site, { backend: { path: path() }, idle, backendWaitMs });
      for (let times = 0; times < 4; times++) await (await SessionClient.open(own.socket)).quit();
      return own;
    };

    it('is found by the id that it knows', async () => {
      const own = await primed(20_000);
      const client = await SessionClient.open(own.socket, other);
      expect(own.proxy.backends.counts.renewed).toBe(1);
      const id = Number(client.greetedId);
      expect(await client.ask('SELECT CONNECTION_ID()')).not.toEqual([[client.greetedId]]);
      const manager = await SessionClient.open(own.socket, other);
      const running = async (): Promise<boolean> =>
        (await manager.ask("SELECT 1 FROM information_schema.processlist WHERE state = 'User sleep'")).length > 0;
      const sleep = client.ask('DO SLEEP(200)');
      await until(running, 60_000, () => 'it does not run');
      expect(await manager.ask(`KILL QUERY ${id}`)).toMatch(/^ok/);
      // Far from all that it was to sleep.
      expect(await sleep).toMatch(/^ok|1317/);
      const processKill = Buffer.alloc(4);
      processKill.writeUInt32LE(id);
      expect(await manager.say(0x0c, processKill)).toMatch(/^ok/);
      await client.raw.until(() => client.raw.ended || client.raw.closed);
      client.raw.destroy();
      // It is nobody's any more, as it would be with the id of its own.
      await until(
        async () => /1094/.test(String(await manager.ask(`KILL ${id}`))),
        60_000,
        () => 'the id is known still',
      );
      await manager.quit();
      await own.proxy.close();
      expect(own.errors).toEqual([]);
    });

    it('waits for the place of the one that was ended for it, which a full server forgets a moment later', async () => {
      const own = await primed(20_000);
      turnsAway = 3;
      const client = await SessionClient.open(own.socket, other);
      expect(turnsAway).toBe(0);
      expect(own.proxy.backends.counts.renewed).toBe(1);
      expect(await client.ask('SELECT CURRENT_USER()')).toEqual([['app@localhost']]);
      await client.quit();
      await own.proxy.close();
      expect(own.errors).toEqual([]);
    });

    it('is told of a server that stays full', async () => {
      const own = await primed(20_000);
      turnsAway = Infinity;
      await expect(SessionClient.open(own.socket, other)).rejects.toThrow('Too many connections');
      turnsAway = 0;
      await own.proxy.close();
      expect(own.errors).toEqual([]);
    });

    it('is told which server hangs in the middle of its login', async () => {
      const own = await primed(5_000);
      hangs = true;
      const { reused } = own.proxy.backends.counts;
      await expect(SessionClient.open(own.socket, other)).rejects.toThrow(
        `Duara: can't connect to the database server on '${path()}' (no greeting within 5 s)`,
      );
      hangs = false;
      expect(own.proxy.backends.counts.reused - reused).toBe(1);
      expect(own.proxy.backends.counts.renewed).toBe(1);
      expect(own.refused).toEqual(['backend_away']);
      await own.proxy.close();
      expect(own.errors).toEqual([]);
    });
  },
);
