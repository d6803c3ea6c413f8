import { LeanClient, type Target } from './lean-client';

/** Point selects on one connection, or whole pages: connect, 20 queries, close. */
export type Workload = 'point-selects' | 'php-page';

export const rowsInTable = 10_000;
/** Ids that most page queries ask for, as on a site where the same course is opened again and again. */
const hotIds = 200;
const queriesPerPage = 20;
const hotShare = 0.8;

export const tableName = 'bench_page';

/** A small generator of our own, so that every variant asks the same questions (mulberry32). */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

function select(id: number): string {
  return `SELECT id, title, body FROM ${tableName} WHERE id = ${id}`;
}

/** Runs `clients` loops against `target` for `seconds`; returns how many queries or pages ended. */
export async function runWorkload(
  workload: Workload,
  target: Target,
  options: { clients: number; seconds: number; seed: number },
): Promise<number> {
  const end = performance.now() + options.seconds * 1000;
  const running = (): boolean => performance.now() < end;
  const loop = workload === 'point-selects' ? pointSelects : phpPages;
  const loops = Array.from({ length: options.clients }, (_, i) => loop(target, running, random(options.seed + i)));
  return (await Promise.all(loops)).reduce((sum, count) => sum + count, 0);
}

async function pointSelects(target: Target, running: () => boolean, next: () => number): Promise<number> {
  const client = await LeanClient.connect(target);
  let count = 0;
  for (; running(); count++) await client.query(select(pickId(next)));
  await client.quit();
  return count;
}

async function phpPages(target: Target, running: () => boolean, next: () => number): Promise<number> {
  let count = 0;
  for (; running(); count++) {
    const client = await LeanClient.connect(target);
    for (let i = 0; i < queriesPerPage; i++) await client.query(select(pickId(next)));
    await client.quit();
  }
  return count;
}

function pickId(next: () => number): number {
  const range = next() < hotShare ? hotIds : rowsInTable;
  return 1 + Math.floor(next() * range);
}
