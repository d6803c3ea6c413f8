import type { Worker } from 'node:worker_threads';
import { createConnection } from 'mysql2/promise';
import pino from 'pino';
import type { TableVersions } from '../../proxy/cache/table-versions';
import { loadConfig } from '../../site/config/load';
import { findServer } from '../../site/lab/find-server';
import { threadNice } from '../../site/niceness';
import { Site } from '../../site/wiring';
import { threadNices } from '../bench/process-usage';
import { until } from '../lab/lab-process';
import { OneSite } from './one-site';

const binary = findServer();
const ordinary = threadNice();

(binary === null ? describe.skip : describe)('when the replication thread dies', () => {
  const one = binary === null ? null : new OneSite(binary, false);
  let site: Site;

  beforeAll(async () => {
    if (binary === null || one === null) return;
    await one.prepare(binary, true);
    site = await Site.start(loadConfig(one.configFile, {}), pino({ level: 'silent' }));
    await becomesReady();
  });

  afterAll(async () => {
    await site?.close();
    await one?.dispose();
    expect(threadNice()).toBe(ordinary);
  });

  async function becomesReady(): Promise<void> {
    let waitingFor: readonly string[] = [];
    await until(
      async () => (waitingFor = (await site.status()).waitingFor).length === 0,
      30_000,
      () => `still waiting for ${waitingFor.join(', ')}`,
    );
  }

  test('clients go on, nothing is cached meanwhile, and capture resumes where it was', async () => {
    const client = await createConnection(one?.proxyAccount ?? {});
    await client.query('CREATE TABLE note (id BIGINT AUTO_INCREMENT PRIMARY KEY, word TEXT)');
    await client.query("INSERT INTO note (word) VALUES ('before')");
    await until(
      async () => (await site.status()).replication?.capture?.localSeq === '1',
      10_000,
      () => 'the insert was not captured',
    );

    // The one that relays, where it may be more urgent; what it starts is not.
    const urgent = (): number => threadNices(process.pid).filter((nice) => nice < ordinary).length;
    const before = urgent();
    const { host, versions } = site as unknown as { host: { worker: Worker }; versions: TableVersions };
    await host.worker.terminate();
    // Asked of the board: the status waits for the database's answer, and the next thread may be running by then.
    expect(versions.captureHealthy()).toBe(false);
    await client.query("INSERT INTO note (word) VALUES ('while it was dead')");

    await becomesReady();
    const status = await site.status();
    expect(status.threadRestarts).toBe(1);
    expect(urgent()).toBe(before);
    expect(status.alarms.map(({ code }) => code)).toContain('DUARA_REPLICATION_DIED');
    await client.query("INSERT INTO note (word) VALUES ('after')");
    await until(
      async () => (await site.status()).replication?.capture?.localSeq === '3',
      10_000,
      () => 'what was written while the thread was dead did not become a change set',
    );
    const [rows] = await client.query('SELECT word FROM note ORDER BY id');
    expect(rows).toEqual([{ word: 'before' }, { word: 'while it was dead' }, { word: 'after' }]);
    await client.end();
  });

  test('foreign keys that cascade are an alarm, plain ones are not', async () => {
    const client = await createConnection(one?.proxyAccount ?? {});
    await client.query('CREATE TABLE parent (id BIGINT PRIMARY KEY)');
    await client.query(
      'CREATE TABLE kept (id BIGINT PRIMARY KEY, p BIGINT, CONSTRAINT plain FOREIGN KEY (p) REFERENCES parent (id))',
    );
    await client.query(
      'CREATE TABLE child (id BIGINT PRIMARY KEY, p BIGINT, CONSTRAINT gone FOREIGN KEY (p) REFERENCES parent (id) ON DELETE CASCADE)',
    );
    await client.end();
    let messages: string[] = [];
    await until(
      async () => {
        const { alarms } = await site.status();
        messages = alarms.filter(({ code }) => code === 'DUARA_FOREIGN_KEY_CASCADES').map(({ message }) => message);
        return messages.length > 0;
      },
      10_000,
      () => 'no alarm',
    );
    expect(messages).toEqual([expect.stringContaining('(child.gone)')]);
  });

  test('an insert that went past the proxy is an alarm', async () => {
    const root = await createConnection({ socketPath: one?.database.socket ?? '', user: 'root', database: 'app' });
    await root.query("INSERT INTO note (id, word) VALUES (77, 'past the proxy')");
    await root.end();
    await until(
      async () => (await site.status()).alarms.some(({ code }) => code === 'DUARA_FOREIGN_KEY'),
      10_000,
      () => 'no alarm',
    );
    expect((await site.status()).keys.foreign).toBe('1');
  });
});
