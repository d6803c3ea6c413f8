import type { RowTarget } from '../merge/operation';
import { binlogStatements, formatDescriptionEvent } from '../apply/binlog-statement';
import { databaseFailure } from '../apply/database-error';
import { encodeGroup } from '../apply/encode-group';
import { existenceSql } from '../apply/existence-sql';
import { groupWrites } from '../apply/row-groups';
import type { RowWrite } from '../apply/apply-plan';
import { DatabaseConnection, type DatabaseAddress } from './database-connection';

/** The database account lacks a privilege; the message holds the GRANT line. */
export class MissingPrivilegeError extends Error {
  readonly code = 'DUARA_MISSING_PRIVILEGE';
}

const SESSION_SETTINGS: readonly string[] = [
  "SESSION sql_mode = 'NO_AUTO_VALUE_ON_ZERO,STRICT_TRANS_TABLES'",
  "SESSION time_zone = '+00:00'",
  'SESSION wait_timeout = 2147483',
  // A local transaction that holds a row long must not be killed for us: we let go and come again.
  'SESSION innodb_lock_wait_timeout = 3',
  // No gap locks: what a row event touches is named by its key.
  'SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED',
];

/** Row bytes in one event, and base64 bytes in one packet: far below the least max_allowed_packet in use (1 MB). */
const EVENT_BYTES_MAX = 128 * 1024;
const PACKET_BYTES_MAX = 512 * 1024;
const FRAGMENT_BYTES_MIN = 6 * 2 ** 20;

/** Writes rows into the site's own database by its BINLOG statement. Statements are queued and go out in few packets. */
export class RowStore {
  private queue: string[] = [];

  private constructor(readonly connection: DatabaseConnection) {}

  /** Rejects with MissingPrivilegeError, or with mysql2's error when the database is away. */
  static async open(address: DatabaseAddress): Promise<RowStore> {
    const connection = await DatabaseConnection.open(address, []);
    try {
      for (const setting of SESSION_SETTINGS) await connection.run(`SET ${setting}`);
      const [version] = await connection.rows('SELECT VERSION() AS version');
      await replay(connection, address.user, formatDescriptionEvent(String(version?.['version'])));
      return new RowStore(connection);
    } catch (error) {
      connection.destroy();
      throw error;
    }
  }

  /** Queues a statement that returns nothing of interest. */
  add(sql: string): void {
    this.queue.push(sql);
  }

  /** Queues rows, in their order. */
  addRows(writes: readonly RowWrite[]): void {
    let events: Buffer[] = [];
    let bytes = 0;
    let number = 1n;
    const timestampSec = Math.floor(Date.now() / 1000);
    const close = (): void => {
      if (events.length > 0)
        for (const sql of binlogStatements(Buffer.concat(events), FRAGMENT_BYTES_MIN)) this.add(sql);
      events = [];
      bytes = 0;
    };
    for (const group of groupWrites(writes, EVENT_BYTES_MAX)) {
      const event = encodeGroup(group, number++, timestampSec);
      if (bytes > 0 && bytes + event.length > PACKET_BYTES_MAX) close();
      events.push(event);
      bytes += event.length;
    }
    close();
  }

  /** Sends what is queued. After an error the rest of the queue is dropped. */
  async flush(): Promise<void> {
    const { queue } = this;
    this.clear();
    let packet: string[] = [];
    let bytes = 0;
    const send = async (): Promise<void> => {
      if (packet.length > 0) await this.connection.run(packet.join(';'));
      packet = [];
      bytes = 0;
    };
    for (const sql of queue) {
      if (bytes > 0 && bytes + sql.length > PACKET_BYTES_MAX) await send();
      packet.push(sql);
      bytes += sql.length;
      // BINLOG must be the last statement of its packet.
      if (sql.startsWith('BINLOG ')) await send();
    }
    await send();
  }

  /** For each target whether its row stands in the database now, locked until the transaction ends. */
  async exist(targets: readonly RowTarget[]): Promise<readonly boolean[]> {
    const found: boolean[] = [];
    for (const target of targets) found.push((await this.connection.rows(existenceSql(target))).length > 0);
    return found;
  }

  /** Where the binary log stands now, our open transaction not counted. */
  async logPosition(): Promise<string> {
    const [row] = await this.connection.rows('SELECT @@global.gtid_binlog_pos AS position');
    return String(row?.['position'] ?? '');
  }

  /** Commits and returns the transaction's GTID. An error that says "lost" leaves the outcome unknown. */
  async commit(): Promise<string> {
    await this.connection.run('COMMIT');
    const [row] = await this.connection.rows('SELECT @@last_gtid AS gtid');
    return String(row?.['gtid'] ?? '');
  }

  /** Ends the transaction without effect; a lost connection has done so by itself. */
  async rollback(): Promise<void> {
    this.clear();
    if (this.connection.lost) return;
    await this.connection.run('ROLLBACK').catch(() => this.connection.destroy());
  }

  private clear(): void {
    this.queue = [];
  }
}

async function replay(connection: DatabaseConnection, user: string, event: Uint8Array): Promise<void> {
  try {
    for (const sql of binlogStatements(event, FRAGMENT_BYTES_MIN)) await connection.run(sql);
  } catch (error) {
    if (databaseFailure(error).kind !== 'privilege') throw error;
    throw new MissingPrivilegeError(
      `the account '${user}' may not apply row events; run: GRANT BINLOG REPLAY ON *.* TO '${user}'@'%' (with the host it connects from)`,
      { cause: error },
    );
  }
}
