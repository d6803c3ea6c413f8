import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { type Connection, createConnection } from 'mysql2/promise';
import { findServer } from '../../site/lab/find-server';
import { until } from '../lab/lab-process';
import { OneSite } from './one-site';

const binary = findServer();

interface Serve {
  readonly child: ChildProcess;
  readonly ended: Promise<number | null>;
  log(): string;
}

(binary === null ? describe.skip : describe)('duara serve that is told to end', () => {
  const one = binary === null ? null : new OneSite(binary, false);
  const admin = (): string => `http://127.0.0.1:${one?.ports.admin}`;
  const children: ChildProcess[] = [];

  beforeAll(async () => {
    if (binary === null || one === null) return;
    await one.prepare(binary, true);
    const root = await createConnection({ socketPath: one.database.socket, user: 'root' });
    await root.query('CREATE TABLE app.post (id BIGINT AUTO_INCREMENT PRIMARY KEY, v INT)');
    await root.end();
  });
  afterAll(async () => {
    for (const child of children) child.kill('SIGKILL');
    await one?.dispose();
  });

  async function serve(env: NodeJS.ProcessEnv): Promise<Serve> {
    const main = join(__dirname, '../../site/main.js');
    const child = spawn(process.execPath, [main, 'serve', '-c', one?.configFile ?? ''], {
      env: { ...process.env, ...env },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    children.push(child);
    let text = '';
    child.stderr?.setEncoding('utf8').on('data', (part: string) => (text += part));
    const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
    const log = (): string => text;
    await until(
      async () => (await fetch(`${admin()}/readyz`).catch(() => null))?.ok === true,
      60_000,
      () => `not ready:\n${text}`,
    );
    return { child, ended, log };
  }

  async function inTransaction(): Promise<Connection> {
    const db = await createConnection(one?.proxyAccount ?? {});
    db.on('error', () => {});
    await db.query('BEGIN');
    await db.query('INSERT INTO post (v) VALUES (1)');
    return db;
  }

  const draining = (): Promise<boolean> =>
    fetch(`${admin()}/readyz`).then(async (reply) => reply.status === 503 && (await reply.text()).includes('it ends'));

  test('says it is not ready, takes nobody new, lets transactions commit, and ends in order', async () => {
    const run = await serve({ DUARA_PROXY_DRAIN_SECONDS: '60', DUARA_PROXY_MAX_CONNECTIONS: '1' });
    const db = await inTransaction();
    await expect(createConnection(one?.proxyAccount ?? {})).rejects.toMatchObject({ errno: 1040 });
    run.child.kill('SIGTERM');
    await until(draining, 20_000, () => 'it says that it is ready');
    await expect(createConnection(one?.proxyAccount ?? {})).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    const metrics = await (await fetch(`${admin()}/metrics`)).text();
    expect(metrics).toContain('duara_proxy_connections_refused_total{reason="limit"} 1');
    await db.query('INSERT INTO post (v) VALUES (2)');
    await db.query('COMMIT');
    expect(await run.ended).toBe(0);
    const messages = run
      .log()
      .trim()
      .split('\n')
      .map((line) => (JSON.parse(line) as { msg: string }).msg);
    expect(messages.at(-1)).toBe('ended');
    expect(messages).not.toContain('sessions had not finished in time, and were cut');
  });

  test('cuts what does not finish in proxy.drainSeconds; the key marks and the data folder are as after any end', async () => {
    const run = await serve({ DUARA_PROXY_DRAIN_SECONDS: '1' });
    await inTransaction();
    run.child.kill('SIGINT');
    expect(await run.ended).toBe(0);
    expect(run.log()).toContain('sessions had not finished in time, and were cut');
    const again = await serve({ DUARA_PROXY_DRAIN_SECONDS: '60' });
    const db = await createConnection(one?.proxyAccount ?? {});
    db.on('error', () => {});
    // What was cut was rolled back; its keys do not come back.
    const [rows] = await db.query('SELECT COUNT(*) AS n, MAX(id) AS last FROM post');
    const [{ n, last }] = rows as [{ n: number; last: number }];
    expect(n).toBe(2);
    const [inserted] = await db.query('INSERT INTO post (v) VALUES (3)');
    expect((inserted as { insertId: number }).insertId).toBeGreaterThan(last + 1);
    await db.query('BEGIN');
    again.child.kill('SIGTERM');
    await until(draining, 20_000, () => 'it says that it is ready');
    again.child.kill('SIGTERM');
    expect(await again.ended).toBe(0);
    expect(again.log()).toContain('a second signal');
  });

  test('a second signal ends it at once though the database hangs', async () => {
    const run = await serve({ DUARA_PROXY_DRAIN_SECONDS: '3600' });
    const db = await inTransaction();
    process.kill(one?.database.pid ?? 0, 'SIGSTOP');
    try {
      db.query('INSERT INTO post (v) VALUES (4)').catch(() => undefined);
      run.child.kill('SIGTERM');
      await until(
        () => run.log().includes('a second signal ends all at once'),
        20_000,
        () => run.log(),
      );
      run.child.kill('SIGTERM');
      expect(await run.ended).toBe(0);
      expect(run.log()).toContain('"msg":"ended"');
    } finally {
      process.kill(one?.database.pid ?? 0, 'SIGCONT');
    }
  });
});
