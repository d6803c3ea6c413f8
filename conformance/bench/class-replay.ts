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

/** Seconds that the SQL took in the recorded order, one statement at a time. */
export interface ReplayRound {
  readonly direct: number;
  readonly cached: number;
  /** Of all SELECTs. */
  readonly hitRate: number;
}

export interface ReplayFigures {
  readonly rounds: readonly ReplayRound[];
  /** SELECTs that were asked of the database too, and those whose answers differed. */
  readonly compared: number;
  readonly stale: readonly string[];
}

const login = { ...account, host: '127.0.0.1', database: 'moodle' };

/**
 * Replays the recorded class directly and through Duara with its cache, each on a database of its own that is loaded anew
 * for each round, so that the cache begins empty. The first round is not timed: a witness compares the answers, and both
 * sides get warm. Then a client that skips rows measures, since one that turns them into JavaScript takes longer than the
 * server: that time is the same on both sides, and would hide how they differ.
 */
export async function classReplay(
  dir: string,
  { direct, site, rounds }: { readonly direct: DatabaseServer; readonly site: BenchSite; readonly rounds: number },
): Promise<ReplayFigures> {
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
  for (let round = 0; round < rounds; round++) {
    await loadBoth(direct, site, data);
    timed.push(await timedRound(data, direct, site));
  }
  return { rounds: timed, compared, stale };
}

async function timedRound(data: MoodleData, direct: DatabaseServer, site: BenchSite): Promise<ReplayRound> {
  const timed = (port: number, recorded: ReplayResult['outcomes'] | null): Promise<ReplayResult> =>
    replay({ data, connect: () => skippingClient({ ...login, port }), prefix: 'mdl_', recorded });
  const first = await timed(direct.port, null);
  const before = await site.counter('duara_cache_hits_total');
  const second = await timed(site.target.port, first.outcomes);
  const hits = (await site.counter('duara_cache_hits_total')) - before;
  const selects = data.lines.filter(({ sql }) => /^\s*SELECT\b/i.test(sql)).length;
  return { direct: first.sqlSeconds, cached: second.sqlSeconds, hitRate: hits / selects };
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
