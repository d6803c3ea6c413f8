import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import type { DatabaseServer } from '../../site/lab/database-server';
import { findOrInstallServer } from '../../site/lab/find-server';
import { moodleDirectory } from '../moodle/recording';
import { BenchSite, backendOf, startDatabase } from './bench-sites';
import {
  allKinds,
  cachedWay,
  classReplay,
  directWay,
  type LessonFigures,
  type ReplaySides,
  type ReplayWay,
} from './class-replay';
import { idleConnections } from './idle-connections';
import { cachingPipe, type Peer, startPeers } from './peers';
import { cpuTime } from './process-usage';
import { type Goal, type Measured, type ProxyWorkload, proxyWorkloads, type VariantName } from './proxy-workloads';
import { median, report } from './report';
import { findProgram, runLoad, type Target } from './sysbench';

interface Options {
  readonly quick?: boolean;
  readonly json?: string;
  readonly rounds?: string;
  readonly seconds?: string;
  readonly clients: string;
  readonly only: readonly string[];
}

/** One way to reach a database. */
interface Variant {
  readonly name: VariantName;
  readonly target: Target;
  /** Of the relay; null: there is none. */
  readonly pid: number | null;
}

type Row = Record<string, string | number>;

const otherParts = ['idle connections', 'Moodle class'];

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

function readOptions(): Options {
  const names = [...proxyWorkloads.map(({ name }) => name), ...otherParts];
  return new Command('bench:proxy')
    .description(
      'Relays side by side: throughput as a share of direct in the same round, CPU of the relay, and what Duara is to ' +
        'reach (exit code 1 when it does not). Variants take turns in every round; figures are medians over the rounds. ' +
        'The load comes from sysbench (C and LuaJIT): it is the standard of the field and brings the read-only and ' +
        'read-write workloads. (A Node client that reads into one buffer used about 20 % less CPU itself.) ' +
        '“one reply from memory” is the bound of what a cache in Node can reach here: it reads nothing. “Node pipe, ' +
        'caches for ever” is that of the Moodle class: a bare pipe that repeats replies by their text, stale or not. ' +
        'PROXYSQL=/path/to/proxysql adds ProxySQL; what is absent is said.',
    )
    .option('--quick', 'one round of one second, fewer variants, no replay: under a minute')
    .option('--rounds <n>', 'rounds (5; quick 1)')
    .option('--seconds <n>', 'whole seconds of each measurement (3; quick 1)')
    .option('--clients <n>', 'connections at once', '8')
    .option(
      '--only <name>',
      `a workload, may be given again: ${names.join('; ')}`,
      (name: string, all: readonly string[]) => [...all, name],
      [] as readonly string[],
    )
    .option('--json <file>', 'write the table as JSON too')
    .parse()
    .opts<Options>();
}

async function main(): Promise<void> {
  const options = readOptions();
  if (findProgram('sysbench', ['sysbench'], say) === null) {
    throw new Error('sysbench not found; run: sudo apt-get install -y sysbench');
  }
  const dir = mkdtempSync(join(tmpdir(), 'duara-bench-'));
  const rows: Row[] = [];
  const goals: Goal[] = [];
  const databases: DatabaseServer[] = [];
  const started: { stop(): Promise<void> }[] = [];
  try {
    const binary = findOrInstallServer(say);
    for (const id of [1, 2, 3]) databases.push(await startDatabase(binary, join(dir, `db${id}`), id));
    const [plain, behindUncached, behindCached] = databases as [DatabaseServer, DatabaseServer, DatabaseServer];
    const uncached = await BenchSite.start(behindUncached, { dir: join(dir, 'uncached'), cacheBytes: '0B' });
    started.push(uncached);
    const cached = await BenchSite.start(behindCached, { dir: join(dir, 'cached'), cacheBytes: '64MB' });
    started.push(cached);
    const peers = await startPeers(dir, backendOf(plain), { quick: options.quick === true, say });
    started.push(...peers);
    const wanted = (name: string): boolean => options.only.length === 0 || options.only.includes(name);
    // First, while the process has done nothing else: what it keeps of other work is not the connections'.
    if (wanted('idle connections')) await idle(cached, rows, goals);
    const variants = variantsOf(plain, peers, uncached, cached);
    const measuresLoad = proxyWorkloads.some(({ name }) => wanted(name));
    const measuresClass = wanted('Moodle class') && options.quick !== true;
    if (measuresLoad) await warmUp([uncached, cached], options);
    else if (measuresClass) await warmUp([cached], options);
    for (const workload of proxyWorkloads) {
      if (!wanted(workload.name)) continue;
      say(`measuring: ${workload.name}`);
      const measured = await measure(workload, variants, options);
      rows.push(...measured.rows);
      goals.push(...measured.goals);
    }
    if (measuresClass) {
      await moodle(
        { direct: plain, relays: classRelays(peers), site: cached, rounds: Number(options.rounds ?? 5) },
        rows,
        goals,
      );
    }
  } finally {
    // Peers and Duara first: a relay whose database goes away would say so at length.
    await Promise.all(started.map((each) => each.stop()));
    await Promise.all(databases.map((each) => each.stop()));
    rmSync(dir, { recursive: true, force: true });
  }
  const reached = goals.map(({ text, reached }) => `${mark(reached)}  ${text}`);
  report(['relays side by side (medians; CPU is the relay’s own)', ''].join('\n'), rows, options.json);
  process.stdout.write(`\n${reached.join('\n')}\n`);
  if (goals.some(({ reached }) => reached === false)) process.exitCode = 1;
}

