import type { Logger, WriteBoard } from '../ports';
import { type DatabaseAddress, DatabaseConnection } from './database-connection';

/** One transaction that arrived in the log. */
export interface ArrivedWrite {
  readonly tables: readonly { readonly schema: string; readonly table: string }[];
  /** See visibilityProbe. */
  readonly probe: string;
  /** A foreign key cascades from one of the tables: rows changed that the log does not name. */
  readonly cascades: boolean;
}

const RETRY_MS = 200;

/**
 * Keeps tables busy on the board from a write's arrival in the log until its rows are visible: an event can come before a
 * plain SELECT sees its rows, so raising versions on arrival alone would let a stale reply into the cache. One locking read
 * at a time answers for all writes that came before it.
 */
export class VisibilityBarrier {
  private pending: ArrivedWrite[] = [];
  private running: Promise<void> | null = null;
  private connection: DatabaseConnection | null = null;
  private closed = false;
  private wake: () => void = () => undefined;

  constructor(
    private readonly address: DatabaseAddress,
    private readonly board: WriteBoard,
    private readonly log: Logger,
  ) {}

  arrived(write: ArrivedWrite): void {
    if (this.closed) return;
    for (const { schema, table } of write.tables) this.board.beginWrite(schema, table);
    if (write.cascades) this.board.flushAll();
    this.pending.push(write);
    this.running ??= this.run().finally(() => (this.running = null));
  }

  /** Resolves when everything that has arrived is visible. */
  async settled(): Promise<void> {
    while (this.running !== null) await this.running;
  }

  async close(): Promise<void> {
    this.closed = true;
    this.wake();
    this.connection?.destroy();
    await this.running;
    this.end(this.pending.splice(0));
  }

  private async run(): Promise<void> {
    let waiting: ArrivedWrite[] = [];
    while (this.pending.length > 0 || waiting.length > 0) {
      waiting = [...waiting, ...this.pending.splice(0)];
      // Rows become visible in the order of the log, so the newest answers for all.
      if (await this.visible(waiting.at(-1) as ArrivedWrite)) this.end(waiting.splice(0));
      else if (this.closed) return this.end(waiting);
    }
  }

  private async visible({ probe }: ArrivedWrite): Promise<boolean> {
    try {
      if (this.connection === null || this.connection.lost) {
        // READ COMMITTED: a missing row must not leave a gap lock in the way of inserts. One second of waiting for a row
        // that somebody locked anew is enough: by then a newer write may be there to ask about instead.
        const settings = ["SESSION transaction_isolation = 'READ-COMMITTED'", 'SESSION innodb_lock_wait_timeout = 1'];
        this.connection = await DatabaseConnection.open(this.address, settings).catch((error: unknown) => {
          if ((error as { errno?: number }).errno !== 1193) throw error;
          return DatabaseConnection.open(this.address, [
            "SESSION tx_isolation = 'READ-COMMITTED'",
            settings[1] as string,
          ]);
        });
      }
      await this.connection.rows(probe);
      return true;
    } catch (error) {
      if (this.closed) return false;
      const { errno, code } = error as { errno?: number; code?: string };
      // The table was dropped, or its key renamed, since: there is no row left to be stale.
      if (errno === 1146 || errno === 1054 || errno === 1049) return true;
      if (errno !== 1205 && errno !== 1213) {
        this.log.warn({ code, errno }, 'capture: cannot ask whether writes are visible; their tables stay uncached');
        await this.pause(RETRY_MS);
      }
      return false;
    }
  }

  private pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  private end(writes: readonly ArrivedWrite[]): void {
    for (const { tables, cascades } of writes) {
      if (cascades) this.board.flushAll();
      for (const { schema, table } of tables) this.board.endWrite(schema, table);
    }
  }
}
