import { createPool, type Pool, type RowDataPacket } from 'mysql2/promise';
import { type DatabaseAddress, leanConnection } from '../replicator/io/database-connection';

export type SqlRow = Readonly<Record<string, unknown>>;

/** Rows of one SELECT. Rejects with mysql2's error (`code`, `errno`). Big integers come as strings. */
export type Query = (sql: string, values?: readonly unknown[]) => Promise<readonly SqlRow[]>;

/** The site's own few connections to its database: for the catalog, keys and status. It reconnects by itself. */
export class DatabasePool {
  private readonly pool: Pool;

  constructor({ host, port, socketPath, user, password }: DatabaseAddress) {
    this.pool = createPool({
      ...leanConnection,
      ...(socketPath === null ? { host, port } : { socketPath }),
      user,
      password,
      connectionLimit: 3,
      charset: 'utf8mb4_bin',
      supportBigNumbers: true,
      bigNumberStrings: true,
      connectTimeout: 5_000,
    });
  }

  /** A `Query`; of a block (BEGIN NOT ATOMIC), the rows of its SELECT. */
  async rows(sql: string, values: readonly unknown[] = []): Promise<readonly SqlRow[]> {
    const [rows] = await this.pool.query<RowDataPacket[]>(sql, [...values]);
    // What is not a query has an object for its answer.
    const first: unknown = Array.isArray(rows) ? rows[0] : null;
    return Array.isArray(first) ? (first as RowDataPacket[]) : rows;
  }

  async close(): Promise<void> {
    await this.pool.end();
  }
}
