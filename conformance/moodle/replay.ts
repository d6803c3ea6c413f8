import type { ConnectionOptions } from 'mysql2/promise';
import { IdMap } from './id-map';
import type { MoodleData, RecordedLine } from './recording';
import { type Answer, exactValues, mysql2Client, type Outcome, type ReplayClient } from './replay-clients';
import { Witness } from './witness';

export interface ReplayResult {
  /** By line of the recording; null where nothing was sent. */
  readonly outcomes: readonly (Outcome | null)[];
  /** Seconds spent waiting for replies, connecting included. */
  readonly sqlSeconds: number;
  /** The same by line of the recording. */
  readonly seconds: readonly number[];
  readonly idsMapped: number;
  /** With `witness`: SELECTs that were compared, and those whose answers differed. */
  readonly compared: number;
  readonly stale: readonly string[];
}

export interface ReplayOptions {
  readonly data: MoodleData;
  /** How to connect: by mysql2, or as it says. With `witness` the client must tell of rows. */
  readonly connect: ConnectionOptions | (() => Promise<ReplayClient>);
  readonly prefix: string;
  /** Outcomes of a replay in which ids came out as recorded: what this replay's new ids are mapped from. */
  readonly recorded: readonly (Outcome | null)[] | null;
  /** The way past the proxy: each SELECT outside a transaction is asked there too, and compared. */
  readonly witness?: ConnectionOptions;
  readonly onLine?: (done: number, total: number) => void;
}

/** Replays the recording, one connection per recorded connection, strictly in recorded order, without think time. */
export async function replay(options: ReplayOptions): Promise<ReplayResult> {
  const { data, prefix, recorded } = options;
  const clients = new Map<number, ReplayClient>();
  const ids = new IdMap(prefix, data.references);
  const outcomes: (Outcome | null)[] = [];
  const witness = options.witness === undefined ? null : new Witness({ ...options.witness, ...exactValues });
  const seconds: number[] = [];
  const lines = data.lines;
  try {
    for (const [at, line] of lines.entries()) {
      options.onLine?.(at, lines.length);
      const sql = line.cmd === 'Query' ? ids.rewrite(line.sql) : '';
      const begin = process.hrtime.bigint();
      const answer = await step(options.connect, clients, line, sql);
      seconds.push(Number(process.hrtime.bigint() - begin) / 1e9);
      outcomes.push(answer?.outcome ?? null);
      if (line.cmd === 'Quit') await witness?.left(line.conn);
      else if (answer !== null) await witness?.saw(line.conn, sql, answer.rows);
      if (recorded !== null) learnIds(ids, prefix, line.sql, recorded[at] ?? null, outcomes[at] ?? null);
    }
  } finally {
    await Promise.all([...clients.values()].map((client) => client.quit().catch(() => client.drop())));
  }
  const { compared = 0, stale = [] } = witness ?? {};
  const sqlSeconds = seconds.reduce((sum, each) => sum + each, 0);
  return { outcomes, sqlSeconds, seconds, idsMapped: ids.size, compared, stale };
}

/** null: nothing was asked. */
async function step(
  connect: ReplayOptions['connect'],
  clients: Map<number, ReplayClient>,
  { conn, cmd }: RecordedLine,
  sql: string,
): Promise<Answer | null> {
  const known = clients.get(conn);
  if (cmd === 'Quit') {
    clients.delete(conn);
    await known?.quit();
    return null;
  }
  const client = known ?? (await (typeof connect === 'function' ? connect() : mysql2Client(connect)));
  clients.set(conn, client);
  return cmd === 'Connect' ? null : client.ask(sql);
}

function learnIds(ids: IdMap, prefix: string, sql: string, recorded: Outcome | null, present: Outcome | null): void {
  const table = /^\s*INSERT\s+INTO\s+(\w+)/i.exec(sql)?.[1];
  if (table === undefined || recorded === null || present === null) return;
  if (recorded.insertId === 0n || present.insertId === 0n) return;
  const bare = table.startsWith(prefix) ? table.slice(prefix.length) : table;
  for (let row = 0n; row < present.affectedRows; row++)
    ids.learn(bare, recorded.insertId + row, present.insertId + row);
}

/** UPDATEs and DELETEs that touched a row in the direct replay, and how many of them also did in this one. */
export function touchedShare(
  data: MoodleData,
  direct: readonly (Outcome | null)[],
  proxied: readonly (Outcome | null)[],
): { direct: number; also: number; missed: readonly string[] } {
  let touched = 0;
  const missed: string[] = [];
  for (const [at, line] of data.lines.entries()) {
    if (!/^\s*(UPDATE|DELETE)\b/i.test(line.sql) || (direct[at]?.affectedRows ?? 0n) === 0n) continue;
    touched++;
    if ((proxied[at]?.affectedRows ?? 0n) === 0n) missed.push(line.sql);
  }
  return { direct: touched, also: touched - missed.length, missed };
}
