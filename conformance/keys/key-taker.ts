import { type Connection, createConnection, type RowDataPacket } from 'mysql2/promise';
import { quoteName } from '../../proxy/sql/names';
import type { KeyedSite } from './keyed-site';

/**
 * Another session that takes keys from the sequences of key triggers all the time, as other clients would: within a statement
 * keys jump at any row, and not only where a second ends.
 */
export class KeyTaker {
  private running = true;
  private failure: unknown = null;

  private constructor(private readonly db: Connection) {
    void this.take().catch((error: unknown) => {
      if (this.running) this.failure = error;
    });
  }

  static async start(site: KeyedSite): Promise<KeyTaker> {
    return new KeyTaker(await createConnection({ socketPath: site.server.socket, user: 'root' }));
  }

  /** Throws what went wrong meanwhile. Does not wait: a client of the run may have locked the tables. */
  stop(): void {
    this.running = false;
    this.db.destroy();
    if (this.failure instanceof Error) throw this.failure;
  }

  private async take(): Promise<void> {
    while (this.running) {
      const [found] = await this.db.query<RowDataPacket[]>(
        "SELECT table_name AS name FROM information_schema.tables WHERE table_schema = 'duara' AND table_type = 'SEQUENCE'",
      );
      const values = found.map(({ name }) => `NEXTVAL(duara.${quoteName(String(name))})`);
      for (let turn = 0; turn < 100 && this.running; turn++) await this.db.query(`SELECT ${values.join(', ') || '1'}`);
    }
  }
}
