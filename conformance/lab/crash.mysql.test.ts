import type { Connection } from 'mysql2/promise';
import type { RowDataPacket } from 'mysql2';
import { LabProcess, until } from './lab-process';

/** kill -9 of each process in turn, in the middle of a load, with durable settings (G2, G4). */
let lab: LabProcess;
const names = ['a', 'b', 'c'];

beforeAll(async () => {
  lab = await LabProcess.start();
  for (const name of names) {
    const client = await lab.connect(name);
    await client.query(
      'CREATE TABLE ledger (id BIGINT AUTO_INCREMENT PRIMARY KEY, token VARCHAR(40) NOT NULL, part INT NOT NULL, KEY (token))',
    );
    await client.end();
  }
});

afterAll(async () => {
  await lab?.stop();
});

/** Writes two rows a transaction with a token of their own, reconnecting whenever the site is away. */
class Writer {
  readonly attempted = new Set<string>();
  readonly acknowledged = new Set<string>();
  private running = true;
  private readonly done: Promise<void>;

  constructor(private readonly name: string) {
    this.done = this.run();
  }

  private async run(): Promise<void> {
    let client: Connection | null = null;
    for (let n = 0; this.running; n++) {
      const token = `${this.name}-${n}`;
      try {
        client ??= await lab.connect(this.name, { connectTimeout: 60_000 });
        await client.beginTransaction();
        this.attempted.add(token);
        await client.query('INSERT INTO ledger (token, part) VALUES (?, 1)', [token]);
        await client.query('INSERT INTO ledger (token, part) VALUES (?, 2)', [token]);
        await client.commit();
        this.acknowledged.add(token);
      } catch {
        client?.destroy();
        client = null;
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    }
    await client?.end().catch(() => undefined);
  }

  async stop(): Promise<void> {
    this.running = false;
    await this.done;
  }
}

async function tokensAt(name: string): Promise<Map<string, number[]>> {
  const client = await lab.connectBackend(name);
  const [found] = await client.query<RowDataPacket[]>('SELECT token, part FROM ledger ORDER BY token, part');
  await client.end();
  const parts = new Map<string, number[]>();
  for (const row of found) {
    const token = String(row['token']);
    parts.set(token, [...(parts.get(token) ?? []), Number(row['part'])]);
  }
  return parts;
}

const victims: readonly (readonly [string, string, string])[] = [
  ['A', 'duara', 'Duara at an origin'],
  ['C', 'duara', 'Duara at a receiver'],
  ['A', 'database', 'the database at an origin'],
  ['C', 'database', 'the database at a receiver'],
  ['B', 'duara', 'Duara at another origin'],
];

test('nothing acknowledged is lost, nothing doubled, all equal, over ten rounds', async () => {
  const writers = ['a', 'b'].map((name) => new Writer(name));
  const acknowledged = (): number => writers.reduce((sum, writer) => sum + writer.acknowledged.size, 0);
  try {
    for (let round = 0; round < 10; round++) {
      const [site, what, title] = victims[round % victims.length] ?? ['A', 'duara', ''];
      const begin = acknowledged();
      await until(
        () => acknowledged() > begin + 20,
        120_000,
        () => `no progress before killing ${title}:\n${lab.logs()}`,
      );
      await lab.must('kill', site, what);
      await lab.must('start', site);
    }
    const last = writers.map((writer) => writer.acknowledged.size);
    await until(
      () => writers.every((writer, i) => writer.acknowledged.size > (last[i] ?? 0)),
      120_000,
      () => `a writer does not get on after the last round:\n${lab.logs()}`,
    );
  } finally {
    await Promise.all(writers.map((writer) => writer.stop()));
  }
  await lab.agree();
  for (const name of names) {
    const present = await tokensAt(name);
    for (const writer of writers) {
      const missing = [...writer.acknowledged].filter((token) => !present.has(token));
      expect({ name, missing }).toEqual({ name, missing: [] });
    }
    const attempted = new Set(writers.flatMap((writer) => [...writer.attempted]));
    const strange = [...present].filter(([token, parts]) => !attempted.has(token) || parts.join() !== '1,2');
    expect({ name, strange }).toEqual({ name, strange: [] });
  }
}, 600_000);