/**
 * A process that has just started has not compiled its code to the end (seen: a third more CPU per query in the first 100,000
 * queries); it serves for months. One after the other, since two at once on two cores learn half as fast.
 */
async function warmUp(sites: readonly BenchSite[], options: Options): Promise<void> {
  const seconds = options.quick === true ? 2 : 8;
  const scripts =
    options.quick === true ? ['point-selects.lua'] : ['point-selects.lua', 'php-page.lua', 'keyed-inserts.lua'];
  for (const { target } of sites) {
    for (const script of scripts) await runLoad(target, { script, clients: 8, seconds, seed: 1 });
  }
}

function mark(reached: boolean | null): string {
  return reached === null ? 'unknown    ' : reached ? 'reached    ' : 'NOT REACHED';
}

function variantsOf(plain: DatabaseServer, peers: readonly Peer[], uncached: BenchSite, cached: BenchSite): Variant[] {
  return [
    { name: 'direct', target: backendOf(plain), pid: null },
    ...peers.map(({ name, target, pid }) => ({ name: name as VariantName, target, pid })),
    { name: 'Duara, uncached', target: uncached.target, pid: uncached.pid },
    { name: 'Duara, cached', target: cached.target, pid: cached.pid },
  ];
}

/** Figures of one variant, one for each round. */
interface Rounds {
  readonly rates: number[];
  readonly p95s: number[];
  readonly cpus: number[];
  readonly relays: number[];
}

async function measure(
  workload: ProxyWorkload,
  all: readonly Variant[],
  options: Options,
): Promise<{ rows: Row[]; goals: Goal[] }> {
  const quick = options.quick === true;
  const names = quick ? workload.quickVariants : workload.variants;
  const variants = all.filter(({ name }) => names.includes(name));
  const rounds = Number(options.rounds ?? (quick ? 1 : 5));
  const seconds = Number(options.seconds ?? (quick ? 1 : 3));
  const found = new Map<VariantName, Rounds>();
  for (const { name } of variants) found.set(name, { rates: [], p95s: [], cpus: [], relays: [] });
  // Round 0 warms every variant up and is not counted.
  for (let round = quick ? 1 : 0; round <= rounds; round++) {
    for (const { name, target, pid } of variants) {
      const pids = pid === null ? [] : [pid];
      const before = cpuTime(pids);
      const { script, unit } = workload;
      const load = { script, clients: Number(options.clients), seconds, seed: round + 1 };
      const run = await runLoad(target, load);
      if (round === 0) continue;
      const after = cpuTime(pids);
      const units = unit === 'query' ? run.queries : run.events;
      const into = found.get(name);
      into?.rates.push(run.events / run.seconds);
      into?.p95s.push(run.p95Ms);
      into?.cpus.push(((after.total - before.total) / units) * 1e6);
      into?.relays.push(((after.firstThread - before.firstThread) / units) * 1e6);
    }
  }
  return summary(workload, found);
}

