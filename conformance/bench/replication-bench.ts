import { Command } from 'commander';
import type { Connection, RowDataPacket } from 'mysql2/promise';
import { LabProcess, until } from '../lab/lab-process';
import { percentile, report } from './report';

interface Options {
  readonly quick?: boolean;
  readonly json?: string;
}

async function main(): Promise<void> {
  const options = new Command('bench:replication')
    .description(
      'Delay from commit at A to visible at B, and change sets per second while a site catches up after a cut.',
    )
    .option('--quick', 'fewer writes, under a minute')
    .option('--json <file>', 'write the table as JSON too')
    .parse()
    .opts<Options>();
  const lab = await LabProcess.start();
  try {
    for (const { name } of lab.sites) {
      const client = await lab.connect(name);
      await client.query('CREATE TABLE bench_post (id BIGINT AUTO_INCREMENT PRIMARY KEY, body TEXT NOT NULL)');
      await client.end();
    }
    const delays = await commitToVisible(lab, options.quick === true ? 200 : 1000);
    const catchUp = await catchingUp(lab, options.quick === true ? 4_000 : 40_000);
    report(
      'replication between three durable sites on loopback',
      [
        { figure: 'commit at A to visible at B, p50', value: percentile(delays, 0.5).toFixed(2), unit: 'ms' },
        { figure: 'commit at A to visible at B, p99', value: percentile(delays, 0.99).toFixed(2), unit: 'ms' },
        { figure: 'catching up at C', value: Math.round(catchUp), unit: 'change sets/s' },
      ],
      options.json,
    );
  } finally {
    await lab.stop();
  }
}

/** Milliseconds from the client's OK at A until B's own server shows the row, polled without pause. */
async function commitToVisible(lab: LabProcess, count: number): Promise<number[]> {
  const a = await lab.connect('a');
  const b = await lab.connectBackend('b');
  const delays: number[] = [];
  for (let i = 0; i < count; i++) {
    const [result] = await a.query(`INSERT INTO bench_post (body) VALUES ('jibu ${i}')`);
    const begin = performance.now();
    const id = String((result as { insertId: string | number }).insertId);
    while (!(await exists(b, id))) if (performance.now() - begin > 30_000) throw new Error(`row ${id} did not reach B`);
    delays.push(performance.now() - begin);
  }
  await Promise.all([a.end(), b.end()]);
  return delays;
}

async function exists(client: Connection, id: string): Promise<boolean> {
  const [rows] = await client.query<RowDataPacket[]>(`SELECT 1 FROM bench_post WHERE id = ${id}`);
  return rows.length > 0;
}

async function countRows(client: Connection): Promise<number> {
  const [rows] = await client.query<RowDataPacket[]>('SELECT COUNT(*) AS n FROM bench_post');
  return Number(rows[0]?.['n']);
}

/** Change sets per second at C from the heal until C has all that A committed while C was cut off. */
async function catchingUp(lab: LabProcess, count: number): Promise<number> {
  await lab.must('cut', 'C');
  const writers = 8;
  await Promise.all(
    Array.from({ length: writers }, async () => {
      const client = await lab.connect('a');
      for (let i = 0; i < count / writers; i++) {
        await client.query(`INSERT INTO bench_post (body) VALUES ('${'neno '.repeat(20)}${i}')`);
      }
      await client.end();
    }),
  );
  const [a, c] = [await lab.connectBackend('a'), await lab.connectBackend('c')];
  const wanted = await countRows(a);
  const before = await countRows(c);
  await lab.must('heal', 'C');
  // From the first row that arrives: the time to reconnect is not the rate of catching up.
  await until(
    async () => (await countRows(c)) > before,
    60_000,
    () => 'C does not catch up',
  );
  const begin = performance.now();
  const first = await countRows(c);
  await until(
    async () => (await countRows(c)) >= wanted,
    300_000,
    () => 'C did not catch up',
  );
  const seconds = (performance.now() - begin) / 1000;
  await Promise.all([a.end(), c.end()]);
  return (wanted - first) / seconds;
}

main().catch((error: unknown) => {
  process.stderr.write(`bench:replication failed: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
});
