import { Command } from 'commander';
import { findServer } from '../../site/lab/find-server';
import { report } from '../bench/report';
import { wholeNumberFrom } from '../whole-number';
import { type InsertFinding, runInserts } from './insert-run';

/** `npm run conformance:keys`: INSERT statements of all forms, direct and proxied, compared modulo the keys. */

const FULL = 100_000;
const QUICK = 1_500;

interface Flags {
  readonly seed: number;
  readonly count?: number;
  readonly quick?: boolean;
  readonly otherThread?: boolean;
  readonly jumps?: boolean;
  readonly json?: string;
}

const wholeNumber = wholeNumberFrom(0);

function told({ statement, step, wrong }: InsertFinding): string {
  const values = step.executions === null ? '' : `\n    executed with ${JSON.stringify(step.executions)}`;
  return `statement ${statement} (${step.form}): ${step.sql.slice(0, 4_000)}${values}\n  - ${wrong.slice(-6).join('\n  - ')}\n`;
}

async function main(flags: Flags): Promise<boolean> {
  const binary = findServer();
  if (binary?.flavour !== 'mariadb') {
    process.stderr.write('a MariaDB server is needed: apt-get install mariadb-server, or name one in MYSQLD\n');
    return false;
  }
  const statements = flags.count ?? (flags.quick === true ? QUICK : FULL);
  const started = performance.now();
  const progress = (done: number, keys: number): void => {
    const told = `${done} of ${statements} statements, ${keys} keys`;
    if (process.stderr.isTTY) process.stderr.write(`\r${told}`);
    else if (done % 5_000 === 0) process.stderr.write(`${told}\n`);
  };
  const restartEvery = Math.max(100, Math.floor(statements / 40));
  const { seed, otherThread = false, jumps = false } = flags;
  const result = await runInserts(binary, { seed, statements, restartEvery, otherThread, jumps, progress });
  const rows = [...result.forms].sort(([a], [b]) => (a < b ? -1 : 1));
  const seconds = Math.round((performance.now() - started) / 1000);
  report(
    `INSERT statements direct and proxied, seed ${flags.seed}`,
    [
      ...rows.map(([form, { count, failed }]) => ({ form, statements: count, 'failed alike': failed })),
      {
        form: 'all',
        statements: result.statements,
        'failed alike': rows.reduce((sum, [, { failed }]) => sum + failed, 0),
      },
    ],
    flags.json,
  );
  if (result.explained.size > 0) process.stdout.write('\nexplained differences, not counted as such:\n');
  for (const [{ name, why }, count] of result.explained) process.stdout.write(`- ${count} × ${name}: ${why}\n`);
  for (const finding of result.findings) process.stdout.write(`\n${told(finding)}`);
  process.stdout.write(
    `\n${result.keys} keys compared, ${result.restarts} restarts with a clock that jumped, ${seconds} s, ${result.findings.length} differences\n`,
  );
  if (result.findings.length > 0)
    process.stdout.write(
      `rerun: npm run conformance:keys -- --seed ${seed} --count ${statements}${otherThread ? ' --other-thread' : ''}${jumps ? ' --jumps' : ''}\n`,
    );
  return result.findings.length === 0;
}

const command = new Command('conformance:keys')
  .description(
    'Runs INSERT statements of all forms on twin tables, direct and through the proxy, and compares rows, replies and ' +
      'LAST_INSERT_ID() modulo the key ranges; no key may come twice, over restarts and clock jumps.',
  )
  .option('--seed <n>', 'seed of the statements', wholeNumber, 1)
  .option('--count <n>', `how many statements (${FULL})`, wholeNumber)
  .option('--other-thread', 'clients are relayed by another thread than the one that gives the keys')
  .option('--jumps', 'another session takes keys of the triggers meanwhile: those of a statement jump')
  .option('--quick', `${QUICK} statements, under a minute`)
  .option('--json <file>', 'the table as JSON')
  .action(async (flags: Flags) => {
    process.exitCode = (await main(flags)) ? 0 : 1;
  });

void command.parseAsync();