function summary(workload: ProxyWorkload, found: ReadonlyMap<VariantName, Rounds>): { rows: Row[]; goals: Goal[] } {
  const direct = found.get('direct')?.rates ?? [];
  const results: Partial<Record<VariantName, Measured>> = {};
  const rows = [...found].map(([name, { rates, p95s, cpus, relays }]) => {
    const shares = rates.map((rate, round) => rate / (direct[round] ?? Number.NaN));
    results[name] = { share: median(shares), cpuMicros: median(cpus), relayMicros: median(relays) };
    return {
      workload: workload.name,
      variant: name,
      'per second': Math.round(median(rates)),
      'share of direct': median(shares).toFixed(2),
      lowest: Math.min(...shares).toFixed(2),
      highest: Math.max(...shares).toFixed(2),
      'p95 ms': median(p95s).toFixed(2),
      [`CPU µs`]: name === 'direct' ? '' : median(cpus).toFixed(1),
      'main thread µs': name === 'direct' ? '' : median(relays).toFixed(1),
      per: workload.unit,
    };
  });
  return { rows, goals: workload.goals(results).map(named(workload.name)) };
}

function named(workload: string): (goal: Goal) => Goal {
  return ({ text, reached }) => ({ text: `${workload}: ${text}`, reached });
}

async function idle(site: BenchSite, rows: Row[], goals: Goal[]): Promise<void> {
  say('measuring: idle connections');
  const megabytes = (bytes: number): number => Math.round(bytes / 1e6);
  const { connections, before, after } = await idleConnections(site.target, site.pid, 5_000);
  rows.push({
    workload: 'idle connections',
    variant: 'Duara, cached',
    'per second': `${connections} open: ${megabytes(after)} MB (${megabytes(before)} MB before)`,
  });
  goals.push({
    text: `${connections} idle connections: whole process ${megabytes(after)} MB < 150 MB`,
    reached: after < 150e6,
  });
}

function classRelays(peers: readonly Peer[]): ReplayWay[] {
  const relays = peers.filter(({ name }) => ['Node pipe, TCP', 'nginx', cachingPipe].includes(name));
  return relays.map(({ name, pid, target: { port } }) =>
    name === cachingPipe ? { name, port, forget: () => void process.kill(pid, 'SIGUSR2') } : { name, port },
  );
}

async function moodle(sides: ReplaySides, rows: Row[], goals: Goal[]): Promise<void> {
  const name = 'Moodle class';
  const dir = moodleDirectory();
  if (dir === null) {
    goals.push({ text: `${name}: no recording here (DUARA_MOODLE names its folder)`, reached: null });
    return;
  }
  say(`measuring: ${name}`);
  for (const lesson of await classReplay(dir, sides)) lessonFigures(`${name}, ${lesson.name}`, lesson, rows, goals);
}

function lessonFigures(name: string, { rounds, compared, stale }: LessonFigures, rows: Row[], goals: Goal[]): void {
  const timesOf = (way: string, kind: string): number[] =>
    rounds.map(({ times }) => times.get(way)?.get(kind) ?? Number.NaN);
  const direct = timesOf(directWay, allKinds);
  const sharesOf = (way: string): number[] =>
    timesOf(way, allKinds).map((time, at) => time / (direct[at] ?? Number.NaN));
  const ways = [...(rounds[0]?.times.keys() ?? [])];
  for (const way of ways) {
    const shares = sharesOf(way);
    rows.push({
      workload: name,
      variant: way,
      'per second': `SQL ${median(timesOf(way, allKinds)).toFixed(2)} s`,
      'share of direct': median(shares).toFixed(2),
      lowest: Math.min(...shares).toFixed(2),
      highest: Math.max(...shares).toFixed(2),
    });
  }
  const kinds = [...(rounds[0]?.times.get(directWay)?.keys() ?? [])];
  const byKind = kinds.map((kind) => ({
    'seconds by kind': kind,
    ...Object.fromEntries(ways.map((way) => [way, median(timesOf(way, kind)).toFixed(3)])),
  }));
  report(name, byKind, undefined);
  const share = median(sharesOf(cachedWay));
  const hitRate = median(rounds.map((round) => round.hitRate));
  goals.push(
    { text: `${name}: SQL time as a share of direct's: ${share.toFixed(2)} ≤ 0.75`, reached: share <= 0.75 },
    { text: `${name}: ${stale.length} stale of ${compared} compared`, reached: stale.length === 0 && compared > 0 },
    { text: `${name}: hit rate ${(hitRate * 100).toFixed(0)} % ≥ 70 %`, reached: hitRate >= 0.7 },
  );
}

main().catch((error: unknown) => {
  process.stderr.write(`bench:proxy failed: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
});
