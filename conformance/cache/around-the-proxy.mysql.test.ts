import { type Connection, createConnection, type RowDataPacket } from 'mysql2/promise';
import { findServer } from '../../site/lab/find-server';
import { until } from '../replication/test-sites';
import { CachedSite } from './cached-site';

/** The semi-synchronous wait that brings an event before its rows is built into MariaDB. */
const found = findServer();
const binary = found?.flavour === 'mariadb' ? found : null;

/** Until it is switched off again: nobody is there to answer. */
const holdsCommits =
  'SET GLOBAL rpl_semi_sync_master_wait_point=AFTER_SYNC, GLOBAL rpl_semi_sync_master_wait_no_slave=1, ' +
  'GLOBAL rpl_semi_sync_master_timeout=600000, GLOBAL rpl_semi_sync_master_enabled=1';

(binary === null ? describe.skip : describe)('writes past the proxy, of more than InnoDB’s tables', () => {
  let site: CachedSite;
  let reader: Connection;
  const opened: Connection[] = [];

  const direct = async (): Promise<Connection> => {
    const socketPath = site.here.server.socket;
    const connection = await createConnection({ socketPath, user: 'root', database: 'app', multipleStatements: true });
    opened.push(connection);
    return connection;
  };
  const number = async (sql: string, from = reader): Promise<number> =>
    Number((await from.query<RowDataPacket[]>(sql))[0][0]?.['n']);

  beforeAll(async () => {
    if (binary === null) throw new Error('no server');
    site = await CachedSite.start(binary);
    await site.here.sql
      .query(`CREATE TABLE local_inno (id BIGINT PRIMARY KEY, n BIGINT); INSERT INTO local_inno VALUES (1, 1);
      CREATE TABLE local_my (id BIGINT PRIMARY KEY, n BIGINT) ENGINE = MyISAM; INSERT INTO local_my VALUES (1, 1);
      CREATE TABLE local_merged (id BIGINT PRIMARY KEY, n BIGINT) ENGINE = MERGE UNION = (local_my) INSERT_METHOD = LAST`);
    await site.open(null, false);
    reader = await site.connect();
    await site.settle();
  });
  afterAll(async () => {
    for (const connection of opened) connection.destroy();
    await site.stop();
    expect(site.errors).toEqual([]);
  });

  it('a table under a MERGE table shows what is written there', async () => {
    const text = 'SELECT n FROM local_my WHERE id = 1';
    for (let n = 2; n < 5; n++) {
      for (let reads = 0; reads < 5; reads++) await number(text);
      await site.here.sql.query(`UPDATE local_merged SET n = ${n}`);
      await site.settle();
      expect(await number(text)).toBe(n);
    }
  });

  it('a row of MyISAM tells nothing of a commit of InnoDB before it in the log', async () => {
    const text = 'SELECT n FROM local_inno WHERE id = 1';
    const { sql } = site.here;
    const [first, second] = [await direct(), await direct()];
    const commits: Promise<unknown>[] = [];
    const lockWaits = async (): Promise<number> =>
      number(
        "SELECT variable_value AS n FROM information_schema.global_status WHERE variable_name = 'INNODB_ROW_LOCK_WAITS'",
        sql,
      );
    /** Capture asks again and again whether the first commit is visible. */
    const asked = async (times: number, meanwhile: () => Promise<boolean>): Promise<void> => {
      const waits = await lockWaits();
      await until(
        async () => (await meanwhile()) || (await lockWaits()) >= waits + times,
        () => Promise.resolve('capture does not ask'),
      );
    };
    /** If it thought that it was, the reply would be kept. */
    const keepsNone = async (): Promise<void> => {
      const hits = await site.hits();
      await asked(3, async () => {
        await number(text);
        return (await site.hits()) > hits;
      });
      expect(await site.hits()).toBe(hits);
    };
    await number(text);
    await sql.query(holdsCommits);
    try {
      commits.push(first.query('UPDATE local_inno SET n = 2 WHERE id = 1'));
      // Until capture has read of it, what was kept before it may be told.
      await asked(1, () => Promise.resolve(false));
      await keepsNone();
      // No locking read waits for what is inserted concurrently.
      commits.push(second.query('INSERT INTO local_my VALUES (2, 2)'));
      await keepsNone();
    } finally {
      await sql.query('SET GLOBAL rpl_semi_sync_master_enabled = 0');
      await Promise.all(commits);
    }
    await site.settle();
    expect(await number(text)).toBe(2);
  });
});
