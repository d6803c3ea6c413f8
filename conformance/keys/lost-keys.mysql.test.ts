import { type Connection, type ResultSetHeader, type RowDataPacket } from 'mysql2/promise';
import { describeKeyed } from './describe-keyed';
import { KeyedSite } from './keyed-site';

/** The key of a prepared INSERT comes in a command of its own, which the server may refuse while it carries the INSERT out. */
describeKeyed('a prepared INSERT whose key did not come', (start) => {
  let site: KeyedSite;
  let root: Connection;

  beforeAll(async () => {
    site = await start();
    root = await site.root();
    await root.query(
      'CREATE TABLE app.t (id BIGINT AUTO_INCREMENT PRIMARY KEY, v VARCHAR(50)); ' +
        "CREATE USER few@localhost IDENTIFIED BY 'secret' WITH MAX_QUERIES_PER_HOUR 8; GRANT ALL ON app.* TO few@localhost",
    );
    await site.schemaChanged();
  });

  const connect = (user: string): Promise<Connection> => site.connect({ user });

  it.each([
    ['INSERT', ''],
    ['INSERT IGNORE', ''],
    ['INSERT', ' ON DUPLICATE KEY UPDATE v = VALUES(v)'],
    ['REPLACE', ''],
  ])('fails, and takes none that was taken before: %s%s', async (verb, tail) => {
    await root.query('FLUSH USER_RESOURCES; DELETE FROM app.t');
    const db = await connect('few');
    const told: (number | string)[] = [];
    for (let round = 0; round < 12; round++) {
      const done = db.execute<ResultSetHeader>(`${verb} INTO t (v) VALUES (?)${tail}`, [`r${round}`]);
      told.push(
        await done.then(
          ([{ affectedRows }]) => affectedRows,
          ({ errno }: { errno: number }) => `error ${errno}`,
        ),
      );
    }
    db.destroy();
    const [rows] = await root.query<RowDataPacket[]>('SELECT v FROM app.t ORDER BY id');
    // ER_USER_LIMIT_REACHED: of the command that would have brought the key.
    const made = told.filter((one) => one !== 'error 1226');
    expect(made.length).toBeLessThan(12);
    expect(made).toEqual(rows.map(() => 1));
    expect(rows.map(({ v }) => String(v))).toEqual(made.map((_, round) => `r${round}`));
  });

  it('goes well where the server prepares it anew', async () => {
    await root.query('DELETE FROM app.t');
    const db = await connect('app');
    const insert = (): Promise<unknown> => db.execute('INSERT INTO t (v) VALUES (?)', ['x']);
    await insert();
    for (const ddl of ['ALTER TABLE app.t ADD w INT', 'FLUSH TABLES', 'ALTER TABLE app.t DROP w']) {
      await root.query(ddl);
      await insert();
      await insert();
    }
    await db.end();
    const [rows] = await root.query<RowDataPacket[]>('SELECT v FROM app.t');
    expect(rows).toHaveLength(7);
  });
});
