import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createReadStream } from 'node:fs';
import { createGunzip } from 'node:zlib';
import { createConnection } from 'mysql2/promise';
import type { DatabaseServer } from '../../site/lab/database-server';
import { loadMoodle } from '../moodle/recording';
import { replay } from '../moodle/replay';
import { account, type BenchSite } from './bench-sites';

export interface ReplayFigures {
  /** Seconds that the SQL took in the recorded order, one statement at a time. */
  readonly directSeconds: number;
  readonly cachedSeconds: number;
  /** Of all SELECTs. */
  readonly hitRate: number;
  /** SELECTs that were asked of the database too, and those whose answers differed. */
  readonly compared: number;
  readonly stale: readonly string[];
}

/** Replays the recorded class directly and through Duara with its cache, each on a database of its own. */
export async function classReplay(dir: string, direct: DatabaseServer, site: BenchSite): Promise<ReplayFigures> {
  const data = loadMoodle(dir);
  await Promise.all([loadDump(direct, data.dump), loadDump(site.database, data.dump)]);
  const login = { ...account, host: '127.0.0.1', database: 'moodle' };
  const first = await replay({
    data,
    connect: { ...login, port: direct.port },
    prefix: 'mdl_',
    recorded: null,
  });
  const hits = await site.counter('duara_cache_hits_total');
  const second = await replay({
    data,
    connect: { ...login, port: site.target.port },
    prefix: 'mdl_',
    recorded: first.outcomes,
    witness: { ...login, port: site.database.port },
  });
  const hit = (await site.counter('duara_cache_hits_total')) - hits;
  const selects = data.lines.filter(({ sql }) => /^\s*SELECT\b/i.test(sql)).length;
  const { compared, stale } = second;
  return {
    directSeconds: first.sqlSeconds,
    cachedSeconds: second.sqlSeconds,
    hitRate: hit / selects,
    compared,
    stale,
  };
}

async function loadDump(server: DatabaseServer, dump: string): Promise<void> {
  const root = await createConnection({ socketPath: server.socket, user: 'root' });
  await root.query('CREATE DATABASE IF NOT EXISTS moodle');
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
