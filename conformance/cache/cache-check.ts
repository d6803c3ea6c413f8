import type { Connection, RowDataPacket } from 'mysql2/promise';
import { type CachedSite, parentValue, ROWS } from './cached-site';
import { Chance } from './chance';
import type { Mutant } from './mutants';
import { type Histories, Readers } from './readers';
import { RowHistory, StaleRead } from './row-history';
import { playScenes } from './scenes';
import { Writers } from './writers';

export interface PhaseOptions {
  readonly seed: number;
  readonly ms: number;
  readonly mutant: Mutant | null;
}

export interface PhaseResult {
  readonly seconds: number;
  readonly reads: number;
  readonly writes: number;
  readonly hits: number;
  readonly violation: string | null;
  /** How often each kind of read and write was done. */
  readonly kinds: Readonly<Record<string, number>>;
}

/** A write around the proxy must be seen within this time of its acknowledgement; else it is taken for lost. */
const FRESH_MS = 10_000;
/** Rounds of the scenes, or writes around the proxy, that a mutant must have had. */
const CHANCES_MIN = 50;
/** A mutant that loses one has lost it for good. */
const MUTANT_FRESH_MS = 2_000;
const FRESH_POLL_MS = 5;
/** Other threads are asked, too. */
const SHOWN_POLL_MS = 50;

/**
 * One phase of the check: writers and readers at work until the time is over, or one of them has seen what must not be.
 * A mutant of the proxy's own rules has to be seen without the log's help, which would mend most of it soon.
 */
export async function checkPhase(site: CachedSite, { seed, ms, mutant }: PhaseOptions): Promise<PhaseResult> {
  const eventOnly = mutant === 'one rise on an event';
  await site.open(mutant, mutant !== null && !eventOnly);
  let begin = performance.now();
  let violation: string | null = null;
  let ended = false;
  const kinds: Record<string, number> = {};
  let shown = false;
  // On a machine that hardly gets on, a mutant is given the chances, not the time, that it needs to show; the cache, too.
  const chances = eventOnly ? 'write: around the proxy, event first' : 'write: written while it is read';
  const enough = (): boolean =>
    performance.now() - begin >= ms &&
    (mutant === null ? shown && counted.write > 0 : (kinds[chances] ?? 0) >= CHANCES_MIN);
  const running = (): boolean => !ended && !enough();
  const counted = { read: 0, write: 0 };
  const count =
    (what: 'read' | 'write') =>
    (kind: string): void => {
      counted[what] += 1;
      kinds[`${what}: ${kind}`] = (kinds[`${what}: ${kind}`] ?? 0) + 1;
    };
  const chance = (actor: number): Chance => new Chance(seed * 1000 + actor);
  const histories = newHistories();
  await reset(site, histories);
  begin = performance.now();
  const writers = (actor: number): Writers => new Writers(chance(actor), running, count('write'));
  const readers = (actor: number): Readers => new Readers(chance(actor), histories, running, count('read'));
  const optedOut = await site.connect();
  await optedOut.query('SET @duara_cache = 0');
  const actors: (() => Promise<void>)[] = [
    async () => readers(20).plain(await site.connect(), 'reader 1'),
    async () => readers(21).plain(await site.connect(), 'reader 2'),
    async () => readers(22).plain(await site.connect(), 'reader 3'),
    () => readers(23).plain(optedOut, 'reader without cache'),
    async () => readers(24).readCommitted(await site.connect()),
    async () => readers(25).repeatable(await site.connect()),
  ];
  const scene = new RowHistory('scene');
  if (!eventOnly) {
    const players = { reader: await site.connect(), writer: await site.connect(), direct: await site.connect() };
    await players.direct.query('SET @duara_cache = 0');
    actors.push(() => playScenes(players, scene, running, count('write')));
  }
  if (eventOnly || mutant === null) {
    actors.push(() =>
      bypass(site, chance(30), { running, done: count('write'), freshMs: eventOnly ? MUTANT_FRESH_MS : FRESH_MS }),
    );
  }
  if (!eventOnly) {
    actors.push(
      async () => writers(1).counters(await site.connect(), histories.counters, mutant === null),
      async () => writers(2).counters(await site.connect(), histories.counters, mutant === null),
      async () => writers(3).byTheWay(await site.connect(), histories.mirrored, histories.children),
    );
  }
  if (mutant === null) {
    actors.push(
      () => showing(site, () => ended).then(() => void (shown = true)),
      async () => writers(4).definitions(await site.connect(), histories.shape),
      async () => writers(6).redefined(await site.connect(), await site.connect(), histories.shown),
      () => writers(5).replicated(site.origin.sql, histories.remote),
    );
  }
  await Promise.all(
    actors.map((actor) =>
      actor().catch((error: unknown) => {
        ended = true;
        if (!(error instanceof StaleRead)) throw error;
        violation ??= error.message;
      }),
    ),
  );
  const hits = await site.hits();
  if (violation === null && mutant === null) violation = await compared(site);
  const seconds = (performance.now() - begin) / 1000;
  return { seconds, reads: counted.read, writes: counted.write, hits, violation, kinds };
}

