import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createReadStream } from 'node:fs';
import { createGunzip } from 'node:zlib';
import { createConnection } from 'mysql2/promise';
import type { DatabaseServer } from '../../site/lab/database-server';
import { loadMoodle, type MoodleData } from '../moodle/recording';
import { replay, type ReplayResult } from '../moodle/replay';
import { skippingClient } from '../moodle/replay-clients';
import { account, type BenchSite } from './bench-sites';

/** One way to the class's database. */
export interface ReplayWay {
  readonly name: string;
  readonly port: number;
}

/** Seconds that the SQL took in the recorded order, one statement at a time; and by kind of statement. */
export type ReplayTimes = ReadonlyMap<string, number>;

export interface ReplayRound {
  /** By the name of the way. */
  readonly times: ReadonlyMap<string, ReplayTimes>;
  /** Of all SELECTs. */
  readonly hitRate: number;
}

export interface ReplayFigures {
  readonly rounds: readonly ReplayRound[];
  /** SELECTs that were asked of the database too, and those whose answers differed. */
  readonly compared: number;
  readonly stale: readonly string[];
}

export interface ReplaySides {
  readonly direct: DatabaseServer;
  /** Before the direct database; each replays the class too. */
  readonly relays: readonly ReplayWay[];
  readonly site: BenchSite;
  readonly rounds: number;
}

/** Of all statements, in ReplayTimes. */
export const allKinds = 'all';
/** Names of ways besides the relays. */
export const directWay = 'direct';
export const cachedWay = 'Duara, cached';

const login = { ...account, host: '127.0.0.1', database: 'moodle' };

/**
 * Replays the recorded class directly and through Duara with its cache, each on a database of its own that is loaded anew
 * for each round, so that the cache begins empty. The first round is not timed: a witness compares the answers, and both
 * sides get warm. Then a client that skips rows measures, since one that turns them into JavaScript takes longer than the
 * server: that time is the same on both sides, and would hide how they differ.
 */
export async function classReplay(dir: string, sides: ReplaySides): Promise<ReplayFigures> {
  const { direct, site, rounds } = sides;
  const data = loadMoodle(dir);
  await loadBoth(direct, site, data);
  const recorded = await replay({ data, connect: { ...login, port: direct.port }, prefix: 'mdl_', recorded: null });
  const { compared, stale } = await replay({
    data,
    connect: { ...login, port: site.target.port },
    prefix: 'mdl_',
    recorded: recorded.outcomes,
    witness: { ...login, port: site.database.port },
  });
  const timed: ReplayRound[] = [];
  for (let round = 0; round < rounds; round++) timed.push(await timedRound(data, sides));
  return { rounds: timed, compared, stale };
}

async function timedRound(data: MoodleData, { direct, relays, site }: ReplaySides): Promise<ReplayRound> {
  const replayed = (port: number, recorded: ReplayResult['outcomes'] | null): Promise<ReplayResult> =>
    replay({ data, connect: () => skippingClient({ ...login, port }), prefix: 'mdl_', recorded });
  const times = new Map<string, ReplayTimes>();
  for (const { name, port } of relays) {
    await loadDump(direct, data.dump);
    times.set(name, timesOf(data, await replayed(port, null)));
  }
  await loadBoth(direct, site, data);
  const first = await replayed(direct.port, null);
  times.set(directWay, timesOf(data, first));
  const before = await site.counter('duara_cache_hits_total');
  times.set(cachedWay, timesOf(data, await replayed(site.target.port, first.outcomes)));
  const hits = (await site.counter('duara_cache_hits_total')) - before;
  const selects = data.lines.filter(({ sql }) => /^\s*SELECT\b/i.test(sql)).length;
  return { times, hitRate: hits / selects };
}

function timesOf({ lines }: MoodleData, { seconds }: ReplayResult): ReplayTimes {
  const times = new Map<string, number>();
  for (const [at, { cmd, sql }] of lines.entries()) {
    const kind = cmd === 'Query' ? (/\w+/.exec(sql)?.[0] ?? '').toUpperCase() : cmd;
    for (const name of [allKinds, kind]) times.set(name, (times.get(name) ?? 0) + (seconds[at] ?? 0));
  }
  return times;
}

async function loadBoth(direct: DatabaseServer, site: BenchSite, { dump }: MoodleData): Promise<void> {
  await Promise.all([loadDump(direct, dump), loadDump(site.database, dump)]);
}

async function loadDump(server: DatabaseServer, dump: string): Promise<void> {
  const root = await createConnection({ socketPath: server.socket, user: 'root' });
  await root.query('DROP DATABASE IF EXISTS moodle');
  await root.query('CREATE DATABASE moodle');
  await root.end();
  const client = spawn('mariadb', ['--no-defaults', '-S', server.socket, '-u', 'root', 'moodle'], {
    stdio: ['pipe', 'ignore', 'pipe'],
  });
  let errors = '';
  client.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()));
  createReadStream(dump).pipe(createGunzip()).pipe(client.stdin);
  const [code] = (await once(client, 'close')) as [number | null];
  if (code !== 0) throw new Error(`could not load ${dump}: ${errors.slice(-500)}`);
}
