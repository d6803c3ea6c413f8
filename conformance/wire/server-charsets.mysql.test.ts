import { createConnection, type RowDataPacket } from 'mysql2/promise';
import { findServer } from '../../site/lab/find-server';
import { readServerDefaults } from '../../site/server-defaults';
import { anotherProxy, type ProxiedServer, startProxiedServer } from './proxied-server';
import { SessionClient } from './session-client';

const binary = findServer();
/** In gbk the bytes 0x81 0x5c are one character: a `;` in the second string, which is none of ours. */
const text = Buffer.from("INSERT INTO t (v) VALUES ('\x81\x5c'), ('; INSERT INTO t (v) VALUES (1); ')", 'latin1');

(binary?.flavour === 'mariadb' ? describe : describe.skip)(
  'the character set that the server begins sessions with',
  () => {
    let site: ProxiedServer;
    const start = async (extra: readonly string[]): Promise<void> => {
      if (binary === null) throw new Error('no server');
      site = await startProxiedServer(binary, { extra });
      await asRoot('CREATE TABLE app.t (id BIGINT AUTO_INCREMENT PRIMARY KEY, v VARCHAR(99)) CHARSET utf8mb4');
    };
    afterEach(async () => {
      await site.stop();
      expect(site.errors).toEqual([]);
    });

    const asRoot = async (sql: string): Promise<RowDataPacket[]> => {
      const root = await createConnection({ socketPath: site.server.socket, user: 'root' });
      try {
        return (await root.query<RowDataPacket[]>(sql))[0];
      } finally {
        await root.end();
      }
    };

    /** What has come of the text for a client that names collation `charset` when it logs in. */
    const written = async (socket: string, charset: number): Promise<unknown[]> => {
      await asRoot('DELETE FROM app.t');
      const client = await SessionClient.open(socket, { charset });
      const told = [await client.say(3, text), await client.ask('SELECT @@character_set_client')];
      await client.quit();
      const rows = await asRoot('SELECT HEX(v) AS v FROM app.t ORDER BY v');
      return [String(told[0]).slice(0, 4), told[1], rows.map(({ v }) => v as string)];
    };

    const isAsDirect = async (charset: number, reads: boolean): Promise<void> => {
      const admin = await createConnection({ socketPath: site.server.socket, user: 'root' });
      const readDefaults = () => readServerDefaults(async (sql) => (await admin.query<RowDataPacket[]>(sql))[0]);
      const socket = `${site.proxySocket}.2`;
      const proxy = await anotherProxy(site, { listen: null, socket, ...(reads ? { readDefaults } : {}) });
      const given = site.keys.demands.length;
      try {
        const direct = await written(site.server.socket, charset);
        expect(direct).toEqual(['ok 2', [['gbk']], expect.arrayContaining(['E4B997'])]);
        expect(await written(socket, charset)).toEqual(direct);
        expect(site.keys.demands.length).toBe(given + 1);
      } finally {
        await proxy.close();
        await admin.end();
      }
    };

    it.each([true, false])('whatever they ask for (read: %s)', async (reads) => {
      await start(['--character-set-server=gbk', '--skip-character-set-client-handshake']);
      await isAsDirect(45, reads);
    });
    it.each([true, false])('where they ask for one that it does not know (read: %s)', async (reads) => {
      await start(['--character-set-server=gbk']);
      await isAsDirect(255, reads);
    });
    it.each([true, false])('by init_connect (read: %s)', async (reads) => {
      await start(["--init-connect=SET NAMES 'gbk'"]);
      await isAsDirect(45, reads);
    });
  },
);
