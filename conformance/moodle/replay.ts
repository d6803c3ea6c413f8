import { type Connection, type ConnectionOptions, type ResultSetHeader, createConnection } from 'mysql2/promise';
import { IdMap } from './id-map';
import type { MoodleData } from './recording';
import { Witness } from './witness';

/** What one recorded statement did. */
export interface Outcome {
  readonly affectedRows: bigint;
  /** First generated id of an INSERT; 0 without one. */
  readonly insertId: bigint;
  readonly error: string | null;
}

export interface ReplayResult {
  /** By line of the recording; null where nothing was sent. */
  readonly outcomes: readonly (Outcome | null)[];
  /** Seconds spent waiting for replies. */
  readonly sqlSeconds: number;
  readonly idsMapped: number;
  /** With `witness`: SELECTs that were compared, and those whose answers differed. */
  readonly compared: number;
  readonly stale: readonly string[];
}

export interface ReplayOptions {
  readonly data: MoodleData;
  readonly connect: ConnectionOptions;
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
  const connections = new Map<number, Connection>();
  const ids = new IdMap(prefix, data.references);
  const outcomes: (Outcome | null)[] = [];
  const witness = options.witness === undefined ? null : new Witness({ ...options.witness, ...exactValues });
  let sqlNanos = 0n;
  const lines = data.lines;
  try {
    for (const [at, line] of lines.entries()) {
      options.onLine?.(at, lines.length);
      const sql = line.cmd === 'Query' ? ids.rewrite(line.sql) : '';
      const begin = process.hrtime.bigint();
      const { outcome, rows } = await step(options, connections, line.conn, line.cmd, sql);
      sqlNanos += process.hrtime.bigint() - begin;
      outcomes.push(outcome);
      if (line.cmd === 'Quit') await witness?.left(line.conn);
      else if (outcome !== null) await witness?.saw(line.conn, sql, rows);
      if (recorded !== null) learnIds(ids, prefix, line.sql, recorded[at] ?? null, outcomes[at] ?? null);
    }
  } finally {
    await Promise.all(
      [...connections.values()].map((connection) => connection.end().catch(() => connection.destroy())),
    );
  }
  const { compared = 0, stale = [] } = witness ?? {};
  return { outcomes, sqlSeconds: Number(sqlNanos) / 1e9, idsMapped: ids.size, compared, stale };
}

/** How mysql2 gives values back as the server sent them. */
const exactValues = { supportBigNumbers: true, bigNumberStrings: true, dateStrings: true };

interface Step {
  /** null: nothing was asked. */
  readonly outcome: Outcome | null;
  readonly rows: readonly unknown[] | null;
}

async function step(
  options: ReplayOptions,
  connections: Map<number, Connection>,
  conn: number,
  cmd: string,
  sql: string,
): Promise<Step> {
  if (cmd === 'Quit') {
    const connection = connections.get(conn);
    connections.delete(conn);
    await connection?.end();
    return { outcome: null, rows: null };
  }
  let connection = connections.get(conn);
  if (connection === undefined) {
    connection = await createConnection({
      ...options.connect,
      multipleStatements: true,
      ...exactValues,
    });
    connections.set(conn, connection);
  }
  return cmd === 'Connect' ? { outcome: null, rows: null } : run(connection, sql);
}

async function run(connection: Connection, sql: string): Promise<Step> {
  try {
    const [result] = await connection.query({ sql, rowsAsArray: true });
    if (Array.isArray(result)) {
      return { outcome: { affectedRows: BigInt(result.length), insertId: 0n, error: null }, rows: result };
    }
    const { affectedRows, insertId } = result as ResultSetHeader;
    return { outcome: { affectedRows: BigInt(affectedRows), insertId: BigInt(insertId), error: null }, rows: null };
  } catch (error) {
    const code = (error as { code?: unknown }).code;
    if (typeof code !== 'string' || !code.startsWith('ER_')) throw error;
    return { outcome: { affectedRows: 0n, insertId: 0n, error: code }, rows: null };
  }
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
