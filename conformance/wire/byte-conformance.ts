import { Command } from 'commander';
import { findServer } from '../../site/lab/find-server';
import { report } from '../bench/report';
import type { Difference } from './exchanges/compare-records';
import type { Exchange } from './exchanges/exchange';
import { cutEverywhere } from './exchanges/cut-replay';
import { type ExchangeRig, startExchangeRig, type Transport } from './exchanges/exchange-rig';
import { exchangeGroups } from './exchanges/fixtures/all';

/** `npm run conformance:wire`: what clients say, said to the server and through the proxy; every reply compared. */

interface Flags {
  readonly quick?: boolean;
  readonly everyOffset?: boolean;
  readonly transport?: readonly string[];
  readonly only?: string;
  readonly json?: string;
}

/** On all but the first transport, a quick run takes one exchange in so many. */
const QUICK_STRIDE = 5;
/** Cutting is dearer. */
const QUICK_CUT_STRIDE = 40;
/** Reads up to this length are cut at every byte: of the 33 longer than 4 KiB, all but those of 48 KiB and more. */
const CUT_BYTES = 1 << 15;
/** Longer than any read; each of 64 KiB takes half a minute. */
const CUT_ALL_BYTES = 1 << 20;
/** The column of exchanges that were cut. */
const CUT = 'cut anywhere';

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
  const total = new Map<string, Counts>();
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
      add(total, transport.name, counts);
    }
    const counts = await cutAll(rig, flags, group);
    row[CUT] = cell(counts);
    add(total, CUT, counts);
    rows.push(row);
  }
  rows.push({ exchanges: 'all', ...Object.fromEntries([...total].map(([name, counts]) => [name, cell(counts)])) });
  report('exchanges with the same replies direct and proxied, byte for byte, by transport', rows, flags.json);
  if (!rig.transports.some(({ name }) => name === 'TLS'))
    process.stdout.write('TLS was left out: there is no openssl\n');
  for (const error of rig.site.errors) process.stdout.write(`the proxy failed: ${error}\n`);
  return (
    rig.site.errors.length === 0 && [...total.values()].every(({ same, differing }) => differing === 0 && same > 0)
  );
}

function cutBytes({ everyOffset }: Flags): number {
  return everyOffset === true ? CUT_ALL_BYTES : CUT_BYTES;
}

/** The same exchanges as sessions heard them, heard again with each read cut at each byte. */
async function cutAll(rig: ExchangeRig, flags: Flags, group: readonly Exchange[]): Promise<Counts> {
  const counts: Counts = { same: 0, differing: 0 };
  const named = chosen(flags, group, true).filter(({ large }) => large !== true);
  for (const exchange of named.filter((_, index) => flags.quick !== true || index % QUICK_CUT_STRIDE === 0)) {
    const heard = await rig.hear(exchange);
    const { differing } = flags.quick === true ? cutEverywhere(heard) : cutEverywhere(heard, cutBytes(flags));
    for (const line of differing.slice(0, 5)) process.stdout.write(`\n${CUT}: ${exchange.name}\n  ${line}\n`);
    counts[differing.length === 0 ? 'same' : 'differing'] += 1;
  }
  return counts;
}

function add(total: Map<string, Counts>, name: string, { same, differing }: Counts): void {
  const sum = total.get(name) ?? { same: 0, differing: 0 };
  total.set(name, { same: sum.same + same, differing: sum.differing + differing });
}

function cell({ same, differing }: Counts): string {
  return differing === 0 ? `${same}` : `${same} of ${same + differing}`;
}

function command(): Command {
  return new Command('conformance:wire')
    .description(
      'Exchanges of raw packets, said once to a real server and once through the proxy before it: greeting, login and ' +
        'every reply must be the same bytes. Thread ids, scrambles and what else differs honestly is masked by rules ' +
        'that stand with the exchanges. Each is then heard again by a session alone, every read cut at every byte.',
    )
    .option(
      '--quick',
      'no large ones; on all but the first transport one exchange in 5, of the cut ones one in 40, reads above 4 KiB not at every byte',
    )
    .option('--every-offset', 'cut reads of 48 and 64 KiB at every byte too: a quarter of an hour more')
    .option('--transport <names...>', 'only these: tcp, socket, zlib, TLS, "TLS and zlib"')
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
