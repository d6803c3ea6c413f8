import type { Connection, RowDataPacket } from 'mysql2/promise';
import { parentValue } from './cached-site';
import type { Chance } from './chance';
import { type RowHistory, StaleRead } from './row-history';

/** Writes `n` to a row of the counters through the proxy; when it resolves, the write was acknowledged. */
type Write = (client: Connection, row: number, n: number) => Promise<unknown>;

const set = (row: number, n: number): string => `UPDATE local_counter SET n = ${n} WHERE id = ${row}`;
/** Long enough for others to look into it. */
const pause = 'SELECT SLEEP(0.03)';

export const counterWrites: Readonly<Record<string, Write>> = {
  'by key': (client, row, n) => client.query(set(row, n)),
  'by quoted key': (client, row, n) => client.query(`UPDATE local_counter SET n = '${n}' WHERE id = '${row}'`),
  'by name': (client, row, n) => client.query(`UPDATE local_counter SET n = ${n} WHERE name = 'k${row}'`),
  transaction: async (client, row, n) => {
    await client.query('START TRANSACTION');
    await client.query(set(row, n));
    const [rows] = await client.query<RowDataPacket[]>(`SELECT n FROM local_counter WHERE id = ${row}`);
    if (rows[0]?.['n'] !== n)
      throw new StaleRead(`row ${row}: a transaction read ${rows[0]?.['n']} after writing ${n}`);
    await client.query('COMMIT');
  },
  'after a rollback': async (client, row, n) => {
    await client.query(`BEGIN; UPDATE local_counter SET n = -1 WHERE id = ${row}; ${pause}; ROLLBACK`);
    await client.query(set(row, n));
  },
  prepared: (client, row, n) => client.execute('UPDATE local_counter SET n = ? WHERE id = ?', [n, row]),
  replace: (client, row, n) => client.query(`REPLACE INTO local_counter VALUES (${row}, 'k${row}', ${n})`),
  'on duplicate key': (client, row, n) =>
    client.query(`INSERT INTO local_counter VALUES (${row}, 'k${row}', 0) ON DUPLICATE KEY UPDATE n = ${n}`),
  'seen late by the proxy': (client, row, n) => client.query(`${set(row, n)}; ${pause}`),
  'sent early': (client, row, n) => client.query(`${pause}; ${set(row, n)}`),
  'deleted and made anew': async (client, row, n) => {
    await client.query('START TRANSACTION');
    await client.query(`DELETE FROM local_counter WHERE id = ${row}`);
    await client.query(`INSERT INTO local_counter VALUES (${row}, 'k${row}', ${n})`);
    await client.query('COMMIT');
  },
  'moved away and back': async (client, row, n) => {
    await client.query('BEGIN');
    await client.query(`UPDATE local_counter SET id = ${row + 1000} WHERE id = ${row}`);
    await client.query(`UPDATE local_counter SET id = ${row}, n = ${n} WHERE id = ${row + 1000}`);
    await client.query('COMMIT');
  },
  'through a join': (client, row, n) =>
    client.query(`UPDATE local_counter c JOIN local_big b ON b.x = c.id + 1 SET c.n = ${n} WHERE c.id = ${row}`),
  'behind a savepoint': (client, row, n) =>
    client.query(
      `BEGIN; SAVEPOINT a; UPDATE local_counter SET n = -1 WHERE id = ${row}; ${pause}; ROLLBACK TO a; ${set(row, n)}; COMMIT`,
    ),
  'with autocommit off': (client, row, n) =>
    client.query(`SET autocommit = 0; ${set(row, n)}; ${pause}; COMMIT; SET autocommit = 1`),
  'in a chain': (client, row, n) => client.query(`BEGIN; ${set(row, n)}; COMMIT AND CHAIN; ${pause}; COMMIT`),
  'by a key of another type': (client, row, n) =>
    client.query(`UPDATE local_counter SET n = ${n} WHERE id = ${row}.0 AND id <=> '${row}'`),
  'through a view': (client, row, n) => client.query(`UPDATE local_counter_view SET n = ${n} WHERE id = ${row}`),
  'by a procedure': (client, row, n) => client.query(`CALL set_n(${row}, ${n})`),
};

