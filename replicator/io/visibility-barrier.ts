import type { Logger, WriteBoard, WrittenRows } from '../ports';
import { type DatabaseAddress, DatabaseConnection } from './database-connection';
import { Pause } from './pause';

/** One transaction that arrived in the log. */
export interface ArrivedWrite {
  readonly tables: readonly { readonly schema: string; readonly table: string; readonly rows: WrittenRows }[];
  /** See visibilityProbe; null: it wrote only to tables whose replies are not kept. */
  readonly probe: string | null;
  /** A foreign key cascades from one of the tables: rows changed that the log does not name. */
  readonly cascades: boolean;
}

type AskedWrite = ArrivedWrite & { readonly probe: string };

const RETRY_MS = 200;
/** How long a table that the account may not read stays busy: a commit's last step takes a fraction of it. */
const UNREADABLE_MS = 1_000;
/** ER_NO_SUCH_TABLE, ER_BAD_FIELD_ERROR, ER_BAD_DB_ERROR. */
const GONE = new Set([1146, 1054, 1049]);
/** ER_DBACCESS_DENIED_ERROR, ER_TABLEACCESS_DENIED_ERROR, ER_COLUMNACCESS_DENIED_ERROR. */
const DENIED = new Set([1044, 1142, 1143]);
/** ER_LOCK_WAIT_TIMEOUT, ER_LOCK_DEADLOCK. */
const BUSY = new Set([1205, 1213]);

/**
 * Keeps tables busy on the board from a write's arrival in the log until its rows are visible: an event can come before a
 * plain SELECT sees its rows, so raising versions on arrival alone would let a stale reply into the cache. One locking read
 * at a time answers for all writes that came before it.
 */
export class VisibilityBarrier {
  private pending: AskedWrite[] = [];
  private running: Promise<void> | null = null;
  private connection: DatabaseConnection | null = null;
  private closed = false;
  private readonly pause = new Pause();

  constructor(
    private readonly address: DatabaseAddress,
    private readonly board: WriteBoard,
    private readonly log: Logger,
  ) {}

  arrived(write: ArrivedWrite): void {
    if (this.closed) return;
    for (const { schema, table, rows } of write.tables) this.board.beginWrite(schema, table, rows);
    if (write.cascades) this.board.flushAll();
    const { probe } = write;
    if (probe === null) return this.end([write]);
    this.pending.push({ ...write, probe });
    this.running ??= this.run().finally(() => (this.running = null));
  }

  /** Resolves when everything that has arrived is visible. */
  async settled(): Promise<void> {
    while (this.running !== null) await this.running;
  }

  async close(): Promise<void> {
    this.closed = true;
    this.pause.end();
    this.connection?.destroy();
    await this.running;
    this.end(this.pending.splice(0));
  }

  private async run(): Promise<void> {
    let waiting: AskedWrite[] = [];
    while (this.pending.length > 0 || waiting.length > 0) {
      waiting = [...waiting, ...this.pending.splice(0)];
      const answer = await this.ask(waiting.at(-1) as AskedWrite);
      // Rows become visible in the order of the log, so the newest answers for all.
      if (answer === 'visible') this.end(waiting.splice(0));
      else if (answer === 'gone') this.end(waiting.splice(-1));
      else if (this.closed) return this.end(waiting);
    }
  }

  /** gone: there is no row left of this one to be stale, which tells nothing of those before it. */
  private async ask({ probe }: AskedWrite): Promise<'visible' | 'gone' | 'not yet'> {
    try {
      const connection = await this.connected();
      await connection.rows(probe);
      return 'visible';
    } catch (error) {
      if (this.closed) return 'not yet';
      const { errno = 0, code } = error as { errno?: number; code?: string };
      // The table was dropped, or its key renamed, since.
      if (GONE.has(errno)) return 'gone';
      if (BUSY.has(errno)) return 'not yet';
      const denied = DENIED.has(errno);
      if (!denied)
        this.log.warn({ code, errno }, 'capture: cannot ask if writes are visible; their tables stay uncached');
      await this.pause.for(denied ? UNREADABLE_MS : RETRY_MS);
      return denied ? 'visible' : 'not yet';
    }
  }

  private async connected(): Promise<DatabaseConnection> {
    if (this.connection !== null && !this.connection.lost) return this.connection;
    const connection = await DatabaseConnection.open(this.address, ["SESSION time_zone = '+00:00'"]);
    this.connection = connection;
    // READ COMMITTED: a missing row must not leave a gap lock in the way of inserts. One second of waiting for a row that
    // somebody locked anew is enough: by then a newer write may be there to ask about instead.
    await connection.run(
      'SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED; SET SESSION innodb_lock_wait_timeout = 1',
    );
    return connection;
  }

  private end(writes: readonly ArrivedWrite[]): void {
    for (const { tables, cascades } of writes) {
      if (cascades) this.board.flushAll();
      for (const { schema, table, rows } of tables) this.board.endWrite(schema, table, rows);
    }
  }
}
