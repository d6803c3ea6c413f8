import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { Command, Option } from 'commander';
import { findServer } from '../../site/lab/find-server';
import { wholeNumberFrom } from '../whole-number';
import { type FuzzPhase, type FuzzResult, type FuzzRun, PHASES } from './fuzz-run';
import type { FuzzWorkerData } from './fuzz-worker';
import { grewBy } from './memory-watch';

/** `npm run fuzz:wire`: random and mutated packets from either side; a table of what went through, and what did not hold. */

/** A case that takes longer hangs. */
const HANG_MS = 90_000;

const FULL: Readonly<Record<FuzzPhase, number>> = {
  sql: 2_000_000,
  codecs: 1_000_000,
  session: 10_000_000,
  settings: 1_000_000,
  relogin: 1_000_000,
  sockets: 100_000,
  logins: 100_000,
  server: 20_000,
};
const QUICK_SHARE = 0.02;

interface Flags {
  readonly seed: number;
  readonly case?: number;
  readonly count?: number;
  readonly only?: FuzzPhase;
  readonly quick?: boolean;
  readonly json?: string;
}

const wholeNumber = wholeNumberFrom(0);

/** Runs in a thread of its own, so that one that hangs, or takes all memory, can be told of. */
export function watched(run: FuzzRun, hangMs = HANG_MS): Promise<FuzzResult> {
  const progress = new SharedArrayBuffer(16);
  const at = new Float64Array(progress);
  const workerData: FuzzWorkerData = { run, progress };
  const started = performance.now();
  const worker = new Worker(join(__dirname, 'fuzz-worker.js'), { workerData });
  return new Promise((resolve) => {
    let seen = '';
    let seenMs = performance.now();
    const failed = (message: string): FuzzResult => {
      const seconds = (performance.now() - started) / 1000;
      const { phase, seed } = run;
      const finding = { case: at[0] ?? 0, message };
      return { phase, seed, count: at[1] ?? 0, cases: at[0] ?? 0, seconds, memory: null, finding };
    };
    const timer = setInterval(() => {
      const now = at.join();
      if (now !== seen) seenMs = performance.now();
      seen = now;
      if (performance.now() - seenMs < hangMs) return;
      finish(failed(`nothing moved for ${hangMs / 1000} s`));
      void worker.terminate();
    }, 1_000);
    const finish = (result: FuzzResult): void => {
      clearInterval(timer);
      resolve(result);
    };
    worker.once('message', finish);
    worker.once('error', (error) => finish(failed(error.stack ?? error.message)));
    worker.once('exit', (code) => finish(failed(`the thread ended with ${code}`)));
  });
}

const HEADINGS = [
  'phase',
  'count',
  'cases',
  'seconds',
  'per second',
  'MB at 10 %',
  'MB at 90 %',
  'RSS grew by',
  'result',
];

function row(cells: readonly (string | number)[]): string {
  return cells.map((cell, index) => String(cell).padStart(Math.max(9, HEADINGS[index]?.length ?? 0))).join('  ');
}

function tableRow(result: FuzzResult): string {
  const { phase, count, cases, seconds, memory, finding } = result;
  const megabytes = (bytes: number | undefined): string => (bytes === undefined ? '-' : (bytes / 2 ** 20).toFixed(1));
  const heaps = [memory?.after10Percent.heapBytes, memory?.after90Percent.heapBytes].map(megabytes);
  const rss = memory === null ? undefined : memory.after90Percent.rssBytes - memory.after10Percent.rssBytes;
  const speed = Math.round(count / seconds);
  const verdict = finding === null ? 'ok' : 'FOUND';
  return row([phase, count, cases, seconds.toFixed(1), speed, ...heaps, megabytes(rss), verdict]);
}

/** True when nothing was found. */
async function runAll(flags: Flags, print: (text: string) => void): Promise<boolean> {
  const phases = PHASES.filter((phase) => flags.only === undefined || flags.only === phase);
  const results: FuzzResult[] = [];
  print(`seed ${flags.seed}`);
  print(row(HEADINGS));
  for (const phase of phases) {
    if (phase === 'server' && findServer() === null) {
      print(row([phase, 0, 0, 0, 0, '-', '-', '-', 'skipped: no server']));
      continue;
    }
    const count = flags.count ?? Math.round(FULL[phase] * (flags.quick === true ? QUICK_SHARE : 1));
    const run = { phase, seed: flags.seed, count: flags.case === undefined ? count : 1, from: flags.case ?? 0 };
    const result = await watched(run);
    results.push(result);
    print(tableRow(result));
    if (result.finding === null) continue;
    const again = `npm run fuzz:wire -- --only ${phase} --seed ${flags.seed} --count ${count}`;
    print(`case ${result.finding.case}: ${result.finding.message}\nseed=${flags.seed}, rerun: ${again}`);
  }
  const leaks = results.map(({ memory }) => (memory === null ? 0 : grewBy(memory)));
  const ok = results.every(({ finding }) => finding === null);
  if (flags.json !== undefined)
    writeFileSync(flags.json, `${JSON.stringify({ seed: flags.seed, ok, leaks, results }, null, 2)}\n`);
  return ok;
}

export function command(): Command {
  return new Command('fuzz:wire')
    .description(
      'Random and mutated SQL, packets and recorded exchanges through the proxy: its tokenizer, its decoders, the pure step of its ' +
        'sessions, SETs answered ahead of the server, logins over connections used before, its sockets before a backend that lies, and a real server. Nothing may be thrown, hang, leak, ' +
        'stay in flight, or reach the other side changed.',
    )
    .option('--seed <n>', 'what all choices follow from', wholeNumber, 1)
    .option('--case <n>', 'only this one (of a phase named by --only)', wholeNumber)
    .option('--count <n>', 'texts or packets of each phase', wholeNumber)
    .addOption(new Option('--only <phase>', 'one phase').choices([...PHASES]))
    .option('--quick', `${QUICK_SHARE * 100} % of it`)
    .option('--json <file>', 'write all results there');
}

if (require.main === module) {
  const flags = command().parse().opts<Flags>();
  runAll(flags, (text) => process.stdout.write(`${text}\n`)).then(
    (ok) => (process.exitCode = ok ? 0 : 1),
    (error: unknown) => {
      process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
      process.exitCode = 1;
    },
  );
}
