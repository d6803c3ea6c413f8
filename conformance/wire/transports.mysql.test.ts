import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Connection, type ConnectionOptions, createConnection } from 'mysql2/promise';
import { findServer } from '../../site/lab/find-server';
import { phpAvailable } from '../clients/php';
import { makeCertificate, opensslAvailable, type TestCertificate } from './certificate';
import { type ProxiedServer, startProxiedServer } from './proxied-server';
import { run } from './run-program';

const binary = findServer();
const hasClient = spawnSync('mariadb', ['--version']).status === 0;
const can = binary !== null && hasClient && opensslAvailable();

(can ? describe : describe.skip)('TLS and compression end at the proxy', () => {
  let site: ProxiedServer;
  let dir: string;
  let certificate: TestCertificate;

  beforeAll(async () => {
    if (binary === null) throw new Error('no server');
    dir = mkdtempSync(join(tmpdir(), 'duara-tls-'));
    certificate = makeCertificate(dir);
    const { cert, key, ca } = certificate;
    site = await startProxiedServer(binary, { proxy: { tls: { cert, key, ca, required: false } } });
    const direct = await createConnection({ socketPath: site.server.socket, user: 'root', multipleStatements: true });
    await direct.query(
      `CREATE TABLE app.words (w VARCHAR(20) PRIMARY KEY, n INT);
       INSERT INTO app.words VALUES ('moja', 1), ('mbili', 2), ('tatu', 3);`,
    );
    await direct.end();
  });
  afterAll(async () => {
    await site.stop();
    rmSync(dir, { recursive: true, force: true });
    expect(site.errors).toEqual([]);
  });

  const cli = async (options: string[], sql: string, where?: string[]) => {
    const to = where ?? ['-h127.0.0.1', `-P${site.proxy.port}`];
    const account = ['--no-defaults', '-uapp', '-psecret'];
    const { out, err, status } = await run('mariadb', [...account, ...to, ...options, 'app', '-t', '-vv', '-f'], sql);
    return { out: out.replace(/[\d.]+ sec/g, 'TIME'), err, status };
  };
  const connect = (options: ConnectionOptions): Promise<Connection> =>
    createConnection({
      host: '127.0.0.1',
      port: site.proxy.port,
      user: 'app',
      password: 'secret',
      database: 'app',
      ...options,
    });
  const one = async (db: Connection, sql: string): Promise<unknown> => {
    const [rows] = await db.query(sql);
    return Object.values((rows as object[])[0] ?? {})[0];
  };

  const sql = `SELECT * FROM words ORDER BY n; SELECT nothing FROM words; SHOW WARNINGS; SELECT 1 WHERE 0;
    UPDATE words SET n = n + 0; SELECT ROW_COUNT(); SELECT REPEAT('x', 100), REPEAT(UUID(), 0);
    SELECT seq, REPEAT('y', seq) FROM seq_1_to_300; SELECT LENGTH(REPEAT('z', 20000000));`;

  it.each([
    ['TLS', ['--ssl']],
    ['compression', ['--compress']],
    ['TLS and compression', ['--ssl', '--compress']],
  ])('the mariadb client with %s says the same as direct without', async (_name, options) => {
    const direct = await cli([], sql, ['-h127.0.0.1', `-P${site.server.port}`]);
    expect(await cli(options, sql)).toEqual(direct);
    expect(await cli(options, sql, ['-S', site.proxySocket])).toEqual(direct);
    expect(direct.out).toContain('mbili');
  });

  it('shows the mariadb client the certificate of the proxy', async () => {
    const verified = ['--ssl', `--ssl-ca=${certificate.caFile}`, '--ssl-verify-server-cert'];
    const { out, err } = await cli(verified, 'status', ['-hlocalhost', '--protocol=tcp', `-P${site.proxy.port}`]);
    expect([out, err]).toEqual([expect.stringMatching(/SSL:\s+Cipher in use is/), '']);
    const other = makeCertificate(dir, 'other');
    const refused = await cli(['--ssl', `--ssl-ca=${other.caFile}`, '--ssl-verify-server-cert'], 'SELECT 1');
    expect(refused.err).toContain('2026');
  });

  it('asks no certificate of clients, but refuses one that it cannot trust', async () => {
    const own = [`--ssl-cert=${certificate.certFile}`, `--ssl-key=${certificate.keyFile}`];
    expect((await cli(['--ssl', ...own], 'SELECT 7 + 35')).out).toContain('42');
    const other = makeCertificate(dir, 'stranger');
    const refused = await cli(['--ssl', `--ssl-cert=${other.certFile}`, `--ssl-key=${other.keyFile}`], 'SELECT 7 + 35');
    expect([refused.status, refused.out]).toEqual([1, expect.not.stringContaining('42')]);
  });

  it.each<[string, ConnectionOptions]>([
    ['TLS', { ssl: { rejectUnauthorized: false } }],
    ['compression', { compress: true }],
    ['TLS and compression', { ssl: { rejectUnauthorized: false }, compress: true }],
  ])('mysql2 with %s carries 20 MB each way, and changes user', async (_name, options) => {
    const db = await connect(options);
    const text = 'x'.repeat(10_000_000) + 'yz'.repeat(5_000_000);
    const [rows] = await db.query('SELECT ? AS t', [text]);
    expect((rows as { t: string }[])[0]?.t === text).toBe(true);
    const [prepared] = await db.execute('SELECT ? + 1 AS n', [41]);
    expect(prepared).toEqual([{ n: 42 }]);
    await db.changeUser({ user: 'app', password: 'secret', database: 'app' });
    expect(await one(db, 'SELECT COUNT(*) FROM words')).toBe(3);
    await expect(db.query('SELEKT')).rejects.toMatchObject({ errno: 1064 });
    await db.end();
  });

  it('refuses a wrong password over TLS with the number that the client expects', async () => {
    await expect(connect({ ssl: { rejectUnauthorized: false }, password: 'wrong' })).rejects.toMatchObject({
      errno: 1045,
    });
    expect((await cli(['--ssl', '-pwrong'], 'SELECT 1')).err).toContain('Access denied');
  });

  it('takes a new certificate for clients that connect from then on', async () => {
    const fresh = makeCertificate(dir, 'fresh');
    const before = await connect({ ssl: { ca: certificate.ca } });
    site.proxy.useTls({ cert: fresh.cert, key: fresh.key, ca: null, required: true });
    await expect(connect({ ssl: { ca: certificate.ca } })).rejects.toThrow(/certificate/);
    const after = await connect({ ssl: { ca: fresh.ca } });
    expect([await one(before, 'SELECT 1'), await one(after, 'SELECT 2')]).toEqual([1, 2]);
    // TLS is required now: on TCP, not on the unix socket.
    await expect(connect({})).rejects.toMatchObject({ errno: 3159, sqlState: '08004' });
    expect((await cli([], 'SELECT 7 + 35', ['-S', site.proxySocket])).out).toContain('42');
    expect(() => site.proxy.useTls({ cert: fresh.cert, key: certificate.key, ca: null, required: true })).toThrow();
    const { cert, key, ca } = certificate;
    site.proxy.useTls({ cert, key, ca, required: false });
    before.destroy();
    after.destroy();
  });

  it('sends a file through compression', async () => {
    const file = join(dir, 'rows.tsv');
    await run('sh', ['-c', `seq 1 30000 | sed 's/$/\\tabc/' > ${file}`], '');
    const load = `CREATE TEMPORARY TABLE t (n INT, v VARCHAR(5)); LOAD DATA LOCAL INFILE '${file}' INTO TABLE t;
      SELECT COUNT(*), SUM(n) FROM t;`;
    const { out, err } = await cli(['--compress', '--local-infile=1', '--ssl'], load);
    expect([out, err]).toEqual([expect.stringContaining('450015000'), '']);
  });

  (phpAvailable()
    ? it.each(['MYSQLI_CLIENT_COMPRESS', 'MYSQLI_CLIENT_SSL', 'MYSQLI_CLIENT_COMPRESS | MYSQLI_CLIENT_SSL'])
    : it.skip.each(['php is not installed']))('PHP mysqli with %s', async (flags) => {
    const php = `mysqli_report(MYSQLI_REPORT_ERROR | MYSQLI_REPORT_STRICT); $db = mysqli_init();
      $db->ssl_set(null, null, '${certificate.caFile}', null, null);
      $db->real_connect('127.0.0.1', 'app', 'secret', 'app', ${site.proxy.port}, null, ${flags});
      $s = $db->prepare('SELECT w FROM words WHERE n >= ? ORDER BY n'); $n = 2; $s->bind_param('i', $n); $s->execute();
      echo json_encode($s->get_result()->fetch_all()), strlen($db->query("SELECT REPEAT('ab', 3000000)")->fetch_row()[0]),
        ' ', $db->query("SHOW STATUS LIKE 'Compression'")->fetch_row()[1];`;
    const result = await run('php', ['-r', php], '');
    expect(result).toMatchObject({ out: '[["mbili"],["tatu"]]6000000 OFF', err: '', status: 0 });
  });
});
