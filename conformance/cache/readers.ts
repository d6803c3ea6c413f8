import type { Connection, RowDataPacket } from 'mysql2/promise';
import type { Chance } from './chance';
import { type RowHistory, StaleRead } from './row-history';

/** What a read asks, and the rows it shows. */
interface Read {
  readonly sql: string;
  readonly rows: readonly RowHistory[];
  /** The number of each of `rows`, in the same order. */
  readonly numbers: (found: readonly RowDataPacket[]) => readonly (number | null)[];
}

export interface Histories {
  readonly counters: readonly RowHistory[];
  readonly mirrored: readonly RowHistory[];
  readonly children: readonly RowHistory[];
  readonly remote: readonly RowHistory[];
  readonly shape: RowHistory;
  readonly shown: RowHistory;
}

const one = (found: readonly RowDataPacket[]): readonly (number | null)[] => [(found[0]?.['n'] as number) ?? null];

/** Some tens of milliseconds in which others may write; the row is read before them. */
const slowly = '(SELECT COUNT(*) FROM local_big a JOIN local_big b ON a.x <> b.x + 1) AS slow';

function readOf(chance: Chance, { counters, mirrored, children, remote, shape, shown }: Histories): Read {
  const row = chance.below(counters.length);
  const only = (rows: readonly RowHistory[]): readonly RowHistory[] => rows.slice(row, row + 1);
  const all = (table: string, rows: readonly RowHistory[]): Read => ({
    sql: `SELECT id, n FROM ${table} ORDER BY id`,
    rows,
    numbers: (found) => rows.map((_, at) => (found.find(({ id }) => id === at)?.['n'] as number) ?? null),
  });
  switch (chance.below(13)) {
    case 12:
      return { sql: 'SELECT n FROM local_shown', rows: [shown], numbers: one };
    case 0:
    case 1:
      return { sql: `SELECT n FROM local_counter WHERE id = ${row}`, rows: only(counters), numbers: one };
    case 2:
      return { sql: `SELECT n FROM local_counter WHERE id='${row}' LIMIT 1`, rows: only(counters), numbers: one };
    case 3:
      return all('local_counter', counters);
    case 4:
      return { sql: `SELECT n FROM local_counter WHERE name = 'k${row}'`, rows: only(counters), numbers: one };
    case 5: {
      const joined = 'local_counter c JOIN local_big b ON b.x = c.id + 1';
      return { sql: `SELECT c.n FROM ${joined} WHERE c.id = ${row}`, rows: only(counters), numbers: one };
    }
    case 6: {
      const sql = `SELECT c.n, ${slowly} FROM local_counter c WHERE c.id = ${row}`;
      return { sql, rows: only(counters), numbers: one };
    }
    case 7:
      return { sql: `SELECT n FROM local_counter_view WHERE id = ${row}`, rows: only(counters), numbers: one };
    case 8:
      return { sql: `SELECT n FROM local_mirror WHERE id = ${row}`, rows: only(mirrored), numbers: one };
    case 9: {
      const numbers = (found: readonly RowDataPacket[]): readonly number[] => [
        Math.floor(Number(found[0]?.['n']) / 100),
      ];
      return { sql: `SELECT n FROM local_child WHERE id = ${row}`, rows: only(children), numbers };
    }
    case 10:
      return chance.below(2) === 0
        ? { sql: `SELECT n FROM remote WHERE id = ${row}`, rows: only(remote), numbers: one }
        : all('remote', remote);
    default: {
      const numbers = (found: readonly RowDataPacket[]): readonly number[] =>
        Object.keys(found[0] ?? {})
          .filter((name) => name.startsWith('c'))
          .map((name) => Number(name.slice(1)));
      return { sql: 'SELECT * FROM local_shape', rows: [shape], numbers };
    }
  }
}

/** Reads at random through the proxy, and checks each. */
export class Readers {
  constructor(
    private readonly chance: Chance,
    private readonly histories: Histories,
    private readonly running: () => boolean,
    private readonly done: (kind: string) => void,
  ) {}

  /** Each statement by itself. `how` names the session in a report. */
  async plain(client: Connection, how: string): Promise<void> {
    while (this.running()) {
      await this.read(client, how);
      // Small breaks, so that others get at the server between.
      if (this.chance.below(20) === 0) await client.query('SELECT SLEEP(0.005)');
    }
  }

  /** READ COMMITTED: in a transaction each read sees what was committed before it. */
  async readCommitted(client: Connection): Promise<void> {
    await client.query('SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED');
    while (this.running()) {
      await client.query('START TRANSACTION');
      for (let reads = this.chance.below(5); reads >= 0; reads--) await this.read(client, 'READ COMMITTED');
      await client.query('COMMIT');
    }
  }

  /** REPEATABLE READ: what was read once in a transaction is read again. */
  async repeatable(client: Connection): Promise<void> {
    while (this.running()) {
      const row = this.chance.below(this.histories.counters.length);
      const sql = `SELECT n FROM local_counter WHERE id = ${row}`;
      const history = this.histories.counters[row];
      const least = history?.least ?? 0;
      await client.query('START TRANSACTION');
      const first = one((await client.query<RowDataPacket[]>(sql))[0])[0] ?? null;
      history?.returned(first, least, 'REPEATABLE READ');
      await client.query('SELECT SLEEP(0.01)');
      const again = one((await client.query<RowDataPacket[]>(sql))[0])[0] ?? null;
      if (again !== first) throw new StaleRead(`row ${row}: REPEATABLE READ returned ${first}, then ${again}`);
      await client.query('COMMIT');
      this.done('REPEATABLE READ');
    }
  }

  private async read(client: Connection, how: string): Promise<void> {
    const { sql, rows, numbers } = readOf(this.chance, this.histories);
    const least = rows.map((history) => history.least);
    const [found] = await client.query<RowDataPacket[]>(sql);
    const values = numbers(found);
    rows.forEach((history, at) => history.returned(values[at] ?? null, least[at] ?? 0, `${how}: ${sql}`));
    this.done(how);
  }
}
