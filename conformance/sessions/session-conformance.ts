import { Command, Option } from 'commander';
import { findServer } from '../../site/lab/find-server';
import { report } from '../bench/report';
import { wholeNumberFrom } from '../whole-number';
import { runSessions, toldOf } from './session-run';
import { type SceneName, sceneNames } from './session-scenes';
import { TwinSessions } from './twin-sessions';

/** `npm run conformance:sessions`: random sessions, direct and proxied, byte for byte. */

const FULL = 3_000;
const QUICK = 100;
const LENGTH = 60;

interface Flags {
  readonly seed: number;
  readonly count?: number;
  readonly length: number;
  readonly quick?: boolean;
  readonly json?: string;
  readonly form?: SceneName;
}

async function main(flags: Flags): Promise<boolean> {
  const binary = findServer();
  if (binary?.flavour !== 'mariadb') {
    process.stderr.write('a MariaDB server is needed: apt-get install mariadb-server, or name one in MYSQLD\n');
    return false;
  }
  const { seed, length, form = null } = flags;
  const sequences = flags.count ?? (flags.quick === true ? QUICK : FULL);
  const progress = (done: number, hits: number): void => {
    const line = `${done} of ${sequences} sequences, ${hits} hits`;
    if (process.stderr.isTTY) process.stderr.write(`\r${line}`);
    else if (done % 100 === 0) process.stderr.write(`${line}\n`);
  };
  const twins = await TwinSessions.start(binary);
  try {
    const result = await runSessions(twins, { seed, sequences, length, form, progress });
    const { commands, hits, reused, findings, unsteady, explained } = result;
    const row = { sequences: result.sequences, commands, hits, 'used connections': reused, unsteady: unsteady.length };
    report(`Random sessions direct and proxied, seed ${seed}`, [{ ...row, differing: findings.length }], flags.json);
    for (const [{ name, why }, count] of explained) process.stdout.write(`explained, ${count} ×: ${name}: ${why}\n`);
    for (const { sequence, at, direct, proxied } of unsteady.slice(0, 3)) {
      const commands = sequence.commands.slice(Math.max(0, at - 6), at + 1);
      const last = toldOf({ sequence: { ...sequence, commands }, at, direct, proxied });
      process.stdout.write(`\nnot the same each time; the last commands before it\n${last}\n`);
    }
    for (const finding of findings) {
      const again = `npm run conformance:sessions -- --count 1 --length ${length} --seed ${finding.sequence.seed}${form === null ? '' : ` --form ${form}`}`;
      process.stdout.write(`\n${toldOf(finding)}\n  rerun: ${again}\n`);
    }
    for (const error of twins.errors) process.stdout.write(`the proxy failed: ${error}\n`);
    return findings.length === 0 && twins.errors.length === 0;
  } finally {
    await twins.stop();
  }
}

const command = new Command('conformance:sessions')
  .description(
    'Random sequences of commands of two or three sessions, said once to a real server and once through the proxy before ' +
      'it, with its cache and its used connections: every reply must be the same bytes. Of what differs the sequence is ' +
      'made as short as it goes, and printed.',
  )
  .option('--seed <n>', 'what is said', wholeNumberFrom(-0x80000000), Math.floor(Math.random() * 1e6))
  .option('--count <n>', `sequences; default ${FULL}. One: of just this seed`, wholeNumberFrom(1))
  .option('--length <n>', 'commands of each, about', wholeNumberFrom(1), LENGTH)
  .addOption(new Option('--form <name>', 'beside what all sequences do, this only').choices(sceneNames))
  .option('--quick', `${QUICK} sequences`)
  .option('--json <file>', 'write the table there');

if (require.main === module) {
  void main(command.parse().opts<Flags>()).then((good) => {
    if (!good) process.exitCode = 1;
  });
}
