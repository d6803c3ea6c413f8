import {
  type Connection,
  type ConnectionOptions,
  type RowDataPacket,
  createConnection,
  setMaxParserCache,
} from 'mysql2/promise';
import { databaseFailure, isDatabaseError } from '../apply/database-error';

/** Where the site's own database server listens, and the account that Duara uses there. */
export interface DatabaseAddress {
  readonly host: string;
  readonly port: number;
  /** Taken instead of host and port when given. */
  readonly socketPath: string | null;
  readonly user: string;
  readonly password: string;
}

/**
 * mysql2 keeps a reader for each shape of result, and lays out room for 15,000 of them ahead: half a megabyte in each thread.
 */
setMaxParserCache(1_000);

/** What of mysql2 costs memory in each connection: room for 16,000 prepared statements, of which we make none. */
export const leanConnection = { maxPreparedStatements: 1 } as const;

/** The connection is gone; whether the statement took effect is not known. */
export class ConnectionLostError extends Error {
  readonly code = 'DUARA_DATABASE_CONNECTION_LOST';
}

export type SqlRow = Readonly<Record<string, unknown>>;

/** One connection to the database. Its session settings are made once and live as long as it does. */
export class DatabaseConnection {
  /** True once the connection broke or was closed. */
  lost = false;
  private readonly lostListeners = new Set<() => void>();

  private constructor(private readonly connection: Connection) {
    connection.on('error', () => this.ended());
    connection.on('end', () => this.ended());
  }

  /** Connects and makes the session settings. Rejects with mysql2's error (`code`, `errno`). */
  static async open(address: DatabaseAddress, sessionSettings: readonly string[]): Promise<DatabaseConnection> {
    const where: ConnectionOptions =
      address.socketPath === null ? { host: address.host, port: address.port } : { socketPath: address.socketPath };
    const connection = await createConnection({
      ...leanConnection,
      ...where,
      user: address.user,
      password: address.password,
      charset: 'utf8mb4_bin',
      multipleStatements: true,
      supportBigNumbers: true,
      bigNumberStrings: true,
      dateStrings: true,
      connectTimeout: 10_000,
    });
    const opened = new DatabaseConnection(connection);
    if (sessionSettings.length > 0) await connection.query(`SET ${sessionSettings.join(', ')}`);
    return opened;
  }

  /** Rows of one SELECT. Integers come as strings where JavaScript's numbers do not hold them. */
  async rows(sql: string, values: readonly unknown[] = []): Promise<readonly SqlRow[]> {
    return (await this.run(sql, values)) as RowDataPacket[];
  }

  /** Any statements; returns what mysql2 returns. Rejects with mysql2's error, or ConnectionLostError. */
  async run(sql: string, values: readonly unknown[] = []): Promise<unknown> {
    if (this.lost) throw new ConnectionLostError('the connection to the database is closed');
    try {
      const [result] = await this.connection.query(sql, [...values]);
      return result;
    } catch (error) {
      if (!isDatabaseError(error) || databaseFailure(error).kind !== 'lost') throw error;
      this.ended();
      throw new ConnectionLostError('the connection to the database broke', { cause: error });
    }
  }

  /** Calls back once when the connection is lost (at once if it is); returns the way to stop it. */
  onLost(listener: () => void): () => void {
    if (this.lost) {
      listener();
      return () => undefined;
    }
    this.lostListeners.add(listener);
    return () => this.lostListeners.delete(listener);
  }

  async close(): Promise<void> {
    if (this.lost) {
      this.connection.destroy();
      return;
    }
    this.lost = true;
    await this.connection.end().catch(() => this.connection.destroy());
  }

  /** Ends without a word; an open transaction is rolled back by the server. */
  destroy(): void {
    this.lost = true;
    this.connection.destroy();
  }

  private ended(): void {
    this.lost = true;
    for (const listener of this.lostListeners) listener();
    this.lostListeners.clear();
  }
}
