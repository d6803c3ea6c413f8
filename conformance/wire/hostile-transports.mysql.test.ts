import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as tlsConnect } from 'node:tls';
import { deflateSync } from 'node:zlib';
import { createConnection } from 'mysql2/promise';
import type { RunningProxy } from '../../proxy/io/proxy-server';
import type { BackendTlsOptions } from '../../proxy/io/tls-channel';
import { nativePasswordAnswer } from '../../proxy/wire/auth';
import { encodeFrame } from '../../proxy/wire/compressed-frame';
import { Capability } from '../../proxy/wire/constants';
import { decodeGreeting, scrambleOf } from '../../proxy/wire/handshake';
import { encodeHandshakeResponse, encodeSslRequest } from '../../proxy/wire/handshake-response';
import { frame, PacketFramer } from '../../proxy/wire/packet-framer';
import { findServer } from '../../site/lab/find-server';
import { until } from '../lab/lab-process';
import { makeCertificate, opensslAvailable, type TestCertificate } from './certificate';
import { anotherProxy, type ProxiedServer, startProxiedServer, waitAtLogin } from './proxied-server';
import { query } from './raw-client';
import { run } from './run-program';

const binary = findServer();
const hasClient = spawnSync('mariadb', ['--version']).status === 0;
const can = binary?.flavour === 'mariadb' && hasClient && opensslAvailable();

