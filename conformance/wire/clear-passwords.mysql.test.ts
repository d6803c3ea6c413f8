import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createConnection } from 'mysql2/promise';
import type { RunningProxy } from '../../proxy/io/proxy-server';
import { findServer } from '../../site/lab/find-server';
import { makeCertificate, opensslAvailable, type TestCertificate } from './certificate';
import { anotherProxy, type ProxiedServer, startProxiedServer } from './proxied-server';

/**
 * A client on TLS may say its password in clear. Where the way from us to the server is plain TCP over a network, we must
 * not: neither at the login nor at a change of user.
 */

const binary = findServer();
const pam = existsSync('/usr/lib/mysql/plugin/auth_pam.so');
const can = binary?.flavour === 'mariadb' && opensslAvailable() && pam;

(can ? describe : describe.skip)('passwords in clear', () => {
  let site: ProxiedServer;
  let dir: string;
  let own: TestCertificate;
  let proxy: RunningProxy;

  beforeAll(async () => {
    if (binary === null) throw new Error('no server');
    dir = mkdtempSync(join(tmpdir(), 'duara-clear-'));
    own = makeCertificate(dir);
    site = await startProxiedServer(binary, { extra: ['--bind-address=0.0.0.0', '--plugin-load-add=auth_pam'] });
    const direct = await createConnection({ socketPath: site.server.socket, user: 'root', multipleStatements: true });
    await direct.query(
      `CREATE USER pam@'%' IDENTIFIED VIA pam USING 'other';
       CREATE USER plain@'%' IDENTIFIED BY 'other'; GRANT ALL ON app.* TO plain@'%'`,
    );
    await direct.end();
    proxy = await anotherProxy(site, {
      // An address of this machine that is not taken for one.
      backend: { host: '0.0.0.0', port: site.server.port },
      backendTls: null,
      tls: { cert: own.cert, key: own.key, ca: null, required: false },
    });
  });
  afterAll(async () => {
    await proxy.close();
    await site.stop();
    rmSync(dir, { recursive: true, force: true });
    expect(site.errors).toEqual([]);
  });

  const connect = (user: string, password: string) =>
    createConnection({
      host: '127.0.0.1',
      port: proxy.port,
      user,
      password,
      database: 'app',
      ssl: { ca: own.ca, rejectUnauthorized: false },
    });
  const refused = {
    errno: 1043,
    message: expect.stringContaining('dialog would send the password in clear') as string,
  };

  it('are not asked for at the login', async () => {
    await expect(connect('pam', 'secret')).rejects.toMatchObject(refused);
  });

  it('are not asked for at a change of user, which ends the connection as it ends the login', async () => {
    const db = await connect('app', 'secret');
    db.on('error', () => undefined);
    await expect(db.changeUser({ user: 'pam', password: 'secret' })).rejects.toMatchObject(refused);
    db.destroy();
  });

  it('are no matter where the server asks for an answer to its scramble: users are changed', async () => {
    const db = await connect('app', 'secret');
    await db.changeUser({ user: 'plain', password: 'other', database: 'app' });
    expect((await db.query('SELECT CURRENT_USER() AS user'))[0]).toEqual([{ user: 'plain@%' }]);
    await expect(db.changeUser({ user: 'plain', password: 'wrong' })).rejects.toMatchObject({ errno: 1045 });
    await db.end();
  });
});
