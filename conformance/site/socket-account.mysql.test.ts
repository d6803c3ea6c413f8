import { type ChildProcess, spawn } from 'node:child_process';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { createConnection } from 'mysql2/promise';
import { findServer } from '../../site/lab/find-server';
import { until } from '../lab/lab-process';
import { OneSite } from './one-site';

const binary = findServer();
const { username } = userInfo();

// MySQL has the plugin too (auth_socket), but it has to be installed there.
(binary?.flavour === 'mariadb' ? describe : describe.skip)(
  'accounts that the server knows by the operating system user',
  () => {
    const one = binary === null ? null : new OneSite(binary, false);
    let child: ChildProcess | null = null;

    beforeAll(async () => {
      if (binary === null || one === null) return;
      await one.prepare(binary, true);
      const root = await createConnection({ socketPath: one.database.socket, user: 'root' });
      // As Debian's packages make root@localhost.
      const account = `'${username}'@localhost`;
      await root.query(
        `CREATE OR REPLACE USER ${account} IDENTIFIED VIA mysql_native_password USING 'invalid' OR unix_socket`,
      );
      await root.query(`GRANT ALL ON app.* TO ${account}`);
      await root.end();
      const main = join(__dirname, '../../site/main.js');
      const env = { ...process.env, DUARA_DATABASE_SOCKET: one.database.socket };
      child = spawn(process.execPath, [main, 'serve', '-c', one.configFile], {
        env,
        stdio: ['ignore', 'ignore', 'pipe'],
      });
      let log = '';
      child.stderr?.setEncoding('utf8').on('data', (text: string) => (log += text));
      await until(
        async () => (await fetch(`http://127.0.0.1:${one.ports.admin}/readyz`).catch(() => null))?.ok === true,
        30_000,
        () => `not ready:\n${log}`,
      );
      await until(
        () => log.includes('DUARA_SOCKET_ACCOUNT'),
        30_000,
        () => `no warning of the account:\n${log}`,
      );
    });

    afterAll(async () => {
      child?.kill('SIGKILL');
      await one?.dispose();
    });

    test('the server itself lets the process in', async () => {
      const direct = await createConnection({
        socketPath: one?.database.socket ?? '',
        user: username,
        password: 'any',
      });
      await direct.end();
    });

    test.each([username, `'${username}'`])('no client is %s through the proxy', async (user) => {
      const login = createConnection({ ...one?.proxyAccount, user, password: '' });
      await expect(login).rejects.toMatchObject({ errno: 1698, sqlState: '28000' });
    });

    test('nor becomes it by COM_CHANGE_USER, and stays who it was', async () => {
      const client = await createConnection(one?.proxyAccount ?? {});
      await expect(client.changeUser({ user: username, password: '' })).rejects.toMatchObject({ errno: 1698 });
      await client.end();
      const again = await createConnection(one?.proxyAccount ?? {});
      expect((await again.query('SELECT CURRENT_USER() AS me'))[0]).toEqual([{ me: 'web@%' }]);
      await again.end();
    });
  },
);