/** Resolves when the cache has answered; `over`: it will not. */
async function showing(site: CachedSite, over: () => boolean): Promise<void> {
  while (!over() && (await site.hits()) === 0) await new Promise((resolve) => setTimeout(resolve, SHOWN_POLL_MS));
}

function newHistories(): Histories {
  const family = (name: string): RowHistory[] =>
    Array.from({ length: ROWS }, (_, row) => new RowHistory(`${name} row ${row}`));
  return {
    counters: family('counter'),
    mirrored: family('mirror'),
    children: family('child'),
    remote: family('remote'),
    shape: new RowHistory('definition'),
    shown: new RowHistory('view'),
  };
}

/** As the histories begin. */
async function reset(site: CachedSite, { shape }: Histories): Promise<void> {
  const { sql } = site.here;
  await sql.query(
    'UPDATE local_counter SET n = 0; UPDATE local_scene SET n = 0; UPDATE local_traced SET n = 0; UPDATE local_mirror SET n = 0; ' +
      'UPDATE local_shown_a SET n = 0; UPDATE local_shown_b SET n = 0',
  );
  for (let row = 0; row < ROWS; row++) {
    await sql.query(`UPDATE local_parent SET n = ${parentValue(0, row)} WHERE id = ${row}`);
  }
  await sql.query(
    'CREATE OR REPLACE TABLE local_shape (id BIGINT PRIMARY KEY, c0 INT); INSERT INTO local_shape VALUES (1, 1)',
  );
  shape.acknowledged(0);
  await site.origin.sql.query('UPDATE remote SET n = 0');
  await site.settle();
}

/**
 * Writes that the proxy does not see. Half of them reach the log long before their rows are visible: the server waits for
 * a semi-synchronous replica that is not there (AFTER_SYNC). What readers see must become, and stay, what was written.
 */
async function bypass(
  site: CachedSite,
  chance: Chance,
  {
    running,
    done,
    freshMs,
  }: { readonly running: () => boolean; readonly done: (kind: string) => void; readonly freshMs: number },
): Promise<void> {
  const client = await site.connect();
  const { sql } = site.here;
  const settings =
    'rpl_semi_sync_master_wait_point=AFTER_SYNC, GLOBAL rpl_semi_sync_master_wait_no_slave=1, GLOBAL rpl_semi_sync_master_timeout=60';
  await sql.query(`SET GLOBAL ${settings}`);
  for (let n = 1; running(); n++) {
    const row = chance.below(ROWS);
    const early = chance.below(2) === 0;
    const text = `SELECT n FROM local_bypass WHERE id = ${row}`;
    const read = async (): Promise<number> => Number((await client.query<RowDataPacket[]>(text))[0][0]?.['n']);
    let written = false;
    // Switched on anew each time: after one wait in vain the server goes on without.
    if (early) await sql.query('SET GLOBAL rpl_semi_sync_master_enabled=1');
    const write = sql.query(`UPDATE local_bypass SET n = ${n} WHERE id = ${row}`).then(() => (written = true));
    while (!written) await read();
    await write;
    if (early) await sql.query('SET GLOBAL rpl_semi_sync_master_enabled=0');
    await becomes(
      read,
      { n, withinMs: freshMs },
      `row ${row} of bypass${early ? ', whose event came before its rows' : ''}`,
    );
    done(early ? 'around the proxy, event first' : 'around the proxy');
  }
}

async function becomes(
  read: () => Promise<number>,
  { n, withinMs }: { readonly n: number; readonly withinMs: number },
  what: string,
): Promise<void> {
  const end = performance.now() + withinMs;
  while ((await read()) !== n) {
    if (performance.now() > end) throw new StaleRead(`${what}: not ${n} after ${withinMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, FRESH_POLL_MS));
  }
}

/** When all is quiet, the cache must show what the tables hold. */
async function compared(site: CachedSite): Promise<string | null> {
  await site.settle();
  const client: Connection = await site.connect();
  for (const table of ['local_counter', 'local_mirror', 'local_child', 'remote', 'local_bypass']) {
    const texts = [
      `SELECT id, n FROM ${table} ORDER BY id`,
      ...Array.from({ length: ROWS }, (_, row) => `SELECT n FROM ${table} WHERE id = ${row}`),
    ];
    for (const text of texts) {
      const [[cached], [direct]] = await Promise.all([client.query(text), site.here.sql.query(text)]);
      if (JSON.stringify(cached) !== JSON.stringify(direct)) {
        return `at rest, ${text} returns ${JSON.stringify(cached)}, the table holds ${JSON.stringify(direct)}`;
      }
    }
  }
  return null;
}
