import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Connection, createConnection, type RowDataPacket } from 'mysql2/promise';
import { duaraAccountSql } from '../../site/accounts';
import type { SqlRow } from '../../site/database-pool';
import { Cascades } from '../../site/definition-questions';
import { DatabaseServer } from '../../site/lab/database-server';
import { findServer } from '../../site/lab/find-server';

const binary = findServer();

const parent = { schema: 'the "odd" one', table: 'pä-/.ブr' };
const tables = [
  'CREATE SCHEMA `the "odd" one`',
  'CREATE SCHEMA app',
  'CREATE SCHEMA hidden',
  'CREATE TABLE `the "odd" one`.`pä-/.ブr` (id INT PRIMARY KEY)',
  `CREATE TABLE app.\`ch#a $ild\` (n INT, m INT, FOREIGN KEY (n) REFERENCES \`the "odd" one\`.\`pä-/.ブr\` (id) ON DELETE CASCADE,
     FOREIGN KEY (m) REFERENCES \`the "odd" one\`.\`pä-/.ブr\` (id) ON UPDATE RESTRICT)`,
  'CREATE TABLE app.emptied (n INT, FOREIGN KEY (n) REFERENCES `the "odd" one`.`pä-/.ブr` (id) ON UPDATE SET NULL)',
  'CREATE TABLE app.held (n INT, FOREIGN KEY (n) REFERENCES `the "odd" one`.`pä-/.ブr` (id))',
  'CREATE TABLE hidden.far (n INT, FOREIGN KEY (n) REFERENCES `the "odd" one`.`pä-/.ブr` (id) ON DELETE SET NULL)',
];

(binary?.flavour === 'mariadb' ? describe : describe.skip)('foreign keys that write', () => {
  const dir = mkdtempSync(join(tmpdir(), 'duara-cascades-'));
  let server: DatabaseServer;
  let root: Connection;
  let own: Connection;

  beforeAll(async () => {
    if (binary === null) throw new Error('no server');
    server = new DatabaseServer({ binary, dir: join(dir, 'db'), serverId: 1, durable: false });
    await server.start();
    root = await createConnection({ socketPath: server.socket, user: 'root', charset: 'utf8mb4_bin' });
    for (const sql of tables) await root.query(sql);
    const account = { user: 'duara', host: 'localhost', password: 'p', schemas: ['app', parent.schema] };
    await root.query('CREATE SCHEMA duara');
    for (const sql of duaraAccountSql({ ...account, flavour: 'mariadb' })) await root.query(sql);
    own = await createConnection({
      socketPath: server.socket,
      user: 'duara',
      password: 'p',
      charset: 'utf8mb4_bin',
    });
  });
  afterAll(async () => {
    own.destroy();
    root.destroy();
    await server.stop();
    rmSync(dir, { recursive: true, force: true });
  });

  const query = async (sql: string): Promise<readonly SqlRow[]> => (await own.query<RowDataPacket[]>(sql))[0];
  const children = async (): Promise<string[]> =>
    (await Cascades.read(query)).of(parent).map(({ schema, table }) => `${schema}.${table}`);
  const opened = async (): Promise<number> => {
    const [[row]] = await root.query<RowDataPacket[]>("SHOW GLOBAL STATUS LIKE 'Opened_tables'");
    return Number(row?.['Value']);
  };

  it('are all found, those of tables that the account does not see too, and no table is opened for it', async () => {
    const before = await opened();
    expect((await children()).sort()).toEqual(['app.ch#a $ild', 'app.emptied', 'hidden.far']);
    expect(await opened()).toBe(before);
  });

  it('are found without PROCESS, as far as they can be seen', async () => {
    await root.query('REVOKE PROCESS ON *.* FROM duara@localhost');
    expect((await children()).sort()).toEqual(expect.arrayContaining(['app.ch#a $ild', 'app.emptied']));
  });
});
