import { spawnSync } from 'node:child_process';
import { run } from './run-program';
import { findServer } from '../../site/lab/find-server';
import { type ProxiedServer, startProxiedServer } from './proxied-server';

const binary = findServer();
const hasClient = spawnSync('mariadb', ['--version']).status === 0;

(binary !== null && hasClient ? describe : describe.skip)('the mariadb client through the proxy', () => {
  let site: ProxiedServer;

  beforeAll(async () => {
    if (binary === null) throw new Error('no server');
    site = await startProxiedServer(binary);
  });
  afterAll(async () => {
    await site.stop();
    expect(site.errors).toEqual([]);
  });

  const client = async (where: string[], sql: string) => {
    const { out, ...rest } = await run(
      'mariadb',
      ['--no-defaults', '-uapp', '-psecret', ...where, 'app', '-t', '-vv', '-f'],
      sql,
    );
    return { out: out.replace(/[\d.]+ sec/g, 'TIME'), ...rest };
  };
  const tcp = (port: number): string[] => ['-h127.0.0.1', `-P${port}`];

  it('says the same as direct', async () => {
    const sql = `CREATE TABLE words (w VARCHAR(20) PRIMARY KEY, n INT);
      INSERT INTO words VALUES ('moja', 1), ('mbili', 2), ('tatu', 3);
      SELECT * FROM words ORDER BY n; SELECT nothing FROM words; SHOW WARNINGS; SELECT 1 WHERE 0;
      UPDATE words SET n = n + 1; SELECT ROW_COUNT(); DO 1; SET @x = 5; SELECT @x; DROP TABLE words;`;
    const direct = await client(tcp(site.server.port), sql);
    const proxied = await client(tcp(site.proxy.port), sql);
    expect(proxied).toEqual(direct);
    expect(direct.out).toContain('mbili');
  });

  it('serves a unix socket', async () => {
    const proxied = await client(['-S', site.proxySocket], 'SELECT CURRENT_USER()');
    expect(proxied.out).toContain('app@localhost');
  });

  it('lets the backend refuse a wrong password', async () => {
    const proxied = await client([...tcp(site.proxy.port), '-pwrong'], 'SELECT 1');
    expect(proxied.err).toContain('Access denied');
  });
});
