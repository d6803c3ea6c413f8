import { type Connection, type ConnectionOptions, createConnection } from 'mysql2/promise';

/**
 * Asks the database itself what a client was just told, over a connection of its own for each of the client's. The replay
 * does one thing at a time, so that nothing can come between.
 */
export class Witness {
  /** SELECTs that were compared. */
  compared = 0;
  /** SELECTs whose answers differed from what the database says. */
  readonly stale: string[] = [];
  private readonly connections = new Map<number, Connection>();
  /** Of the client's connections: in a transaction, where it may see what nobody else does. */
  private readonly inTransaction = new Set<number>();

  /** The options that the client's own connections have, but past the proxy. */
  constructor(private readonly connect: ConnectionOptions) {}

  /** `rows`: what the client got; null: an error, or no rows. */
  async saw(conn: number, sql: string, rows: readonly unknown[] | null): Promise<void> {
    if (/^\s*(START\s+TRANSACTION|BEGIN)\b/i.test(sql)) this.inTransaction.add(conn);
    else if (/^\s*(COMMIT|ROLLBACK)\b/i.test(sql)) this.inTransaction.delete(conn);
    else if (/^\s*SET\b/i.test(sql)) await this.ask(conn, sql);
    else if (rows !== null && /^\s*SELECT\b.*\bFROM\b/is.test(sql) && !this.inTransaction.has(conn)) {
      await this.compare(conn, sql, rows);
    }
  }

  private async compare(conn: number, sql: string, rows: readonly unknown[]): Promise<void> {
    const now = await this.ask(conn, sql);
    // A temporary table of the client's.
    if (now === null) return;
    this.compared += 1;
    if (sorted(now) !== sorted(rows)) this.stale.push(sql);
  }

  private async ask(conn: number, sql: string): Promise<readonly unknown[] | null> {
    let connection = this.connections.get(conn);
    if (connection === undefined) {
      connection = await createConnection(this.connect);
      this.connections.set(conn, connection);
    }
    try {
      const [rows] = await connection.query({ sql, rowsAsArray: true });
      return Array.isArray(rows) ? rows : null;
    } catch {
      return null;
    }
  }

  /** The client's connection has ended. */
  async left(conn: number): Promise<void> {
    this.inTransaction.delete(conn);
    const connection = this.connections.get(conn);
    this.connections.delete(conn);
    await connection?.end();
  }
}

/** Without ORDER BY the same rows may come in any order. */
function sorted(rows: readonly unknown[]): string {
  return rows
    .map((row) => JSON.stringify(row))
    .sort()
    .join('\n');
}
