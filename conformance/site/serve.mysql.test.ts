import { type ChildProcess, spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createConnection } from 'mysql2/promise';
import { findServer } from '../../site/lab/find-server';
import { duara, until } from '../lab/lab-process';
import { OneSite } from './one-site';

const binary = findServer();

(binary === null ? describe.skip : describe)('duara serve', () => {
  const one = binary === null ? null : new OneSite(binary, false);
  const children: ChildProcess[] = [];

  beforeAll(async () => {
    if (binary !== null) await one?.prepare(binary, false);
  });

  afterAll(async () => {
    for (const child of children) child.kill('SIGKILL');
    await one?.dispose();
  });

  function serve(env: NodeJS.ProcessEnv = {}): {
    child: ChildProcess;
    ended: Promise<number | null>;
    log: () => string;
  } {
    const main = join(__dirname, '../../site/main.js');
    const child = spawn(process.execPath, [main, 'serve', '-c', one?.configFile ?? ''], {
      env: { ...process.env, ...env },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    children.push(child);
    let log = '';
    child.stderr?.setEncoding('utf8').on('data', (text: string) => (log += text));
    return { child, ended: new Promise((resolve) => child.once('close', resolve)), log: () => log };
  }

  test('refuses a server that may lose commits, and says what to change', async () => {
    const run = serve();
    expect(await run.ended).toBe(1);
    expect(run.log()).toContain('sync_binlog is 0');
    expect(run.log()).toContain('SET GLOBAL innodb_flush_log_at_trx_commit=1');
  });

  test('exits with 2 for a configuration that is wrong, and names its line', async () => {
    const file = join(one?.dir ?? '', 'wrong.yaml');
    writeFileSync(file, 'site: x\nproxi: {}\n');
    const run = await duara(['serve', '-c', file]);
    expect(run.code).toBe(2);
    expect(run.stderr).toContain('wrong.yaml:2: proxi: unknown key; did you mean proxy?');
  });

  test('runs under its environment, keeps its data folder to itself, logs JSON, and ends in order', async () => {
    const first = serve({ DUARA_DATABASE_ALLOW_UNSAFE: 'true' });
    const admin = `http://127.0.0.1:${one?.ports.admin}`;
    await until(
      async () => (await fetch(`${admin}/readyz`).catch(() => null))?.ok === true,
      30_000,
      () => `not ready:\n${first.log()}`,
    );
    const second = serve({ DUARA_DATABASE_ALLOW_UNSAFE: 'true' });
    expect(await second.ended).toBe(1);
    expect(second.log()).toContain(`in use by process ${first.child.pid}`);

    const client = await createConnection(one?.proxyAccount ?? {});
    await client.query('SELECT 1');
    await client.end();
    first.child.kill('SIGTERM');
    expect(await first.ended).toBe(0);
    const lines = first.log().trim().split('\n');
    const messages = lines.map((line) => JSON.parse(line) as { msg: string; site: string });
    expect(messages.every(({ site }) => site === 'only')).toBe(true);
    expect(messages.at(-1)?.msg).toBe('ended');
  });
});
