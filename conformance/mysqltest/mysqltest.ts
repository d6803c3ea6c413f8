import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import { findOrInstallServer, type ServerBinary } from '../../site/lab/find-server';
import { available } from '../clients/client-needs';
import { type ComparedTest, compareTest, type Verdict, verdict } from './compared-test';
import { KeptResults, runBasis } from './kept-results';
import { mysqltest } from './mysqltest-program';
import { Rigs } from './rigs';
import { findTests, quickTests, type TestFile } from './test-files';

interface Options {
  readonly parallel: string;
  readonly timeout: string;
  readonly json?: string;
  readonly only?: string;
  readonly output?: string;
  readonly resume?: string;
  readonly cache: boolean;
  readonly quick?: boolean;
}

/** What a complete run has to reach; a selection need not. */
const directPassesWanted = 300;

async function main(): Promise<void> {
  const command = new Command('conformance:mysqltest')
    .description("MariaDB's own tests, direct and through the proxy: what passes direct must pass proxied.")
    .argument('[pattern...]', 'only tests whose names match one of these regular expressions')
    .option('--quick', 'a fixed list, under a minute')
    .option('--only <file>', 'only the tests named in this file, one a line')
    .option('--parallel <n>', 'servers at once', '2')
    .option('--timeout <seconds>', 'the longest a test may take direct', '120')
    .option('--no-cache', 'with the read cache switched off')
    .option('--output <dir>', 'keep what failing tests printed')
    .option('--resume <file>', 'keep each result there, and do not run again what is kept there already')
    .option('--json <file>', 'write the results as JSON too')
    .parse();
  const options = command.opts<Options>();
  const tests = chosen(options, command.args);
  const binary = findOrInstallServer((line) => process.stderr.write(`${line}\n`));
  if (!available(mysqltest)) throw new Error(`install ${mysqltest.packages.join(' ')}`);
  const kept = keptResults(options, binary);
  const done = (kept?.results ?? []).filter(({ name }) => tests.some((test) => test.name === name));
  const left = tests.filter(({ name }) => !done.some((result) => result.name === name));
  if (done.length > 0) process.stdout.write(`${done.length} tests were run before, ${left.length} are left\n`);
  const results = [...done, ...(await runAll(left, binary, kept, options))];
  const complete = options.quick !== true && options.only === undefined && command.args.length === 0;
  report(results, complete, options.json);
}

function chosen(options: Options, args: readonly string[]): TestFile[] {
  const patterns = args.map((pattern) => new RegExp(pattern));
  let names: ReadonlySet<string> | null = null;
  if (options.quick === true) names = new Set(quickTests);
  if (options.only !== undefined) names = new Set(readFileSync(options.only, 'utf8').split('\n'));
  return findTests().filter(
    ({ name }) =>
      (names === null || names.has(name)) && (patterns.length === 0 || patterns.some((pattern) => pattern.test(name))),
  );
}

function keptResults({ resume, cache, timeout }: Options, { version }: ServerBinary): KeptResults | null {
  return resume === undefined ? null : KeptResults.open(resume, runBasis(cache, Number(timeout), version));
}

async function runAll(
  tests: readonly TestFile[],
  binary: ServerBinary,
  kept: KeptResults | null,
  options: Options,
): Promise<ComparedTest[]> {
  const queue = [...tests];
  const results: ComparedTest[] = [];
  const root = mkdtempSync(join(tmpdir(), 'duara-mtr-'));
  const worker = async (index: number): Promise<void> => {
    const rigs = new Rigs(binary, join(root, String(index)), options.cache);
    for (let test = queue.shift(); test !== undefined; test = queue.shift()) {
      const result = await compareTest(test, await rigs.rigFor(test), Number(options.timeout));
      results.push(result);
      kept?.add(result);
      process.stdout.write(`${line(result)}\n`);
      if (options.output !== undefined) keepOutput(options.output, result);
    }
    await rigs.stop();
  };
  try {
    await Promise.all(Array.from({ length: Number(options.parallel) }, (_, index) => worker(index)));
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
  return results;
}

function line(result: ComparedTest): string {
  const { name, direct, proxied, note, tries } = result;
  const times =
    direct === null ? '' : ` (${direct.milliseconds} ms, proxied ${proxied?.milliseconds ?? '–'} ms, ${tries} tries)`;
  return `${name}: ${verdict(result)}${note === null ? '' : `: ${note}`}${times}`;
}

function keepOutput(folder: string, { name, direct, proxied }: ComparedTest): void {
  mkdirSync(folder, { recursive: true });
  for (const [where, outcome] of Object.entries({ direct, proxied })) {
    if (outcome === null || outcome.result === 'passed' || outcome.result === 'skipped') continue;
    writeFileSync(join(folder, `${name.replaceAll('/', '_')}.${where}`), outcome.output, 'latin1');
  }
}

function report(results: readonly ComparedTest[], complete: boolean, json: string | undefined): void {
  const counts = new Map<Verdict, number>();
  for (const result of results) counts.set(verdict(result), (counts.get(verdict(result)) ?? 0) + 1);
  const count = (wanted: Verdict): number => counts.get(wanted) ?? 0;
  const direct = count('passed') + count('explained') + count('differs');
  const differing = results.filter((result) => verdict(result) === 'differs');
  process.stdout.write(
    `\n${results.length} tests: ${direct} pass direct; of these ${count('passed')} pass proxied, ${count('explained')} differ for an ` +
      `explained reason, ${differing.length} differ; ${count('not direct')} fail direct, ${count('not run')} not run\n`,
  );
  for (const { name, note } of differing) process.stdout.write(`differs: ${name} ${note ?? ''}\n`);
  if (json !== undefined) writeFileSync(json, `${JSON.stringify(results, null, 1)}\n`);
  const enough = complete ? direct >= directPassesWanted : direct > 0;
  if (!enough || differing.length > 0) process.exitCode = 1;
}

main().catch((error: unknown) => {
  process.stderr.write(`conformance:mysqltest failed: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
});
