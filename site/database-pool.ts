import type { Duplex } from 'node:stream';
import { createPool, type Pool, type PoolConnection, type RowDataPacket } from 'mysql2/promise';
import { type DatabaseAddress, leanConnection } from '../replicator/io/database-connection';

export type SqlRow = Readonly<Record<string, unknown>>;

/** Rows of one SELECT. Rejects with mysql2's error (`code`, `errno`). Big integers come as strings. */
export type Query = (sql: string, values?: readonly unknown[]) => Promise<readonly SqlRow[]>;

/** What mysql2 has beneath a connection; its types do not say so. */
interface WithStream {
  readonly stream: Duplex;
}

const CLOSE_WAIT_MS = 2_000;

/** The site's own few connections to its database: for the catalog, keys and status. It reconnects by itself. */
export class DatabasePool {
  private readonly pool: Pool;
  private readonly connections = new Set<PoolConnection>();

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
      connectTimeout: 10_000,
    });
    this.pool.on('connection', (connection) => {
      this.connections.add(connection);
      connection.on('end', () => this.connections.delete(connection));
      connection.on('error', () => this.connections.delete(connection));
    });
  }

  /** A `Query`; of a block (BEGIN NOT ATOMIC), the rows of its SELECT. */
  async rows(sql: string, values: readonly unknown[] = []): Promise<readonly SqlRow[]> {
    const [rows] = await this.pool.query<RowDataPacket[]>(sql, [...values]);
    // What is not a query has an object for its answer.
    const first: unknown = Array.isArray(rows) ? rows[0] : null;
    return Array.isArray(first) ? (first as RowDataPacket[]) : rows;
  }

  /** What a server that hangs has not answered when `hurry` is aborted is given up. */
  async close(hurry: AbortSignal = AbortSignal.timeout(CLOSE_WAIT_MS)): Promise<void> {
    const ended = this.pool.end().catch(() => undefined);
    const late = new Promise<void>((resolve) => hurry.addEventListener('abort', () => resolve()));
    if (!hurry.aborted) await Promise.race([ended, late]);
    // mysql2's own destroy() waits for the server to end its side.
    for (const { stream } of this.connections as ReadonlySet<unknown> as ReadonlySet<WithStream>) stream.destroy();
  }
}
