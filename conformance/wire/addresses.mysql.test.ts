import { connect, type Socket } from 'node:net';
import { type Connection, createConnection } from 'mysql2/promise';
import type { RunningProxy } from '../../proxy/io/proxy-server';
import { encodeProxyHeader } from '../../proxy/wire/proxy-header';
import { findServer } from '../../site/lab/find-server';
import { anotherProxy, type ProxiedServer, startProxiedServer } from './proxied-server';

const binary = findServer();

(binary?.flavour === 'mariadb' ? describe : describe.skip)("the client's address on its way to the server", () => {
  let site: ProxiedServer;
  /** To the server over TCP, from a proxy that believes headers of 127.0.0.0/8. */
  let behind: RunningProxy;

  beforeAll(async () => {
    if (binary === null) throw new Error('no server');
    site = await startProxiedServer(binary, {
      extra: ['--proxy-protocol-networks=127.0.0.1,localhost', '--skip-name-resolve', '--connect-timeout=60'],
      proxy: { proxyProtocol: true },
    });
    const direct = await createConnection({ socketPath: site.server.socket, user: 'root', multipleStatements: true });
    await direct.query(
      `CREATE USER here@'127.0.0.1' IDENTIFIED BY 'secret'; CREATE USER there@'192.0.2.%' IDENTIFIED BY 'secret';
       CREATE USER six@'2001:db8::%' IDENTIFIED BY 'secret'; CREATE USER inside@localhost IDENTIFIED BY 'secret';`,
    );
    await direct.end();
    behind = await anotherProxy(site, {
      backend: { host: '127.0.0.1', port: site.server.port },
      proxyProtocol: true,
      proxyProtocolFrom: ['127.0.0.0/8'],
    });
  });
  afterAll(async () => {
    await behind.close();
    await site.stop();
    expect(site.errors).toEqual([]);
  });

  /** Where the server thinks the client is: of CURRENT_USER, and of the process list. */
  async function seen(user: string, to: { port: number } | { socketPath: string }, header?: Buffer) {
    const stream = (): Socket => {
      const socket = 'port' in to ? connect(to.port, '127.0.0.1') : connect(to.socketPath);
      if (header !== undefined) socket.write(header);
      return socket;
    };
    const db: Connection = await createConnection({ stream: stream(), user, password: 'secret' });
    const [rows] = await db.query(
      'SELECT CURRENT_USER() AS u, (SELECT host FROM information_schema.processlist WHERE id = CONNECTION_ID()) AS h',
    );
    await db.end();
    const [row] = rows as { u: string; h: string }[];
    return [row?.u, row?.h.replace(/:\d+$/, '')];
  }
  const from = (address: string, destination = '192.0.2.1'): Buffer =>
    encodeProxyHeader({ source: { address, port: 4711 }, destination: { address: destination, port: 3306 } });

  it('counts for grants and the process list, over the unix socket to the server', async () => {
    expect(await seen('here', site.proxy)).toEqual(['here@127.0.0.1', '127.0.0.1']);
    expect(await seen('inside', { socketPath: site.proxySocket })).toEqual(['inside@localhost', 'localhost']);
    await expect(seen('there', site.proxy)).rejects.toMatchObject({ errno: 1045 });
    await expect(seen('here', { socketPath: site.proxySocket })).rejects.toMatchObject({ errno: 1045 });
  });

  it('is the server socket when the PROXY protocol is not spoken', async () => {
    const silent = await anotherProxy(site, {});
    expect(await seen('inside', silent)).toEqual(['inside@localhost', 'localhost']);
    await silent.close();
  });

  it('is taken from a header of a listed network, version 1 or 2, and passed on', async () => {
    expect(await seen('there', behind, from('192.0.2.7'))).toEqual(['there@192.0.2.%', '192.0.2.7']);
    const six = await seen('six', behind, from('2001:db8::5', '2001:db8::1'));
    expect(six).toEqual(['six@2001:db8::%', '2001:db8::5']);
    const text = Buffer.from('PROXY TCP4 192.0.2.9 192.0.2.1 4711 3306\r\n');
    expect(await seen('there', behind, text)).toEqual(['there@192.0.2.%', '192.0.2.9']);
    expect(await seen('here', behind, Buffer.from('PROXY UNKNOWN\r\n'))).toEqual(['here@127.0.0.1', '127.0.0.1']);
    const local = Buffer.from(from('192.0.2.7'));
    local[12] = 0x20;
    expect(await seen('here', behind, local)).toEqual(['here@127.0.0.1', '127.0.0.1']);
  });

  it('is not believed from elsewhere: a header there is a packet that makes no sense', async () => {
    await expect(seen('there', site.proxy, from('192.0.2.7'))).rejects.toBeDefined();
  });

  const wrong: [string, Buffer][] = [
    ['no header', Buffer.from('GET / HTTP/1.0\r\n\r\n')],
    ['a client that speaks first', Buffer.concat([Buffer.from([4, 0, 0, 1]), Buffer.alloc(4, 1)])],
    [
      'a version that is not known',
      Buffer.concat([from('192.0.2.7').subarray(0, 12), Buffer.from([0x31, 0x11, 0, 12])]),
    ],
    ['addresses cut short', Buffer.concat([from('192.0.2.7').subarray(0, 12), Buffer.from([0x21, 0x11, 0, 2, 1, 2])])],
    ['a line without end', Buffer.from(`PROXY TCP4 ${'1'.repeat(200)}`)],
    ['a line with a port too many', Buffer.from('PROXY TCP4 192.0.2.9 192.0.2.1 4711 99999\r\n')],
  ];
  it.each(wrong)('closes on %s, and says nothing', async (_why, bytes) => {
    const socket = connect(behind.port, '127.0.0.1');
    const heard: Buffer[] = [];
    socket.on('data', (chunk: Buffer) => heard.push(chunk));
    socket.on('error', () => {});
    socket.write(bytes);
    await new Promise((resolve) => socket.on('close', resolve));
    expect(Buffer.concat(heard)).toEqual(Buffer.alloc(0));
  });
});
