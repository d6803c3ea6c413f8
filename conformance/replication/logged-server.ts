import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Connection, createConnection } from 'mysql2/promise';
import type { BinlogEvent, RowPair } from '../../replicator/binlog/events';
import type { TableDef } from '../../replicator/change-set';
import { openBinlog } from '../../replicator/io/binlog-connection';
import { DatabaseServer } from '../../site/lab/database-server';
import { findServer } from '../../site/lab/find-server';

/** The server of this machine, when it is a MariaDB: what these cases are written for. */
export const mariaDb = findServer()?.flavour === 'mariadb' ? findServer() : null;

export interface LoggedRow {
  readonly table: TableDef;
  readonly change: 'insert' | 'update' | 'delete';
  readonly row: RowPair;
}

/** A database server, a client of it, and its binary log. */
export class LoggedServer {
  readonly dir = mkdtempSync(join(tmpdir(), 'duara-binlog-'));
  readonly server: DatabaseServer;
  private connection: Connection | null = null;
  private readers = 0;

  constructor(extra: readonly string[] = []) {
    if (mariaDb === null) throw new Error('no MariaDB server on this machine');
    this.server = new DatabaseServer({ binary: mariaDb, dir: this.dir, serverId: 5, durable: false, extra });
  }

  get client(): Connection {
    if (this.connection === null) throw new Error('not started');
    return this.connection;
  }

  async start(): Promise<void> {
    await this.server.start();
    this.connection = await this.connect();
    await this.client.query("SET time_zone='+00:00', sql_mode=''");
    await this.client.query('CREATE DATABASE app');
    await this.client.query('USE app');
  }

  connect(): Promise<Connection> {
    const { socket: socketPath } = this.server;
    return createConnection({
      socketPath,
      user: 'root',
      dateStrings: true,
      multipleStatements: true,
      supportBigNumbers: true,
    });
  }

  async stop(): Promise<void> {
    await this.connection?.end();
    await this.server.stop();
    rmSync(this.dir, { recursive: true, force: true });
  }

  async rows(sql: string): Promise<Record<string, unknown>[]> {
    const [rows] = await this.client.query(sql);
    return rows as Record<string, unknown>[];
  }

  async position(): Promise<string> {
    const [row] = await this.rows('SELECT @@global.gtid_binlog_pos AS position');
    return String(row?.['position']);
  }

  options(startGtid: string) {
    // Each reader has an id of its own: the server ends an earlier dump with the same one.
    const serverId = 1000 + ++this.readers;
    const endpoint = { socketPath: this.server.socket };
    return { endpoint, user: 'root', password: '', serverId, startGtid, heartbeatMs: 10_000 };
  }

  /** What the log says from `startGtid` to the end of the newest transaction. */
  async events(startGtid: string): Promise<BinlogEvent[]> {
    const last = await this.position();
    const events: BinlogEvent[] = [];
    const reader = await openBinlog(this.options(startGtid));
    let inLast = startGtid === last;
    for await (const batch of reader.batches()) {
      for (const event of batch) {
        events.push(event);
        if (event.kind === 'gtid') inLast = event.gtid === last;
        const closes = event.kind === 'xid' || event.kind === 'query';
        if (inLast && closes) return events;
      }
    }
    throw new Error('the log ended');
  }

  /** The row changes that `statements` leave in the log, in order. */
  async logged(...statements: readonly string[]): Promise<LoggedRow[]> {
    const start = await this.position();
    for (const statement of statements) await this.client.query(statement);
    return rowsOf(await this.events(start));
  }
}

export function rowsOf(events: readonly BinlogEvent[]): LoggedRow[] {
  const tables = new Map<bigint, TableDef>();
  const logged: LoggedRow[] = [];
  for (const event of events) {
    if (event.kind === 'tableMap') tables.set(event.tableId, event.table);
    if (event.kind !== 'rows') continue;
    const table = tables.get(event.tableId);
    if (table === undefined) throw new Error('rows without a table');
    for (const row of event.rows) logged.push({ table, change: event.change, row });
  }
  return logged;
}
