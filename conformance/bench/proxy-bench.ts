import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { Command } from 'commander';
import { type LabSite, LabProcess } from '../lab/lab-process';
import type { Target } from './lean-client';
import { median, report } from './report';
import { type Workload, rowsInTable, tableName } from './workloads';

interface Options {
  readonly quick?: boolean;
  readonly json?: string;
  readonly rounds: string;
  readonly clients: string;
}

/** One way to reach the database, measured in turn with the others. */
interface Variant {
  readonly name: string;
  readonly target: Target;
  /** The variant this one is a share of, in the same round. */
  readonly direct: string;
}

const workloads: readonly Workload[] = ['point-selects', 'php-page'];

async function main(): Promise<void> {
  const options = new Command('bench:proxy')
    .description(
      'Throughput direct, through Duara without cache and with it, in turn; medians of rounds as shares of direct.',
    )
    .option('--quick', 'three short rounds, under a minute')
    .option('--rounds <n>', 'rounds', '5')
    .option('--clients <n>', 'connections at once', '8')
    .option('--json <file>', 'write the table as JSON too')
    .parse()
    .opts<Options>();
  const cached = await LabProcess.start(['--sites', '1']);
  // The same program with its cache switched off, on a server of its own.
  const uncached = await LabProcess.start(['--sites', '1', '--no-cache']);
  const worker = fork(join(__dirname, 'load-worker.js'));
  try {
    for (const lab of [cached, uncached]) await fill(lab);
    const variants = [...variantsOf(uncached, 'uncached'), ...variantsOf(cached, 'cached')];
    const rows: Record<string, string | number>[] = [];
    for (const workload of workloads) rows.push(...(await measure(worker, workload, variants, options)));
    report('proxy throughput (median per second, and share of direct in the same round)', rows, options.json);
  } finally {
    worker.kill();
    await Promise.all([cached.stop(), uncached.stop()]);
  }
}

async function fill(lab: LabProcess): Promise<void> {
  const client = await lab.connect('a');
  await client.query(
    `CREATE TABLE ${tableName} (id BIGINT PRIMARY KEY, title VARCHAR(100) NOT NULL, body TEXT NOT NULL)`,
  );
  for (let id = 1; id <= rowsInTable; id += 500) {
    const rows = Array.from({ length: 500 }, (_, i) => `(${id + i}, 'Somo la ${id + i}', '${'maneno '.repeat(20)}')`);
    await client.query(`INSERT INTO ${tableName} VALUES ${rows.join(',')}`);
  }
  await client.end();
}

function variantsOf(lab: LabProcess, name: string): Variant[] {
  const site: LabSite = lab.site('a');
  const direct = `direct (${name})`;
  return [
    { name: direct, target: { ...site.mysql, host: '127.0.0.1', port: site.backend.port }, direct },
    { name: `Duara ${name}`, target: site.mysql, direct },
  ];
}

async function measure(
  worker: ChildProcess,
  workload: Workload,
  variants: readonly Variant[],
  options: Options,
): Promise<Record<string, string | number>[]> {
  const rounds = options.quick === true ? 3 : Number(options.rounds);
  const seconds = options.quick === true ? 1.5 : 5;
  const rates = new Map<string, number[]>(variants.map(({ name }) => [name, []]));
  // Round 0 warms every variant up and is not counted.
  for (let round = 0; round <= rounds; round++) {
    for (const { name, target } of variants) {
      worker.send({
        workload,
        target,
        clients: Number(options.clients),
        seconds: round === 0 ? 0.5 : seconds,
        seed: round,
      });
      const [answer] = (await once(worker, 'message')) as [{ count: number; error?: string }];
      if (answer.error !== undefined) throw new Error(`${name}: ${answer.error}`);
      if (round > 0) rates.get(name)?.push(answer.count / seconds);
    }
  }
  return variants.map(({ name, direct }) => {
    const own = rates.get(name) ?? [];
    const base = rates.get(direct) ?? [];
    const shares = own.map((rate, i) => rate / (base[i] ?? Number.NaN));
    return {
      workload,
      variant: name,
      'per second': Math.round(median(own)),
      'share of direct': median(shares).toFixed(2),
      'lowest share': Math.min(...shares).toFixed(2),
      'highest share': Math.max(...shares).toFixed(2),
    };
  });
}

main().catch((error: unknown) => {
  process.stderr.write(`bench:proxy failed: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
});
