import { readFileSync, statSync } from 'node:fs';
import { createConnection as connectSocket, type Socket } from 'node:net';
import { createConnection } from 'mysql2/promise';
import { decodeError } from '../../proxy/wire/response';
import { findServer } from '../../site/lab/find-server';
import { measureMemory } from '../fuzz/memory-watch';
import { until } from '../lab/lab-process';
import { type ProxiedServer, startProxiedServer } from '../wire/proxied-server';
import { query, RawClient } from '../wire/raw-client';
import { heardInSilence, proxyBefore } from './proxy-before';

const binary = findServer();

(binary === null ? describe.skip : describe)('clients: too many, silent, slow, gone', () => {
  let site: ProxiedServer;

  beforeAll(async () => {
    if (binary === null) throw new Error('no server');
    site = await startProxiedServer(binary);
    await root('CREATE TABLE app.post (id BIGINT PRIMARY KEY, v INT); INSERT INTO app.post VALUES (1, 0)');
  });
  afterAll(async () => {
    expect(site.errors).toEqual([]);
    await site.stop();
  });

  async function root(sql: string): Promise<unknown> {
    const db = await createConnection({ socketPath: site.server.socket, user: 'root', multipleStatements: true });
    const [rows] = await db.query(sql);
    await db.end();
    return rows;
  }

  it('lets all users of the machine to its unix socket, as the server does', () => {
    const mayWrite = (path: string): number => statSync(path).mode & 0o666;
    expect(mayWrite(site.proxySocket)).toBe(mayWrite(site.server.socket));
    expect(mayWrite(site.proxySocket)).toBe(0o666);
  });

  it('refuses more than proxy.maxConnections in the server’s own words, and lets in again when one has gone', async () => {
    const own = await proxyBefore(site, { maxConnections: 2 });
    const [first] = [await RawClient.connect(own.socket), await RawClient.connect(own.socket)];
    const error = decodeError((await heardInSilence({ port: own.proxy.port })).subarray(4));
    expect(error).toMatchObject({ errorCode: 1040, sqlState: null });
    expect(error.message.toString()).toBe('Too many connections (Duara: proxy.maxConnections is 2)');
    const refused = createConnection({ host: '127.0.0.1', port: own.proxy.port, user: 'app', password: 'secret' });
    await expect(refused).rejects.toMatchObject({ errno: 1040 });
    expect(own.refused).toEqual(['limit', 'limit']);
    first.destroy();
    await until(
      () => own.counters.connections === 1,
      20_000,
      () => 'it is still counted',
    );
    (await RawClient.connect(own.socket)).destroy();
    await own.proxy.close();
  });

  it("passes on the backend's own limit as it is", async () => {
    const limited = await createConnection({ socketPath: site.server.socket, user: 'root' });
    await limited.query('SET GLOBAL max_connections = 10, connect_timeout = 200');
    const held: RawClient[] = [];
    try {
      // One more than the limit is kept for administrators; this connection and one of the rig's are there.
      const places = 11 - 2;
      await until(
        async () => {
          // Kept waiting for its login. Turned away, it comes again: those that have left may be counted a while longer.
          const silent = RawClient.open(site.server.socket);
          const [first] = await silent.take(1);
          if (first?.payload[0] === 10) held.push(silent);
          else silent.destroy();
          return held.length === places;
        },
        20_000,
        () => `${held.length} are greeted, not ${places}`,
      );
      const direct = await heardInSilence({ path: site.server.socket });
      expect(decodeError(direct.subarray(4)).errorCode).toBe(1040);
      expect(await heardInSilence({ path: site.proxySocket })).toEqual(direct);
    } finally {
      held.forEach((client) => client.destroy());
      await limited.query('SET GLOBAL max_connections = 200, connect_timeout = 10');
      await limited.end();
    }
  });

  it('says to a client that does not answer the greeting what the server says, and is rid of it', async () => {
    await root('SET GLOBAL connect_timeout = 2');
    const [direct, proxied] = await Promise.all([
      heardInSilence({ port: site.server.port }),
      heardInSilence({ port: site.proxy.port }),
    ]);
    await root('SET GLOBAL connect_timeout = 10');
    // The greetings differ in thread id and scramble.
    const greeting = 4 + direct.readUIntLE(0, 3);
    expect(proxied.length).toBe(direct.length);
    expect(proxied.subarray(greeting)).toEqual(direct.subarray(greeting));
    await until(
      () => site.counters.connections === 0,
      20_000,
      () => `${site.counters.connections} connections are left`,
    );
  });

  it.each<[string, (socket: Socket) => void]>([
    ['closes', (socket) => socket.end()],
    ['vanishes with a reset', (socket) => socket.resetAndDestroy()],
    [
      'vanishes in the middle of a packet',
      (socket) => socket.write(Buffer.from([0xff, 0xff, 0x10, 0, 3]), () => socket.resetAndDestroy()),
    ],
    [
      'vanishes behind pipelined commands',
      (socket) => socket.write(Buffer.concat(Array<Buffer>(50).fill(query('DO 1'))), () => socket.resetAndDestroy()),
    ],
  ])('frees the row locks of a client that %s in mid-transaction', async (_how, leave) => {
    const where = { host: '127.0.0.1', port: site.proxy.port, user: 'app', password: 'secret', database: 'app' };
    const client = await createConnection(where);
    client.on('error', () => {});
    await client.query('BEGIN');
    await client.query('UPDATE post SET v = v + 1 WHERE id = 1');
    leave((client as unknown as { readonly connection: { readonly stream: Socket } }).connection.stream);
    // Far below innodb_lock_wait_timeout, after which it would fail.
    const rows = await root('UPDATE app.post SET v = 7 WHERE id = 1');
    expect(rows).toMatchObject({ affectedRows: 1 });
  });

  it('keeps little for a client that stops reading a large result, and lets go of the backend when it has gone', async () => {
    const client = await RawClient.connect(site.proxySocket);
    const before = await measureMemory();
    client.socket.pause();
    client.send(query("SELECT REPEAT('x', 1000000) FROM seq_1_to_400"));
    const running = async (): Promise<{ state: string }[]> =>
      (await root(
        "SELECT state FROM information_schema.processlist WHERE info LIKE 'SELECT REPEAT%' AND info NOT LIKE '%processlist%'",
      )) as { state: string }[];
    let inARow = 0;
    await until(
      async () => {
        inARow = /writing to net/i.test((await running())[0]?.state ?? '') ? inARow + 1 : 0;
        // On its way to a proxy that takes all in, it writes now and then.
        return inARow === 20;
      },
      20_000,
      () => 'the server is not held up',
    );
    const { heapBytes } = await measureMemory();
    expect(heapBytes - before.heapBytes).toBeLessThan(32 * 2 ** 20);
    client.destroy();
    await until(
      async () => (await running()).length === 0,
      30_000,
      () => 'the backend still writes to nobody',
    );
  });

  const tcp = '/proc/net/tcp';
  (process.platform === 'linux' ? it : it.skip)('asks now and then whether an idle client is still there', async () => {
    // Not on loopback alone: nobody there can vanish without a word.
    const own = await proxyBefore(site, { listen: { host: '0.0.0.0', port: 0 } });
    const socket = connectSocket(own.proxy.port, '127.0.0.1');
    await new Promise((resolve) => socket.once('data', resolve));
    const hex = (port: number): string => port.toString(16).toUpperCase().padStart(4, '0');
    const ends = [hex(own.proxy.port), hex(socket.localPort ?? 0)];
    const line = readFileSync(tcp, 'utf8')
      .split('\n')
      .map((row) => row.trim().split(/\s+/))
      .find(([, local, remote]) => local?.endsWith(`:${ends[0]}`) && remote?.endsWith(`:${ends[1]}`));
    // "tr": 2 is the keepalive timer (Linux, proc_net_tcp).
    expect(line?.[5]).toMatch(/^02:/);
    socket.destroy();
    await own.proxy.close();
  });
});
