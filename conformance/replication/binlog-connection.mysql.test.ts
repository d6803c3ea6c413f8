import type { BinlogEvent } from '../../replicator/binlog/events';
import { openBinlog } from '../../replicator/io/binlog-connection';
import { LoggedServer, mariaDb, rowsOf } from './logged-server';

const suite = mariaDb === null ? describe.skip : describe;

suite('reading the binary log', () => {
  const logged = new LoggedServer(['--max-allowed-packet=64M']);
  beforeAll(() => logged.start());
  afterAll(() => logged.stop());

  async function codeOf(reading: Promise<unknown>): Promise<unknown> {
    try {
      await reading;
      return 'no error';
    } catch (error) {
      const { code, errorCode } = error as { code?: string; errorCode?: number };
      return errorCode === undefined ? code : [code, errorCode];
    }
  }

  test('a transaction: GTID, table map, rows, XID; the next reader goes on after it', async () => {
    await logged.client.query('CREATE TABLE t (id INT PRIMARY KEY, v INT)');
    const start = await logged.position();
    await logged.client.query('BEGIN; INSERT INTO t VALUES (1, 1), (2, 2); UPDATE t SET v=3 WHERE id=1; COMMIT');
    const kinds = (events: BinlogEvent[]) => events.map(({ kind }) => kind).filter((kind) => kind !== 'other');
    const transaction = ['gtid', 'tableMap', 'rows', 'tableMap', 'rows', 'xid'];
    expect(kinds(await logged.events(start))).toEqual(['rotate', 'formatDescription', ...transaction]);
    const next = await logged.position();
    await logged.client.query('DELETE FROM t WHERE id=2; ALTER TABLE t ADD COLUMN w INT');
    const events = await logged.events(next);
    expect(kinds(events).slice(2)).toEqual(['gtid', 'tableMap', 'rows', 'xid', 'gtid', 'query']);
    expect(events.filter((event) => event.kind === 'gtid')).toMatchObject([
      { standalone: false, ddl: false },
      { gtid: await logged.position(), standalone: true, ddl: true },
    ]);
    expect(events.at(-1)).toMatchObject({ kind: 'query', schema: 'app', sql: 'ALTER TABLE t ADD COLUMN w INT' });
  });

  test('the key of a table, with prefix too, signedness and character sets', async () => {
    const [row] = await logged.logged(`
      CREATE TABLE k (n INT, a VARCHAR(9) CHARACTER SET latin1, y YEAR, u BIGINT UNSIGNED, g POINT, b BINARY(3),
        e ENUM('ä') CHARACTER SET latin1, c VARCHAR(9), PRIMARY KEY (c(2), u));
      INSERT INTO k VALUES (1, 'a', 2000, 1, NULL, 'b', 'ä', 'c')`);
    expect(row?.table).toMatchObject({
      schema: 'app',
      table: 'k',
      primaryKey: [7, 3],
      columns: [
        { name: 'n', nullable: true, unsigned: false, collation: null },
        { name: 'a', collation: 8 },
        { name: 'y' },
        { name: 'u', nullable: false, unsigned: true },
        { name: 'g', collation: 63 },
        { name: 'b', collation: 63 },
        { name: 'e', collation: 8, members: ['ä'] },
        { name: 'c', nullable: false, collation: 45 },
      ],
    });
  });

  test('events around and above 16 MiB, which come in several packets', async () => {
    await logged.client.query('CREATE TABLE large (id INT PRIMARY KEY, v LONGBLOB)');
    // The packet of an event with this many bytes of data is exactly 2^24-1 bytes long.
    const exact = 0xffffff - 43;
    const lengths = [exact - 1, exact, exact + 1, 2 * 0xffffff];
    for (const [id, length] of lengths.entries()) {
      const [change] = await logged.logged(`INSERT INTO large VALUES (${id}, REPEAT('x', ${length}))`);
      const value = change?.row.after?.[1];
      expect(value?.length).toBe(4 + length);
      expect(
        Buffer.from(value ?? [])
          .subarray(4)
          .every((byte) => byte === 0x78),
      ).toBe(true);
    }
  });

  test('heartbeats come while nothing happens', async () => {
    const reader = await openBinlog({ ...logged.options(await logged.position()), heartbeatMs: 1_000 });
    let heartbeats = 0;
    for await (const batch of reader.batches()) {
      heartbeats += batch.filter(({ kind }) => kind === 'heartbeat').length;
      if (heartbeats >= 2) break;
    }
    expect(heartbeats).toBeGreaterThanOrEqual(2);
  });

  test('a slow taker gets everything, in order', async () => {
    await logged.client.query('CREATE TABLE many (id INT PRIMARY KEY, v VARCHAR(250))');
    const start = await logged.position();
    await logged.client.query("INSERT INTO many SELECT seq, REPEAT('v', 250) FROM seq_1_to_20000");
    await logged.client.query('DELETE FROM many');
    const reader = await openBinlog(logged.options(start));
    const events: BinlogEvent[] = [];
    for await (const batch of reader.batches()) {
      await new Promise(setImmediate);
      events.push(...batch);
      if (events.filter(({ kind }) => kind === 'xid').length === 2) break;
    }
    const ids = rowsOf(events).map(({ row }) => Buffer.from((row.before ?? row.after)?.[0] ?? []).readInt32LE());
    const inOrder = Array.from({ length: 20_000 }, (_, at) => at + 1);
    expect(ids).toEqual([...inOrder, ...inOrder]);
  });

  test('close ends the stream without an error', async () => {
    const reader = await openBinlog(logged.options(await logged.position()));
    const reading = (async () => {
      for await (const batch of reader.batches()) if (batch.length > 0) reader.close();
    })();
    await expect(reading).resolves.toBeUndefined();
  });

  test('an unknown GTID is an error with its number', async () => {
    const reader = await openBinlog(logged.options('0-5-999999'));
    expect(await codeOf(reader.batches().next())).toEqual(['DUARA_DATABASE_SERVER', 1236]);
  });

  test('what is no GTID at all is refused before it reaches the server', async () => {
    expect(await codeOf(openBinlog(logged.options("0-5-1'; DROP")))).toBe('DUARA_GTID_FORMAT');
  });

  test('a password over TCP: right and wrong', async () => {
    await logged.client.query(
      "CREATE USER reader@'%' IDENTIFIED BY 'pä55'; GRANT REPLICATION SLAVE ON *.* TO reader@'%'",
    );
    const endpoint = { host: '127.0.0.1', port: logged.server.port };
    const options = { ...logged.options(await logged.position()), endpoint, user: 'reader', password: 'pä55' };
    const reader = await openBinlog(options);
    expect((await reader.batches().next()).done).toBe(false);
    reader.close();
    expect(await codeOf(openBinlog({ ...options, password: 'wrong' }))).toEqual(['DUARA_DATABASE_SERVER', 1045]);
  });

  test('nobody listens: an error with a code', async () => {
    const endpoint = { socketPath: `${logged.dir}/none.sock` };
    expect(await codeOf(openBinlog({ ...logged.options(''), endpoint }))).toBe('DUARA_DATABASE_CONNECTION');
  });

  test('a server that dies in the middle of the stream: an error with a code', async () => {
    const reader = await openBinlog(logged.options(await logged.position()));
    const reading = (async () => {
      const batches = reader.batches();
      while (!(await batches.next()).done);
    })();
    const code = codeOf(reading);
    await logged.server.stop('SIGKILL');
    expect(await code).toBe('DUARA_DATABASE_CONNECTION');
  });
});