(can ? describe : describe.skip)('transports of both sides', () => {
  let site: ProxiedServer;
  let dir: string;
  let own: TestCertificate;
  let servers: TestCertificate;

  beforeAll(async () => {
    if (binary === null) throw new Error('no server');
    dir = mkdtempSync(join(tmpdir(), 'duara-links-'));
    own = makeCertificate(dir);
    servers = makeCertificate(dir, 'server');
    const { certFile, keyFile } = servers;
    site = await startProxiedServer(binary, {
      extra: [
        `--ssl-cert=${certFile}`,
        `--ssl-key=${keyFile}`,
        '--connect-timeout=60',
        '--plugin-load-add=auth_ed25519',
      ],
      proxy: { tls: { cert: own.cert, key: own.key, ca: null, required: false } },
    });
    const direct = await createConnection({ socketPath: site.server.socket, user: 'root', multipleStatements: true });
    await direct.query(
      `CREATE USER ed@'%' IDENTIFIED VIA ed25519 USING PASSWORD('secret'); GRANT ALL ON app.* TO ed@'%';
       CREATE USER sec@'%' IDENTIFIED BY 'secret' REQUIRE SSL; GRANT ALL ON app.* TO sec@'%';
       CREATE USER twice@'%' IDENTIFIED VIA ed25519 USING PASSWORD('other') OR mysql_native_password USING PASSWORD('secret');
       GRANT ALL ON app.* TO twice@'%';`,
    );
    await direct.end();
  });
  afterAll(async () => {
    await site.stop();
    rmSync(dir, { recursive: true, force: true });
    expect(site.errors).toEqual([]);
  });

  /** Another proxy, which reaches the server over TCP. */
  const overTcp = (backendTls: BackendTlsOptions | null): Promise<RunningProxy> =>
    anotherProxy(site, {
      backend: { host: '127.0.0.1', port: site.server.port },
      backendTls,
      tls: { cert: own.cert, key: own.key, ca: null, required: false },
    });
  const cli = (port: number, user: string, options: readonly string[], sql: string) =>
    run(
      'mariadb',
      ['--no-defaults', `-u${user}`, '-psecret', '-h127.0.0.1', `-P${port}`, ...options, 'app', '-N'],
      sql,
    );

  const ways: [string, string[]][] = [
    ['plain', ['--skip-ssl']],
    ['TLS', ['--ssl']],
    ['TLS and compression', ['--ssl', '--compress']],
  ];
  it.each(ways)('clients in %s reach the server in TLS, with every plugin', async (_name, options) => {
    const proxy = await overTcp({ ca: servers.ca, verify: 'full' });
    const sql = "SELECT CURRENT_USER(); SHOW STATUS LIKE 'Ssl_version'";
    for (const user of ['app', 'ed', 'sec', 'twice']) {
      const { out, err } = await cli(proxy.port, user, options, sql);
      expect([out.replace(/\s+/g, ' '), err]).toEqual([
        expect.stringMatching(`^${user}@[%a-z]+ Ssl_version TLSv1`),
        '',
      ]);
    }
    await proxy.close();
  });

  it.each(ways)(
    'clients in %s are switched to ed25519 over the unix socket, and change to it',
    async (_name, options) => {
      for (const user of ['ed', 'twice']) {
        expect(await cli(site.proxy.port, user, options, 'SELECT CURRENT_USER()')).toMatchObject({
          out: `${user}@%\n`,
        });
      }
      const wrong = await cli(site.proxy.port, 'ed', [...options, '-pwrong'], 'SELECT 1');
      expect(wrong.err).toContain('Access denied');
    },
  );

  it('a server at work, reached in TLS, sees that its client is gone', async () => {
    const proxy = await overTcp({ ca: servers.ca, verify: 'full' });
    const { port } = proxy;
    const vanishing = await createConnection({ host: '127.0.0.1', port, user: 'app', password: 'secret' });
    vanishing.on('error', () => {});
    vanishing.query('SELECT SLEEP(600)').catch(() => {});
    const direct = await createConnection({ socketPath: site.server.socket, user: 'root' });
    const asleep = async (wanted: number): Promise<boolean> => {
      const [rows] = await direct.query("SELECT 1 FROM information_schema.processlist WHERE info LIKE 'SELECT SLEEP%'");
      return (rows as unknown[]).length === wanted;
    };
    await until(
      () => asleep(1),
      20_000,
      () => 'it does not sleep',
    );
    vanishing.destroy();
    // It looks every five seconds.
    await until(
      () => asleep(0),
      60_000,
      () => 'it sleeps on',
    );
    await direct.end();
    await proxy.close();
  });

  it('says why when the certificate of the server is not the right one', async () => {
    for (const [ca, verify, fails] of [
      [own.ca, 'full', true],
      [servers.ca, 'ca', false],
      [null, 'none', false],
    ] as const) {
      const proxy = await overTcp({ ca, verify });
      const { out, err } = await cli(proxy.port, 'app', [], 'SELECT 42');
      if (fails) expect([out, err]).toEqual(['', expect.stringMatching(/1043.*Duara: no TLS connection/)]);
      else expect([out, err]).toEqual(['42\n', '']);
      await proxy.close();
    }
  });

  const capabilities =
    Capability.protocol41 | Capability.secureConnection | Capability.pluginAuth | Capability.longPassword;
  const preamble = { mariaDbCapabilities: 0, maxPacketBytes: 1 << 24, charset: 45 };

  /** Says `first` after the greeting, then what `then` makes of each chunk; resolves with all bytes when it is closed. */
  async function talk(
    port: number,
    first: (scramble: Buffer) => Buffer,
    then: readonly Buffer[] = [],
  ): Promise<Buffer> {
    const socket: Socket = connect(port, '127.0.0.1');
    socket.on('error', () => {});
    const heard: Buffer[] = [];
    const left = [...then];
    let greeted = false;
    socket.on('data', (chunk: Buffer) => {
      if (greeted) heard.push(chunk);
      const next = greeted ? left.shift() : first(scrambleOf(decodeGreeting(chunk.subarray(4)).authData));
      greeted = true;
      if (next !== undefined) socket.write(next);
    });
    await new Promise((resolve) => socket.on('close', resolve));
    return Buffer.concat(heard);
  }
  const logIn = (scramble: Buffer, more = 0): Buffer =>
    encodeHandshakeResponse({
      ...preamble,
      capabilities: (capabilities | more) >>> 0,
      user: Buffer.from('app'),
      authResponse: nativePasswordAnswer('secret', scramble),
      database: null,
      authPlugin: 'mysql_native_password',
      connectAttributes: null,
      zstdLevel: null,
    });
  const sslRequest = frame(encodeSslRequest({ ...preamble, capabilities: capabilities | Capability.ssl }), 1);

  it('gives packets behind the request for TLS to TLS: nothing of them is ever carried out', async () => {
    const heard = await talk(site.proxy.port, (scramble) =>
      Buffer.concat([sslRequest, frame(logIn(scramble), 2), query('CREATE TABLE app.injected (a INT)')]),
    );
    expect(heard[0] === undefined || heard[0] === 0x15).toBe(true);
    const { err } = await cli(site.server.port, 'app', [], 'SELECT * FROM injected');
    expect(err).toContain('1146');
  });

  it('begins TLS that comes in one read with the request for it', async () => {
    const socket = connect(site.proxy.port, '127.0.0.1');
    const [greeting] = await new Promise<[Buffer]>((resolve) =>
      socket.once('data', (chunk: Buffer) => resolve([chunk])),
    );
    socket.cork();
    socket.write(sslRequest);
    const secured = tlsConnect({ socket, ca: own.ca, servername: 'localhost' });
    setImmediate(() => setImmediate(() => socket.uncork()));
    await new Promise((resolve) => secured.once('secureConnect', resolve));
    secured.write(frame(logIn(scrambleOf(decodeGreeting(greeting.subarray(4)).authData), Capability.ssl), 2));
    const [packet] = await new Promise<ReturnType<PacketFramer['push']>>((resolve) =>
      secured.once('data', (chunk: Buffer) => resolve(new PacketFramer().push(chunk))),
    );
    expect([packet?.sequence, packet?.payload[0]]).toEqual([3, 0]);
    secured.destroy();
  });

  const garbage: [string, Buffer][] = [
    ['TLS that is none', Buffer.concat([sslRequest, Buffer.from('GET / HTTP/1.0\r\n\r\n')])],
    [
      'a TLS record of a version that is not there',
      Buffer.concat([sslRequest, Buffer.from('160301000401020304', 'hex')]),
    ],
    ['a request for TLS cut short', sslRequest.subarray(0, 20)],
    ['half a TLS record', Buffer.concat([sslRequest, Buffer.from('1603010200', 'hex')])],
  ];
  describe('a server that waits little', () => {
    let waitsLonger: () => Promise<void>;
    beforeAll(async () => {
      waitsLonger = await waitAtLogin(site.server, 3);
    });
    afterAll(() => waitsLonger());

    it.each(garbage)('closes on %s', async (_why, bytes) => {
      await talk(site.proxy.port, () => bytes);
      await until(
        () => site.counters.connections === 0,
        20_000,
        () => `${site.counters.connections} clients are left over`,
      );
    });
  });

  const text = query('SELECT 1');
  const compressed = (sequence: number, inner: Buffer, length = inner.length): Buffer =>
    encodeFrame({ sequence, uncompressedLength: length, body: deflateSync(inner) });
  const plain = (sequence: number, inner: Buffer): Buffer =>
    encodeFrame({ sequence, uncompressedLength: 0, body: inner });
  const broken: [string, Buffer[]][] = [
    ['data that is not compressed', [encodeFrame({ sequence: 0, uncompressedLength: 9, body: Buffer.alloc(9, 0x55) })]],
    ['more than was said', [compressed(0, Buffer.concat([text, text]), 5)]],
    ['a bomb', [compressed(0, Buffer.alloc(15_000_000), 100)]],
    ['frames out of order', [plain(5, text)]],
    [
      'a packet that goes on in a frame of the wrong number',
      [plain(0, text.subarray(0, 6)), plain(0, text.subarray(6))],
    ],
  ];
  it.each(broken)('answers as the server does to compression: %s', async (_why, frames) => {
    const said = (port: number): Promise<Buffer> =>
      talk(port, (scramble) => frame(logIn(scramble, Capability.compress), 1), [Buffer.concat(frames)]);
    const direct = await said(site.server.port);
    expect((await said(site.proxy.port)).toString('hex')).toBe(direct.toString('hex'));
  });
});
