import { type Connection, createConnection, type ResultSetHeader, type RowDataPacket } from 'mysql2/promise';
import type { LabFile, LabFileSite } from './lab-file';

export interface LoadOptions {
  /** Statements a second at each site. */
  readonly rate: number;
  readonly seconds: number;
  /** Ends the load early. */
  readonly signal: AbortSignal;
}

/** What one site's writer got done. */
export interface LoadCounts {
  readonly site: string;
  /** Acknowledged by the site. */
  inserts: number;
  updates: number;
  deletes: number;
  /** Statements that failed, or whose outcome nobody knows since the connection broke. */
  failed: number;
}

const reconnectMs = 100;

/** Writes at all sites at once, as clients of their proxies: posts, their edits and removals, and users' names. */
export function runLoad(file: LabFile, options: LoadOptions): Promise<readonly LoadCounts[]> {
  const run = String(Date.now());
  return Promise.all(file.sites.map((site) => new Writer(site, run).run(options)));
}

class Writer {
  private readonly counts: LoadCounts;
  private readonly posts: string[] = [];
  private users: readonly string[] = [];
  private written = 0;

  constructor(
    private readonly site: LabFileSite,
    private readonly runName: string,
  ) {
    this.counts = { site: site.name, inserts: 0, updates: 0, deletes: 0, failed: 0 };
  }

  async run({ rate, seconds, signal }: LoadOptions): Promise<LoadCounts> {
    const startMs = Date.now();
    let connection: Connection | null = null;
    for (let n = 0; !signal.aborted && Date.now() < startMs + seconds * 1000; n++) {
      try {
        connection ??= await this.connect();
        await this.write(connection, n);
      } catch {
        this.counts.failed += 1;
        // Refused or broken: a new connection tells which.
        connection?.destroy();
        connection = null;
        await pause(reconnectMs);
      }
      // By the clock, so that a slow statement does not lower the rate for good.
      await pause(startMs + ((n + 1) * 1000) / rate - Date.now());
    }
    await connection?.end().catch(() => undefined);
    return this.counts;
  }

  private async connect(): Promise<Connection> {
    const { host, port, user, password, database } = this.site.mysql;
    const connection = await createConnection({
      host,
      port,
      user,
      password,
      database,
      supportBigNumbers: true,
      bigNumberStrings: true,
      connectTimeout: 5_000,
    });
    if (this.users.length === 0) {
      const [rows] = await connection.query<RowDataPacket[]>('SELECT id FROM mdl_user ORDER BY id LIMIT 20');
      this.users = rows.map((row) => String(row['id']));
    }
    return connection;
  }

  /** Of ten statements six insert a post, two edit one, one changes a user that others change too, one removes a post. */
  private async write(connection: Connection, n: number): Promise<void> {
    const now = Math.floor(Date.now() / 1000);
    const what = n % 10;
    const post = this.posts[(n * 7) % Math.max(1, this.posts.length)];
    const user = this.users[n % Math.max(1, this.users.length)] ?? '0';
    if (what < 6 || post === undefined) {
      const [result] = await connection.query<ResultSetHeader>(
        'INSERT INTO mdl_forum_posts (discussion, parent, userid, created, modified, subject, message) VALUES (1, 1, ?, ?, ?, ?, ?)',
        [
          user,
          now,
          now,
          `load ${this.runName} ${this.site.name} ${this.written++}`,
          `Written at site ${this.site.name}.`,
        ],
      );
      this.posts.push(String(result.insertId));
      this.counts.inserts += 1;
    } else if (what < 8) {
      const text = `Edited at site ${this.site.name}, statement ${n}.`;
      await connection.query('UPDATE mdl_forum_posts SET message = ?, modified = ? WHERE id = ?', [text, now, post]);
      this.counts.updates += 1;
    } else if (what === 8) {
      const name = `${this.site.name}${n}`;
      await connection.query('UPDATE mdl_user SET lastname = ?, timemodified = ? WHERE id = ?', [name, now, user]);
      this.counts.updates += 1;
    } else {
      await connection.query('DELETE FROM mdl_forum_posts WHERE id = ?', [post]);
      this.posts.splice(this.posts.indexOf(post), 1);
      this.counts.deletes += 1;
    }
  }
}

async function pause(ms: number): Promise<void> {
  if (ms > 0) await new Promise((resolve) => setTimeout(resolve, ms));
}
