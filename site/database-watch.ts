import type { Query } from './database-pool';

/** How the database is, as far as a question tells. */
export interface DatabaseState {
  readonly reachable: boolean;
  readonly version: string | null;
  /** Where its binary log stands. */
  readonly gtid: string | null;
  /** Why it is not reachable; null when it is. */
  readonly reason: string | null;
}

const WAIT_MS = 2_000;

/** Asks the database how it is: one question at a time, and never longer than it takes to tell that it does not answer. */
export class DatabaseWatch {
  private asking: Promise<DatabaseState> | null = null;

  constructor(
    private readonly query: Query,
    private readonly waitMs = WAIT_MS,
  ) {}

  async state(): Promise<DatabaseState> {
    this.asking ??= this.ask().finally(() => (this.asking = null));
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<DatabaseState>((resolve) => {
      const state = unreachable(`it has not answered for ${this.waitMs / 1000} s`);
      timer = setTimeout(() => resolve(state), this.waitMs);
    });
    const state = await Promise.race([this.asking, late]);
    clearTimeout(timer);
    return state;
  }

  private async ask(): Promise<DatabaseState> {
    try {
      const [row] = await this.query('SELECT VERSION() AS version');
      const version = String(row?.['version']);
      const position = /mariadb/i.test(version) ? 'gtid_binlog_pos' : 'gtid_executed';
      const [at] = await this.query(`SELECT @@global.${position} AS gtid`);
      return { reachable: true, version, gtid: String(at?.['gtid'] ?? ''), reason: null };
    } catch (error) {
      const { message, code } = error as { message?: string; code?: string };
      // A host of several addresses that are all refused has a code and no message.
      return unreachable(message === undefined || message === '' ? (code ?? String(error)) : message);
    }
  }
}

function unreachable(reason: string): DatabaseState {
  return { reachable: false, version: null, gtid: null, reason };
}
