import { type ConnectionOptions, type ResultSetHeader, createConnection } from 'mysql2/promise';
import { LeanClient, type Target } from '../bench/lean-client';

/** What one recorded statement did. */
export interface Outcome {
  readonly affectedRows: bigint;
  /** First generated id of an INSERT; 0 without one. */
  readonly insertId: bigint;
  readonly error: string | null;
}

/** What one statement was answered. `rows`: null where there are none, or the client skips them. */
export interface Answer {
  readonly outcome: Outcome;
  readonly rows: readonly unknown[] | null;
}

/** One connection of a replay. */
export interface ReplayClient {
  /** Rejects when the connection breaks; what the server refuses is an answer. */
  ask(sql: string): Promise<Answer>;
  quit(): Promise<void>;
  /** Without a word. */
  drop(): void;
}

/** How mysql2 gives values back as the server sent them. */
export const exactValues = { supportBigNumbers: true, bigNumberStrings: true, dateStrings: true };

/** Knows the rows it is answered; costs about as much for each statement as the server. */
export async function mysql2Client(options: ConnectionOptions): Promise<ReplayClient> {
  const connection = await createConnection({ ...options, multipleStatements: true, ...exactValues });
  return {
    async ask(sql) {
      try {
        const [result] = await connection.query({ sql, rowsAsArray: true });
        if (Array.isArray(result)) {
          return { outcome: { affectedRows: BigInt(result.length), insertId: 0n, error: null }, rows: result };
        }
        const { affectedRows, insertId } = result as ResultSetHeader;
        return {
          outcome: { affectedRows: BigInt(affectedRows), insertId: BigInt(insertId), error: null },
          rows: null,
        };
      } catch (error) {
        const code = (error as { code?: unknown }).code;
        if (typeof code !== 'string' || !code.startsWith('ER_')) throw error;
        return { outcome: { affectedRows: 0n, insertId: 0n, error: code }, rows: null };
      }
    },
    quit: () => connection.end(),
    drop: () => connection.destroy(),
  };
}

/** Skips rows: nearer to PHP's client, which is written in C, when it is time that is measured. */
export async function skippingClient(target: Target): Promise<ReplayClient> {
  const client = await LeanClient.connect(target);
  return {
    async ask(sql) {
      const { affectedRows, insertId, error } = await client.ask(sql);
      return { outcome: { affectedRows, insertId, error: error === null ? null : String(error.errno) }, rows: null };
    },
    quit: () => client.quit(),
    drop: () => client.drop(),
  };
}
