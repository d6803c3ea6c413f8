import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createReadStream } from 'node:fs';
import { createGunzip } from 'node:zlib';
import { createConnection } from 'mysql2/promise';
import type { DatabaseServer } from '../../site/lab/database-server';
import { laterLesson, tablesWithNaturalKeys, takingBack, wordsOfDump } from '../moodle/next-lesson';
import { loadMoodle, type MoodleData } from '../moodle/recording';
import { replay, type ReplayResult } from '../moodle/replay';
import { skippingClient } from '../moodle/replay-clients';
import { account, type BenchSite } from './bench-sites';

/** One way to the class's database. */
export interface ReplayWay {
  readonly name: string;
  readonly port: number;
  /** Forgets what it answered before, where it keeps such. */
  forget?(): void;
}

/** Seconds that the SQL took in the recorded order, one statement at a time; and by kind of statement. */
export type ReplayTimes = ReadonlyMap<string, number>;

/** One replay of a lesson by each way. */
export interface ReplayRound {
  /** By the name of the way. */
  readonly times: ReadonlyMap<string, ReplayTimes>;
  /** Of all SELECTs. */
  readonly hitRate: number;
}

/** What was found of one lesson. */
export interface LessonFigures {
  readonly name: string;
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

/** The recorded one, and the next one in the same databases. */
interface Lessons {
  readonly both: readonly [MoodleData, MoodleData];
  /** Full names. */
  readonly naturalTables: ReadonlySet<string>;
  /** What the recorded lesson's statements did where ids came out as recorded. */
  readonly recorded: ReplayResult['outcomes'];
}

/**
 * Replays the recorded class directly and through Duara with its cache, each on a database of its own that is loaded anew
 * for each round and then read once, so that neither is timed while its server reads for the first time. A round has two
 * lessons. In the first one the cache is empty. The next one is the same class a week later: its sessions, moments and rows
 * are new ones, the rest of what it asks was asked before (conformance/moodle/next-lesson.ts).
 *
 * Two rounds come before those that are timed. In one a witness compares the answers; and both sides get warm, since
 * programs that serve for months have compiled what they run. A client that skips rows measures: one that turns them into
 * JavaScript takes longer than the server, and its time, the same on both sides, would hide how they differ.
 */
export async function classReplay(dir: string, sides: ReplaySides): Promise<readonly LessonFigures[]> {
  const { direct, site, rounds } = sides;
  const first = loadMoodle(dir);
  await loadBoth(direct, site, first);
  const connect = { ...login, port: direct.port };
  const { outcomes } = await replay({ data: first, connect, prefix: 'mdl_', recorded: null });
  const next = { ...first, lines: laterLesson(first.lines, wordsOfDump(first.dump), 1) };
  const lessons: Lessons = {
    both: [first, next],
    naturalTables: tablesWithNaturalKeys(dir),
    recorded: outcomes,
  };
  const witness = { ...login, port: site.database.port };
  const target = { ...login, port: site.target.port };
  const seen = await replayBoth(target.port, lessons, (data) =>
    replay({ data, connect: target, prefix: 'mdl_', recorded: outcomes, witness }),
  );
  await timedRound(lessons, { ...sides, relays: [] });
  const timed: (readonly ReplayRound[])[] = [];
  for (let round = 0; round < rounds; round++) timed.push(await timedRound(lessons, sides));
  return ['first lesson, cache empty', 'same lesson a week later'].map((name, at) => ({
    name,
    rounds: timed.map((ofBoth) => ofBoth[at] as ReplayRound),
    compared: seen[at]?.compared ?? 0,
    stale: seen[at]?.stale ?? [],
  }));
}

/** The recorded lesson, then the next one. What would stand in its way is taken back before it. */
async function replayBoth<T extends ReplayResult>(
  port: number,
  { both: [first, next], naturalTables }: Lessons,
  replayed: (data: MoodleData) => Promise<T>,
): Promise<readonly [T, T]> {
  const before = await replayed(first);
  const connection = await createConnection({ ...login, port });
  for (const sql of takingBack(first.lines, before.outcomes, naturalTables)) await connection.query(sql);
  await connection.end();
  return [before, await replayed(next)];
}

/** By lesson. */
async function timedRound(lessons: Lessons, { direct, relays, site }: ReplaySides): Promise<readonly ReplayRound[]> {
  const times = [new Map<string, ReplayTimes>(), new Map<string, ReplayTimes>()];
  const hits: number[] = [];
  const measure = async (name: string, port: number): Promise<void> => {
    const results = await replayBoth(port, lessons, async (data) => {
      const before = await site.counter('duara_cache_hits_total');
      const connect = (): ReturnType<typeof skippingClient> => skippingClient({ ...login, port });
      const result = await replay({ data, connect, prefix: 'mdl_', recorded: lessons.recorded });
      if (name === cachedWay) hits.push((await site.counter('duara_cache_hits_total')) - before);
      return result;
    });
    for (const [at, result] of results.entries()) times[at]?.set(name, timesOf(lessons.both[0], result));
  };
  for (const relay of relays) {
    relay.forget?.();
    await loadAndRead(direct, lessons.both[0].dump);
    await measure(relay.name, relay.port);
  }
  await loadBoth(direct, site, lessons.both[0]);
  await measure(directWay, direct.port);
  await measure(cachedWay, site.target.port);
  const selects = lessons.both[0].lines.filter(({ sql }) => /^\s*SELECT\b/i.test(sql)).length;
  return times.map((ofLesson, at) => ({ times: ofLesson, hitRate: (hits[at] ?? 0) / selects }));
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
  await Promise.all([loadAndRead(direct, dump), loadAndRead(site.database, dump)]);
}

/** A server that has just been given its tables opens and reads them for the first time, once. */
async function loadAndRead(server: DatabaseServer, dump: string): Promise<void> {
  await loadDump(server, dump);
  const root = await createConnection({ socketPath: server.socket, user: 'root', database: 'moodle' });
  const [tables] = await root.query({ sql: 'SHOW TABLES', rowsAsArray: true });
  await root.query(`CHECKSUM TABLE ${(tables as [string][]).map(([name]) => `\`${name}\``).join(', ')} EXTENDED`);
  await root.end();
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
