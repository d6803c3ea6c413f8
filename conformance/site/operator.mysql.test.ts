import { mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Connection, createConnection } from 'mysql2/promise';
import { parse, stringify } from 'yaml';
import { findServer } from '../../site/lab/find-server';
import type { SiteStatus } from '../../site/status';
import { until } from '../lab/lab-process';
import { OneSite } from './one-site';
import { ServeProcess } from './serve-rig';

const binary = findServer();

/** What an operator meets when something beneath a running site goes wrong, and whether the site says what. */
(binary === null ? describe.skip : describe)('an operator', () => {
  const one = binary === null ? null : new OneSite(binary, false);
  const admin = (): string => `http://127.0.0.1:${one?.ports.admin}`;
  const data = (): string => join(one?.dir ?? '', 'data');
  const running: ServeProcess[] = [];

  beforeAll(async () => {
    if (binary === null || one === null) return;
    await one.prepare(binary, true);
    await asRoot('CREATE TABLE app.note (id BIGINT AUTO_INCREMENT PRIMARY KEY, word VARCHAR(50))');
  });
  afterEach(async () => {
    for (const serve of running.splice(0)) {
      serve.kill('SIGKILL');
      await serve.ended;
    }
  });
  afterAll(async () => {
    await one?.dispose();
  });

  async function asRoot(...statements: readonly string[]): Promise<void> {
    const root = await createConnection({ socketPath: one?.database.socket ?? '', user: 'root' });
    for (const statement of statements) await root.query(statement);
    await root.end();
  }

  function serve(env: NodeJS.ProcessEnv = {}, more: { configFile?: string; stderr?: number } = {}): ServeProcess {
    const { configFile = one?.configFile ?? '', stderr = 'pipe' } = more;
    const started = ServeProcess.start(configFile, { admin: admin(), env, stderr });
    running.push(started);
    return started;
  }

  /** A configuration of its own, and what `change` makes of it. */
  function configured(change: (config: Record<string, Record<string, unknown>>) => void): string {
    const config = parse(readFileSync(one?.configFile ?? '', 'utf8')) as Record<string, Record<string, unknown>>;
    change(config);
    const file = join(mkdtempSync(join(one?.dir ?? '', 'config-')), 'duara.yaml');
    writeFileSync(file, stringify(config));
    return file;
  }

  const connect = async (): Promise<Connection> => {
    const client = await createConnection(one?.proxyAccount ?? {});
    client.on('error', () => undefined);
    return client;
  };

  test('is told at once what is wrong with files that the configuration names, by their key; exit code 2', async () => {
    const [empty, text] = [join(data(), 'empty'), join(data(), 'text')];
    writeFileSync(empty, '\n');
    writeFileSync(text, 'no certificate\n');
    const cases: readonly (readonly [env: NodeJS.ProcessEnv, said: string])[] = [
      [{ DUARA_RING_SECRET_FILE: 'nowhere.key' }, 'nowhere.key: ring.secretFile: the ring secret cannot be read'],
      [{ DUARA_RING_SECRET_FILE: 'empty' }, `${empty}: ring.secretFile: the ring secret is empty`],
      [{ DUARA_ADMIN_TOKEN_FILE: 'empty' }, `${empty}: admin.tokenFile: is empty`],
      [{ DUARA_PROXY_TLS: '{ cert: nowhere.pem, key: text }' }, 'nowhere.pem: proxy.tls.cert: cannot be read'],
      [{ DUARA_DATABASE_TLS: '{ ca: text }' }, `${text}: database.tls.ca: holds no certificate in PEM form`],
      [{ DUARA_REPLICATE_PROFILE: text }, `${text}: replicate.profile: rule "profile": must be a mapping`],
    ];
    for (const [env, said] of cases) {
      const run = serve(env);
      expect([await run.ended, run.log]).toEqual([2, expect.stringContaining(said) as string]);
    }
  });

  test('whose port is taken is told which; the database’s own socket is not taken away', async () => {
    const { proxy = 0 } = one?.ports ?? {};
    const port = serve({ DUARA_ADMIN_LISTEN: `127.0.0.1:${proxy}` });
    expect(await port.ended).toBe(1);
    expect(port.log).toContain(`address already in use 127.0.0.1:${proxy}`);
    const socket = serve({ DUARA_PROXY_SOCKET: one?.database.socket ?? '' });
    expect(await socket.ended).toBe(1);
    expect(socket.log).toContain(`in use: ${one?.database.socket}`);
    await asRoot('SELECT 1');
  });

  test('who begins with a database that is away, then with a wrong password, reads that in the status', async () => {
    await one?.database.stop();
    const early = serve();
    // On a machine that is busy enough the first answer may be that there is none yet.
    const saysOf =
      (text: string) =>
      ({ waitingFor }: SiteStatus): boolean =>
        waitingFor.some((each) => each.startsWith('the database: ') && each.includes(text));
    await early.becomes('waiting for the database', saysOf('ECONNREFUSED'));
    await one?.database.start();
    await early.ready();
    early.kill('SIGTERM');
    expect(await early.ended).toBe(0);

    const wrong = serve({ DUARA_DATABASE_URL: `mysql://duara:wrong@127.0.0.1:${one?.database.port}` });
    await wrong.becomes('refused', saysOf("Access denied for user 'duara'"));
    await wrong.becomes('alarmed', ({ alarms }) => alarms.some(({ code }) => code === 'ER_ACCESS_DENIED_ERROR'));
    // Clients log in with their own accounts; what needs a key is refused.
    const client = await connect();
    expect((await client.query('SELECT 1 AS one'))[0]).toEqual([{ one: 1 }]);
    await expect(client.query("INSERT INTO note (word) VALUES ('x')")).rejects.toMatchObject({ sqlState: 'HY000' });
    client.destroy();
  });

  test('is answered though the database hangs, and Duara ends though it does', async () => {
    const site = serve({ DUARA_PROXY_DRAIN_SECONDS: '1' });
    await site.ready();
    process.kill(one?.database.pid ?? 0, 'SIGSTOP');
    try {
      const hung = await site.becomes('told', ({ database }) => !database.reachable);
      expect(hung.waitingFor.join()).toContain('the database: it has not answered for 2 s');
      expect((await fetch(`${admin()}/readyz`)).status).toBe(503);
      const metrics = await (await fetch(`${admin()}/metrics`)).text();
      expect(metrics).toContain('\nduara_ready 0\n');
      expect(metrics).not.toMatch(/^duara_capture_lag_seconds /m);
      site.kill('SIGTERM');
      expect(await site.ended).toBe(0);
    } finally {
      process.kill(one?.database.pid ?? 0, 'SIGCONT');
    }
  });

  test.each([
    ['incarnation.json', '{ "scope": '],
    ['leased-blocks.json', 'null'],
    ['keys.json', '{"v":1}\n'],
  ])(
    'is told the name of a state file that is damaged (%s), and that it is mended without a restart',
    async (name, text) => {
      const first = serve();
      await first.ready();
      const narrow = await connect();
      await narrow.query('CREATE TABLE IF NOT EXISTS day (id INT AUTO_INCREMENT PRIMARY KEY, word VARCHAR(50))');
      await narrow.query("INSERT INTO day (word) VALUES ('leases')");
      await narrow.end();
      first.kill('SIGTERM');
      expect(await first.ended).toBe(0);

      const file = join(data(), name);
      const before = readFileSync(file);
      writeFileSync(file, text);
      const second = serve();
      const told = await second.becomes('alarmed', ({ alarms }) =>
        alarms.some(({ message }) => message.includes(file)),
      );
      expect(told.ready).toBe(false);
      expect(told.threadRestarts).toBe(0);
      writeFileSync(file, before);
      await second.ready();
    },
  );

  test('sees that capture has stopped, and why, not that it is behind', async () => {
    const site = serve();
    await site.ready();
    await asRoot(
      "SET SESSION binlog_format = 'STATEMENT'",
      "INSERT INTO app.note (id, word) VALUES (1, 'as a statement')",
    );
    const stopped = await site.becomes('stopped', ({ replication }) => replication?.phase === 'stopped');
    expect(stopped.replication?.capture?.running).toBe(false);
    expect(stopped.waitingFor.join()).toMatch(/replication: capture stopped: .*replicate\.skipGtids/);
    const [, gtid = ''] = /capture stopped: (\d+-\d+-\d+) was logged/.exec(stopped.waitingFor.join()) ?? [];
    site.kill('SIGTERM');
    await site.ended;
    // What the alarm says helps.
    const again = serve({ DUARA_REPLICATE_SKIP_GTIDS: `[${gtid}]` });
    await again.ready();
    again.kill('SIGTERM');
    expect(await again.ended).toBe(0);
  });

  test('who starts the server again with a setting that hides changes is told, and needs no other start once it is right', async () => {
    const site = serve();
    await site.ready();
    // As new sessions find it when the server comes back; those that are there ended with it.
    await asRoot("SET GLOBAL binlog_row_image = 'MINIMAL'");
    const root = await createConnection({ socketPath: one?.database.socket ?? '', user: 'root' });
    const [readers] = await root.query(
      "SELECT id FROM information_schema.processlist WHERE command LIKE 'Binlog Dump%'",
    );
    for (const { id } of readers as { id: number }[]) await root.query(`KILL ${id}`);
    await root.end();
    const told = await site.becomes('told', ({ replication }) => replication?.phase === 'stopped');
    expect(told.waitingFor.join()).toContain('binlog_row_image is MINIMAL, not FULL');
    expect(told.alarms).toContainEqual(expect.objectContaining({ code: 'DUARA_SERVER_NOT_READY' }));
    await asRoot("SET GLOBAL binlog_row_image = 'FULL'");
    const again = await site.ready();
    expect(again.replication?.reason).toBeNull();
  });

  test('who names a schema that is not there is told: nothing of it would replicate', async () => {
    const site = serve({ DUARA_REPLICATE_SCHEMAS: '[app, App]' });
    const { alarms } = await site.becomes('alarmed', (status) =>
      status.alarms.some(({ code }) => code === 'DUARA_SCHEMA_MISSING'),
    );
    const missing = alarms.filter(({ code }) => code === 'DUARA_SCHEMA_MISSING').map(({ message }) => message);
    expect(missing).toEqual([expect.stringContaining('replicate.schemas names App, ')]);
  });

  test('may write the log where no room is: the site goes on', async () => {
    const site = serve({}, { stderr: openSync('/dev/full', 'w') });
    await site.ready();
    site.kill('SIGHUP');
    const client = await connect();
    await client.query("INSERT INTO note (word) VALUES ('without a log')");
    await client.end();
    site.kill('SIGTERM');
    expect(await site.ended).toBe(0);
  });

  test('sees it end in order though its key marks cannot be written any more', async () => {
    const site = serve();
    await site.ready();
    // As a full disk would: nothing can be opened there.
    const inTheWay = join(data(), 'keys.json.tmp');
    mkdirSync(inTheWay);
    site.kill('SIGTERM');
    expect(await site.ended).toBe(0);
    expect(site.log).toContain('the key marks stay as they were');
    rmSync(inTheWay, { recursive: true });
    const again = serve();
    await again.ready();
    const client = await connect();
    await client.query("INSERT INTO note (word) VALUES ('after it')");
    await client.end();
  });

  test('sees keys of narrow columns refused for the file that cannot be written, and given once it can', async () => {
    const site = serve();
    await site.ready();
    const inTheWay = join(data(), 'leased-blocks.json.new');
    mkdirSync(inTheWay);
    const client = await connect();
    await client.query('CREATE TABLE week (id INT AUTO_INCREMENT PRIMARY KEY, word VARCHAR(50))');
    const insert = (): Promise<unknown> => client.query("INSERT INTO week (word) VALUES ('leases')");
    await expect(insert()).rejects.toThrow('leased-blocks.json cannot be written');
    rmSync(inTheWay, { recursive: true });
    await until(
      () =>
        insert().then(
          () => true,
          () => false,
        ),
      60_000,
      () => 'it is refused for good',
    );
    await client.end();
  });

  test('finds a new data folder closed to others, and the socket for clients open to them', async () => {
    const folder = join(one?.dir ?? '', 'fresh', 'data');
    const socket = join(one?.dir ?? '', 'clients.sock');
    const secretFile = join(data(), 'ring.key');
    const configFile = configured(({ ring, proxy }) => {
      Object.assign(ring ?? {}, { secretFile });
      Object.assign(proxy ?? {}, { socket });
    });
    const site = serve({ DUARA_DATA: folder }, { configFile });
    await site.becomes('answering', () => true);
    expect((statSync(folder).mode & 0o777).toString(8)).toBe('700');
    expect((statSync(socket).mode & 0o777).toString(8)).toBe('777');
    site.kill('SIGKILL');
    await site.ended;
    // What a kill left is no hindrance.
    const again = serve({ DUARA_DATA: folder }, { configFile });
    await again.becomes('answering', () => true);
    again.kill('SIGTERM');
    expect(await again.ended).toBe(0);
    rmSync(folder, { recursive: true });
  });
});