export class Writers {
  constructor(
    private readonly chance: Chance,
    private readonly running: () => boolean,
    private readonly done: (kind: string) => void,
  ) {}

  /** `flushes`: also by ways whose tables are not known, which void all that is kept. */
  async counters(client: Connection, rows: readonly RowHistory[], flushes: boolean): Promise<void> {
    const kinds = Object.entries(counterWrites).filter(([kind]) => flushes || kind !== 'by a procedure');
    while (this.running()) {
      const [kind, write] = this.chance.of(kinds);
      await this.one(kind, rows, (row, n) => write(client, row, n));
    }
  }

  /** Through a trigger and a cascade: other tables than those that the statement names. */
  async byTheWay(client: Connection, mirrored: readonly RowHistory[], children: readonly RowHistory[]): Promise<void> {
    while (this.running()) {
      await this.one('trigger', mirrored, (row, n) =>
        client.query(`UPDATE local_traced SET n = ${n} WHERE id = ${row}; ${pause}`),
      );
      await this.one('cascade', children, (row, n) =>
        client.query(`UPDATE local_parent SET n = ${parentValue(n, row)} WHERE id = ${row}; ${pause}`),
      );
    }
  }

  /** Rows that arrive from another site. Nobody is told of the apply: only what was shown must stay shown. */
  async replicated(client: Connection, rows: readonly RowHistory[]): Promise<void> {
    while (this.running()) {
      const row = this.chance.below(rows.length);
      await rows[row]?.alone(async () => {
        const n = rows[row]?.propose();
        await client.query(`UPDATE remote SET n = ${n} WHERE id = ${row}`);
        this.done('replicated');
      });
      await client.query('SELECT SLEEP(0.02)');
    }
  }

  /** Columns that come and go. */
  async definitions(client: Connection, shape: RowHistory): Promise<void> {
    while (this.running()) {
      await shape.alone(async () => {
        const n = shape.propose();
        await client.query(`ALTER TABLE local_shape ADD c${n} INT DEFAULT 0, DROP c${n - 1}`);
        shape.acknowledged(n);
        this.done('DDL');
      });
      await client.query('SELECT SLEEP(2)');
    }
  }

  /** A view that shows one table and then the other, where only a procedure says so. */
  async redefined(client: Connection, reader: Connection, shown: RowHistory): Promise<void> {
    const read = async (): Promise<void> => {
      const { least } = shown;
      const [rows] = await reader.query<RowDataPacket[]>('SELECT n FROM local_shown');
      shown.returned((rows[0]?.['n'] as number) ?? null, least, 'a view made anew by a procedure');
    };
    while (this.running()) {
      await shown.alone(async () => {
        const table = this.chance.below(2) === 0 ? 'a' : 'b';
        await client.query(`UPDATE local_shown_${table} SET n = ${shown.least}; CALL show_${table}()`);
        // By then its reply is kept, mostly.
        for (let reads = 0; reads < 4; reads++) await read();
        const n = shown.propose();
        await client.query(`UPDATE local_shown_${table} SET n = ${n}`);
        shown.acknowledged(n);
        await read();
        this.done('a view made anew by a procedure');
      });
      await client.query('SELECT SLEEP(1)');
    }
  }

  private async one(
    kind: string,
    rows: readonly RowHistory[],
    write: (row: number, n: number) => Promise<unknown>,
  ): Promise<void> {
    const row = this.chance.below(rows.length);
    const history = rows[row];
    await history?.alone(async () => {
      const n = history.propose();
      await unlessDeadlocked(() => write(row, n));
      history.acknowledged(n);
      this.done(kind);
    });
  }
}

/** Writers of other rows meet in gaps of the indexes; who is chosen to give way (1213) has written nothing. */
async function unlessDeadlocked(write: () => Promise<unknown>): Promise<void> {
  for (;;) {
    try {
      return void (await write());
    } catch (error) {
      if ((error as { errno?: number }).errno !== 1213) throw error;
    }
  }
}
