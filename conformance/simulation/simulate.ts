import { writeFileSync } from 'node:fs';
import { Command, Option } from 'commander';
import { wholeNumberFrom } from '../whole-number';
import { simulate, type RunOptions, type RunResult } from './cluster';
import { isMutant, MUTANTS } from './mutants';
import { failureReport, tableHead, tableRow } from './report';

/** `npm run simulate`: many runs, a line each; a failed one is told in words, with the command that repeats it. */

const FAULTY_MS = 180_000;
export const QUICK_FAULTY_MS = 40_000;

interface Flags {
  readonly seed: number;
  readonly runs: number;
  readonly sites: number;
  readonly quick?: boolean;
  readonly faulty?: number;
  readonly json?: string;
  readonly mutant?: string;
}

const wholeNumber = wholeNumberFrom(1);

/** True when every run held its promises. `print`: one line or more of the report. */
export function runAll(flags: Flags, print: (text: string) => void): boolean {
  const results: RunResult[] = [];
  print(tableHead());
  for (let seed = flags.seed; seed < flags.seed + flags.runs; seed++) {
    const mutant = flags.mutant !== undefined && isMutant(flags.mutant) ? flags.mutant : null;
    const faultyMs =
      flags.faulty !== undefined ? flags.faulty * 1000 : flags.quick === true ? QUICK_FAULTY_MS : FAULTY_MS;
    const options: RunOptions = { seed, sites: flags.sites, faultyMs, mutant };
    const result = simulate(options);
    print(tableRow(result));
    if (result.violations.length > 0) print(failureReport(result, options));
    // A trace is long; only of a failed run is it worth keeping.
    results.push(result.violations.length > 0 ? result : { ...result, trace: [] });
  }
  const failed = results.filter(({ violations }) => violations.length > 0);
  print(failed.length === 0 ? `${results.length} runs, all ok` : `${failed.length} of ${results.length} runs failed`);
  if (flags.json !== undefined)
    writeFileSync(flags.json, `${JSON.stringify({ failed: failed.length, runs: results }, null, 2)}\n`);
  return failed.length === 0;
}

export function command(): Command {
  return new Command('simulate')
    .description(
      'Sites with the real ring, merge, gate and codec over model databases, in virtual time and on one thread, under ' +
        'crashes, splits and a bad network; then checks that they converge and that whiteboards are linearizable.',
    )
    .option('--seed <n>', 'seed of the first run', wholeNumber, 1)
    .option('--runs <n>', 'how many runs, each with the next seed', wholeNumber, 20)
    .option('--sites <n>', 'sites of the ring', wholeNumber, 3)
    .option('--quick', `${QUICK_FAULTY_MS / 1000} virtual seconds of faults instead of ${FAULTY_MS / 1000}`)
    .option('--faulty <seconds>', 'virtual seconds of faults, whatever --quick says', wholeNumber)
    .option('--json <file>', 'write all results there')
    .addOption(
      new Option('--mutant <name>', 'break a part on purpose, to see it caught').choices(Object.keys(MUTANTS)),
    );
}

if (require.main === module) {
  const flags = command().parse().opts<Flags>();
  process.exitCode = runAll(flags, (text) => process.stdout.write(`${text}\n`)) ? 0 : 1;
}
