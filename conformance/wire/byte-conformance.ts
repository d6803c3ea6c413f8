import { Command } from 'commander';
import { findServer } from '../../site/lab/find-server';
import { report } from '../bench/report';
import type { Difference } from './exchanges/compare-records';
import type { Exchange } from './exchanges/exchange';
import { type ExchangeRig, startExchangeRig, type Transport } from './exchanges/exchange-rig';
import { exchangeGroups } from './exchanges/fixtures/all';

/** `npm run conformance:wire`: what clients say, said to the server and through the proxy; every reply compared. */

interface Flags {
  readonly quick?: boolean;
  readonly transport?: readonly string[];
  readonly only?: string;
  readonly json?: string;
}

/** On all but the first transport, a quick run takes one exchange in so many. */
const QUICK_STRIDE = 5;

interface Counts {
  same: number;
  differing: number;
}

function chosen(flags: Flags, group: readonly Exchange[], first: boolean): readonly Exchange[] {
  const { only } = flags;
  const named = only === undefined ? group : group.filter(({ name }) => name.includes(only));
  if (flags.quick !== true) return named;
  return named.filter((exchange, index) => exchange.large !== true && (first || index % QUICK_STRIDE === 0));
}

function told(transport: string, exchange: string, found: readonly Difference[]): string {
  const short = (text: string): string => (text.length > 400 ? `${text.slice(0, 400)} …` : text);
  const lines = found.map(
    ({ step, direct, proxied }) => `  ${step}\n    direct  ${short(direct)}\n    proxied ${short(proxied)}`,
  );
  return `\n${transport}: ${exchange}\n${lines.join('\n')}\n`;
}

/** One failing connection must not end the run. */
async function compared(rig: ExchangeRig, transport: Transport, exchange: Exchange): Promise<readonly Difference[]> {
  try {
    return await rig.compare(transport, exchange);
  } catch (error) {
    return [
      { step: 'the exchange itself', direct: '', proxied: error instanceof Error ? error.message : String(error) },
    ];
  }
}

async function runAll(rig: ExchangeRig, flags: Flags): Promise<boolean> {
  const transports = rig.transports.filter(({ name }) => flags.transport?.includes(name) ?? true);
  const rows: Record<string, string | number>[] = [];
  const total = new Map(transports.map(({ name }) => [name, { same: 0, differing: 0 } satisfies Counts as Counts]));
  for (const [name, group] of Object.entries(exchangeGroups)) {
    const row: Record<string, string | number> = { exchanges: name };
    for (const [index, transport] of transports.entries()) {
      const counts: Counts = { same: 0, differing: 0 };
      for (const exchange of chosen(flags, group, index === 0)) {
        const found = await compared(rig, transport, exchange);
        if (found.length > 0) process.stdout.write(told(transport.name, exchange.name, found));
        counts[found.length === 0 ? 'same' : 'differing'] += 1;
      }
      row[transport.name] = cell(counts);
      const sum = total.get(transport.name);
      if (sum !== undefined) sum.same += counts.same;
      if (sum !== undefined) sum.differing += counts.differing;
    }
    rows.push(row);
  }
  rows.push({ exchanges: 'all', ...Object.fromEntries([...total].map(([name, counts]) => [name, cell(counts)])) });
  report('exchanges with the same replies direct and proxied, byte for byte, by transport', rows, flags.json);
  for (const error of rig.site.errors) process.stdout.write(`the proxy failed: ${error}\n`);
  return (
    rig.site.errors.length === 0 && [...total.values()].every(({ same, differing }) => differing === 0 && same > 0)
  );
}

function cell({ same, differing }: Counts): string {
  return differing === 0 ? `${same}` : `${same} of ${same + differing}`;
}

function command(): Command {
  return new Command('conformance:wire')
    .description(
      'Exchanges of raw packets, said once to a real server and once through the proxy before it: greeting, login and ' +
        'every reply must be the same bytes. Thread ids, scrambles and what else differs honestly is masked by rules ' +
        'that stand with the exchanges.',
    )
    .option('--quick', 'no large ones, and on all but the first transport one exchange in five')
    .option('--transport <names...>', 'only these')
    .option('--only <text>', 'only exchanges whose name has this text')
    .option('--json <file>', 'write the table there');
}

async function main(): Promise<void> {
  const flags = command().parse().opts<Flags>();
  const binary = findServer();
  if (binary === null) throw new Error('no MariaDB or MySQL server was found');
  const rig = await startExchangeRig(binary);
  try {
    if (!(await runAll(rig, flags))) process.exitCode = 1;
  } finally {
    await rig.stop();
  }
}

if (require.main === module) void main();
