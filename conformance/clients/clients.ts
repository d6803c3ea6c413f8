import { Command } from 'commander';
import { findOrInstallServer } from '../../site/lab/find-server';
import { report } from '../bench/report';
import { available } from './client-needs';
import { startClientRig } from './client-rig';
import { clientScripts, type NeededScript } from './client-scripts';
import { compareSession, faults } from './client-session';

interface Options {
  readonly quick?: boolean;
  readonly json?: string;
}

type Row = Record<'client' | 'lines' | 'keys' | 'seconds' | 'result', string | number>;

async function main(): Promise<void> {
  const command = new Command('conformance:clients')
    .description(
      'Real clients, each with its own session, direct and through the proxy; what they print must be the same.',
    )
    .argument('[name...]', 'only clients whose names contain one of these')
    .option('--quick', 'only those that need nothing large (no Java)')
    .option('--json <file>', 'write the table as JSON too')
    .parse();
  const { quick, json } = command.opts<Options>();
  const chosen = clientScripts.filter(
    ({ name, heavy }) =>
      !(quick === true && heavy) && (command.args.length === 0 || command.args.some((part) => name.includes(part))),
  );
  const rig = await startClientRig(findOrInstallServer((line) => process.stderr.write(`${line}\n`)));
  const rows: Row[] = [];
  try {
    for (const script of chosen) rows.push(await row(rig, script));
  } finally {
    await rig.stop();
  }
  for (const error of rig.errors) process.stdout.write(`the proxy failed: ${error}\n`);
  report('clients, direct and through the proxy', rows, json);
  if (rig.errors.length > 0 || rows.some(({ result }) => result !== 'same')) process.exitCode = 1;
}

async function row(rig: Parameters<typeof compareSession>[0], script: NeededScript): Promise<Row> {
  const { name } = script;
  if (!available(script.needs)) {
    const result = `absent: install ${script.needs.packages.join(' ')}`;
    return { client: name, lines: 0, keys: 0, seconds: 0, result };
  }
  const started = performance.now();
  const comparison = await compareSession(rig, script);
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  const found = faults(comparison);
  for (const fault of found.slice(0, 40)) process.stdout.write(`${name}: ${fault}\n`);
  const { lines, keys } = comparison.direct;
  return {
    client: name,
    lines: lines.length,
    keys: keys.length,
    seconds,
    result: found.length === 0 ? 'same' : 'differs',
  };
}

main().catch((error: unknown) => {
  process.stderr.write(`conformance:clients failed: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
});
