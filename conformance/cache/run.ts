import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { findOrInstallServer } from '../../site/lab/find-server';
import { report } from '../bench/report';
import { CachedSite } from './cached-site';
import { checkPhase, type PhaseResult } from './cache-check';
import { type Mutant, MUTANTS, THREADS_MUTANT } from './mutants';

const help = `npm run conformance:cache [-- options]

Readers and writers of every kind at work on one site through the proxy, with rows that arrive from another site, DDL,
and writes around the proxy; each read is checked against what was acknowledged or shown before it was sent. Then the
same with each of four broken rules, which it has to notice.

  --minutes N   how long the unbroken cache is checked (10)
  --seed N      what is done; how it interleaves is the machine's
  --threads N   how many threads relay (1); more: a board for each of them is a rule that is broken too
  --quick       20 seconds instead of the minutes
  --json FILE   the table as JSON too
`;

const QUICK_MS = 20_000;
/** How long a mutant may go unnoticed. */
const MUTANT_MS = 30_000;

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      minutes: { type: 'string', default: '10' },
      seed: { type: 'string' },
      threads: { type: 'string', default: '1' },
      quick: { type: 'boolean', default: false },
      json: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return void process.stdout.write(help);
  const seed = Number(values.seed ?? Math.floor(Math.random() * 1e6));
  const ms = values.quick ? QUICK_MS : Number(values.minutes) * 60_000;
  const binary = findOrInstallServer((line) => void process.stdout.write(`${line}\n`));
  const threads = Number(values.threads);
  const mutants: readonly Mutant[] = threads > 1 ? [...MUTANTS, THREADS_MUTANT] : MUTANTS;
  const site = await CachedSite.start(binary, threads);
  const phases: { readonly mutant: Mutant | null; readonly result: PhaseResult }[] = [];
  try {
    for (const mutant of [null, ...mutants]) {
      const result = await checkPhase(site, { seed, ms: mutant === null ? ms : MUTANT_MS, mutant });
      phases.push({ mutant, result });
      process.stdout.write(
        `${mutant ?? 'as it is'}: ${result.violation ?? `no violation in ${result.seconds.toFixed(1)} s`}\n`,
      );
    }
  } finally {
    await site.stop();
  }
  const rows = phases.map(({ mutant, result: { seconds, reads, writes, hits, violation } }) => ({
    cache: mutant ?? 'as it is',
    seconds: seconds.toFixed(1),
    reads,
    hits,
    writes,
    verdict: (mutant === null) === (violation === null) ? (mutant === null ? 'clean' : 'noticed') : 'FAILED',
  }));
  report(`Cache check, seed ${seed}`, rows, undefined);
  const kinds = Object.entries(phases[0]?.result.kinds ?? {});
  process.stdout.write(`${kinds.map(([kind, count]) => `${kind} ${count}`).join(', ')}\n`);
  for (const error of site.errors) process.stdout.write(`the proxy logged: ${error}\n`);
  const failed = rows.some(({ verdict }) => verdict === 'FAILED') || site.errors.length > 0;
  if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify({ seed, failed, phases }, null, 2)}\n`);
  if (failed) process.stdout.write(`rerun: npm run conformance:cache -- --seed ${seed} --threads ${values.threads}\n`);
  process.exitCode = failed ? 1 : 0;
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  // Servers that were started on the way may still run, and keep us waiting.
  process.exit(1);
});
