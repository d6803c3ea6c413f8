import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Connection, ResultSetHeader, RowDataPacket } from 'mysql2/promise';
import { createConnection } from 'mysql2/promise';
import { findServer } from '../../site/lab/find-server';
import { until } from '../lab/lab-process';
import { makeCertificate, opensslAvailable } from '../wire/certificate';
import { OneSite } from './one-site';
import { RelayedSite } from './relayed-site';

const binary = findServer();
const threads = { DUARA_PROXY_RELAY_THREADS: '3' };

(binary === null ? describe.skip : describe)('three threads that relay', () => {
  const one = binary === null ? null : new OneSite(binary, false);
  const sites: RelayedSite[] = [];
  let root: Connection;

  beforeAll(async () => {
    if (binary === null || one === null) return;
    await one.prepare(binary, true);
    root = await createConnection({ socketPath: one.database.socket, user: 'root', multipleStatements: true });
    await root.query(
      `CREATE TABLE app.post (id BIGINT AUTO_INCREMENT PRIMARY KEY, parent BIGINT, tag VARCHAR(40), KEY (tag));
       CREATE TABLE app.narrow (id INT AUTO_INCREMENT PRIMARY KEY, tag VARCHAR(40));
       CREATE TABLE app.source (n INT PRIMARY KEY); INSERT INTO app.source VALUES (1), (2), (3)`,
    );
  });
  afterEach(async () => {
    for (const site of sites.splice(0)) await site.end('SIGKILL');
  });
  afterAll(async () => {
    await root?.end();
    await one?.dispose();
  });

  async function serve(env: NodeJS.ProcessEnv = {}): Promise<RelayedSite> {
    if (one === null) throw new Error('no server');
    const site = await RelayedSite.start(one, { ...threads, ...env });
    sites.push(site);
    return site;
  }

  test('share TCP and the unix socket, and are counted together', async () => {
    const socket = join(one?.dir ?? '', 'proxy.sock');
    const site = await serve({ DUARA_PROXY_SOCKET: socket });
    const account = { ...(one?.proxyAccount ?? {}), socketPath: socket };
    const clients = await site.connectEverywhere({}, account);
    for (const client of clients) await client.query('SELECT 1');
    await site.hasClients(clients.length);
    expect((await site.proxyStatus()).connectionsByThread).toHaveLength(3);
    const counted = ['connections', 'queries_total{kind="select"}', 'query_seconds_count'];
    let metrics = '';
    // What a thread that is busy counted comes later.
    await until(
      async () => {
        metrics = await (await site.get('/metrics')).text();
        return counted.every((name) => metrics.includes(`\nduara_proxy_${name} ${clients.length}\n`));
      },
      20_000,
      () => metrics,
    );
    expect(await site.end()).toBe(0);
  });

  test('hold one limit of clients together', async () => {
    const site = await serve({ DUARA_PROXY_MAX_CONNECTIONS: '10' });
    const tries = await Promise.allSettled(Array.from({ length: 30 }, () => site.connect()));
    expect(tries.filter(({ status }) => status === 'fulfilled')).toHaveLength(10);
    const [gone] = tries.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []));
    await gone?.end();
    // Its place is free again once its thread has seen it go.
    await until(
      () =>
        site.connect().then(
          () => true,
          () => false,
        ),
      20_000,
      () => 'the place of a client that has gone is not given to another',
    );
    await site.hasClients(10);
  });

  test('never give a key twice, and later ones are higher, over kill -9', async () => {
    const known: { id: bigint; tag: string }[] = [];
    let highest = 0n;
    for (const life of [1, 2, 3]) {
      const site = await serve();
      const clients = await site.connectEverywhere();
      const before = highest;
      const hammer = async (client: Connection, at: number): Promise<void> => {
        for (let round = 0; round < 12; round++) {
          const seen = highest;
          const tag = `${life}-${at}-${round}`;
          const { id, rows } = await insert(client, at + round, tag);
          // What this client could know of when it asked.
          expect(id > seen).toBe(true);
          for (let n = 0n; n < rows; n++) known.push({ id: id + n, tag });
          if (id + rows - 1n > highest) highest = id + rows - 1n;
        }
      };
      await Promise.all(clients.map(hammer));
      expect(highest).toBeGreaterThan(before);
      // In the middle of more.
      const cut = Promise.allSettled(clients.map((client, at) => insert(client, at, `cut-${life}`)));
      site.child.kill(life === 3 ? 'SIGTERM' : 'SIGKILL');
      await cut;
      await site.end();
    }
    expect(new Set(known.map(({ id }) => id)).size).toBe(known.length);
    const [rows] = await root.query<RowDataPacket[]>(
      "SELECT CAST(id AS CHAR) AS id, tag FROM app.post WHERE tag NOT LIKE 'cut%'",
    );
    expect(new Map(rows.map(({ id, tag }) => [String(id), String(tag)]))).toEqual(
      new Map(known.map(({ id, tag }) => [String(id), tag])),
    );
  });

  test('give narrow columns, lists with and without keys, and prepared statements their keys', async () => {
    const site = await serve();
    const clients = await site.connectEverywhere();
    const ids = await Promise.all(
      clients.map(async (client, at) => {
        const [narrow] = await client.query<ResultSetHeader>('INSERT INTO narrow (tag) VALUES (?), (?)', [
          `n${at}`,
          `n${at}`,
        ]);
        const [prepared] = await client.execute<ResultSetHeader>('INSERT INTO narrow (tag) VALUES (?)', [`p${at}`]);
        const [mixed] = await client.query<ResultSetHeader>(
          `INSERT INTO post (id, tag) VALUES (NULL, 'm${at}'), (${1_000_000 + at}, 'own${at}'), (DEFAULT, 'm${at}')`,
        );
        await client.query(
          `INSERT INTO narrow (tag) SELECT CONCAT('s${at}-', n) FROM source; INSERT INTO post (tag) VALUES ('t${at}')`,
        );
        return [narrow.insertId, narrow.insertId + 1, prepared.insertId, mixed.insertId];
      }),
    );
    const all = ids.flat().map(String);
    expect(new Set(all).size).toBe(all.length);
    const [[narrow]] = await root.query<RowDataPacket[]>(
      'SELECT COUNT(*) AS n, COUNT(DISTINCT tag) AS tags FROM app.narrow',
    );
    expect(narrow).toEqual({ n: clients.length * 6, tags: clients.length * 5 });
    const [own] = await root.query<RowDataPacket[]>("SELECT id, tag FROM app.post WHERE tag LIKE 'own%' ORDER BY id");
    expect(own.map(({ id, tag }) => `${id} ${tag}`)).toEqual(clients.map((_, at) => `${1_000_000 + at} own${at}`));
  });

  test('know of a table what any of them has made of it', async () => {
    const site = await serve();
    const clients = await site.connectEverywhere();
    const [maker, ...others] = clients;
    for (let round = 0; round < 5; round++) {
      const key = round % 2 === 0 ? 'BIGINT AUTO_INCREMENT PRIMARY KEY' : 'BIGINT NOT NULL DEFAULT 7, KEY (id)';
      await maker?.query('DROP TABLE IF EXISTS shape');
      await maker?.query(`CREATE TABLE shape (id ${key}, v INT)`);
      const ids = await Promise.all(
        others.map(async (client) => {
          const [{ insertId }] = await client.query<ResultSetHeader>('INSERT INTO shape (v) VALUES (1)');
          return BigInt(insertId);
        }),
      );
      // Keys of the site's ranges, or none.
      for (const id of ids) expect([round, id > 2n ** 44n]).toEqual([round, round % 2 === 0]);
    }
  });

  test('end together: each lets its transactions end within proxy.drainSeconds, and all that were cut are counted', async () => {
    const site = await serve({ DUARA_PROXY_DRAIN_SECONDS: '1' });
    const clients = await site.connectEverywhere();
    for (const client of clients) await client.query('BEGIN; INSERT INTO post (tag) VALUES ("drained")');
    site.child.kill('SIGTERM');
    expect(await site.ended).toBe(0);
    expect(site.log).toContain(`"sessions":${clients.length},`);
    expect(site.log).toContain('"msg":"ended"');
  });

  (opensslAvailable() ? test : test.skip)('use a certificate that was changed, all of them', async () => {
    const dir = one?.dir ?? '';
    const [first, second] = [makeCertificate(dir, 'first'), makeCertificate(dir, 'second')];
    const files = { cert: join(dir, 'live.pem'), key: join(dir, 'live-key.pem') };
    const use = ({ cert, key }: typeof first): void => {
      writeFileSync(files.cert, cert);
      writeFileSync(files.key, key);
    };
    use(first);
    const site = await serve({ DUARA_PROXY_TLS: JSON.stringify(files) });
    await site.connectEverywhere({ ssl: { ca: first.ca } });
    use(second);
    site.child.kill('SIGHUP');
    await until(
      () => Promise.resolve(site.log.includes('read anew')),
      20_000,
      () => site.log,
    );
    // One more round trip to each thread, behind the certificate's way there.
    await site.proxyStatus();
    await site.connectEverywhere({ ssl: { ca: second.ca } });
    await expect(site.connect({ ssl: { ca: first.ca } })).rejects.toMatchObject({ code: 'HANDSHAKE_SSL_ERROR' });
  });
});

/** One of several forms; the first id, and how many follow it. */
async function insert(client: Connection, form: number, tag: string): Promise<{ id: bigint; rows: bigint }> {
  const rows = 1 + (form % 4);
  const list = Array.from({ length: rows }, () => '(?, ?)').join(', ');
  const values = Array.from({ length: rows }, () => [form, tag]).flat();
  const sql = `INSERT INTO post (parent, tag) VALUES ${list}`;
  const [{ insertId }] =
    form % 3 === 0
      ? await client.execute<ResultSetHeader>(sql, values)
      : await client.query<ResultSetHeader>(sql, values);
  return { id: BigInt(insertId), rows: BigInt(rows) };
}
