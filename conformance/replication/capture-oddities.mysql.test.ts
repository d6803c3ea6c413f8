import { findServer } from '../../site/lab/find-server';
import { CaptureRig, show } from './capture-rig';

const binary = findServer();
const withMaria = binary?.flavour === 'mariadb' ? describe : describe.skip;

withMaria('capture of what servers and sessions do besides plain rows', () => {
  let rig: CaptureRig;
  beforeAll(async () => {
    rig = new CaptureRig(binary!, false);
    await rig.server.start();
    await rig.run('CREATE DATABASE school; USE school; CREATE TABLE t (id BIGINT PRIMARY KEY, n BIGINT)');
    await rig.start();
  });
  afterAll(() => rig.end());
  beforeEach(async () => {
    await rig.run('DELETE FROM t');
    await rig.captured();
    rig.alarms.length = 0;
  });

  const captured = async (...statements: string[]): Promise<string[][]> => {
    await rig.run(...statements);
    return (await rig.captured()).map(show);
  };
  /** The server keeps a file as long as it believes that a reader is in it, or that its own recovery needs it. */
  const purgeTo = async (file: string): Promise<void> => {
    const dumps = async (): Promise<unknown[]> =>
      (await rig.rows('SHOW PROCESSLIST')).filter((row) => row['Command'] === 'Binlog Dump').map((row) => row['Id']);
    for (const id of await dumps()) await rig.run(`KILL ${Number(id)}`).catch(() => undefined);
    while ((await dumps()).length > 0) await new Promise((resolve) => setImmediate(resolve));
    while ((await rig.rows('SHOW BINARY LOGS')).length > 1) await rig.run(`PURGE BINARY LOGS TO '${file}'`);
  };
  const codes = (): string[] => rig.alarms.map(({ code }) => code);

  test('savepoints, CREATE TABLE … SELECT, tables without transactions, temporary tables', async () => {
    expect(
      await captured(
        'BEGIN',
        'INSERT INTO t VALUES (1,1)',
        'SAVEPOINT s',
        'INSERT INTO t VALUES (2,1)',
        'ROLLBACK TO s',
        'INSERT INTO t VALUES (3,1)',
        'COMMIT',
      ),
    ).toEqual([['insert t [] [1 1]', 'insert t [] [3 1]']]);
    expect(await captured('CREATE TABLE made (PRIMARY KEY (id)) SELECT id, n FROM t')).toEqual([
      ['insert made [] [1 1]', 'insert made [] [3 1]'],
    ]);
    await rig.run('CREATE TABLE my (id BIGINT PRIMARY KEY) ENGINE=MyISAM');
    expect(await captured('INSERT INTO my VALUES (1),(2)')).toEqual([]);
    expect(codes()).toContain('DUARA_TABLE_NOT_TRANSACTIONAL');
    rig.alarms.length = 0;
    expect(
      await captured('CREATE TEMPORARY TABLE tmp (id INT PRIMARY KEY)', 'INSERT INTO tmp VALUES (1)', 'DROP TABLE tmp'),
    ).toEqual([]);
    expect(codes()).toEqual([]);
  });

  test('generated columns: what is computed is carried like the rest, stored or not', async () => {
    await rig.run('CREATE TABLE g (id BIGINT PRIMARY KEY, v BIGINT AS (id * 2) VIRTUAL, s BIGINT AS (id * 3) STORED)');
    expect(await captured('INSERT INTO g (id) VALUES (5)')).toEqual([['insert g [] [5 10 15]']]);
    expect(await captured('UPDATE g SET id = 6')).toEqual([['delete g [5 10 15] []', 'insert g [] [6 12 18]']]);
  });

  test('every kind of primary key can be asked for, and holds no table back', async () => {
    const keys = [
      'DATETIME(3)',
      'DECIMAL(10,3)',
      'DATE',
      "ENUM('2020-01-02','b')",
      'VARCHAR(30)',
      'DOUBLE',
      'BINARY(10)',
    ];
    for (const [index, type] of keys.entries()) {
      const value = /DECIMAL|DOUBLE/.test(type) ? '12.5' : "'2020-01-02'";
      await rig.run(`CREATE TABLE k${index} (id ${type} PRIMARY KEY)`);
      expect(await captured(`INSERT INTO k${index} VALUES (${value})`)).toHaveLength(1);
    }
    while ([...rig.board.inFlight.values()].some((n) => n !== 0)) await new Promise((resolve) => setImmediate(resolve));
  });

  test('an XA transaction is carried when it commits, and not when it is rolled back', async () => {
    const prepare = (xid: string, id: number): string[] => [
      ...[`XA START '${xid}'`, `INSERT INTO t VALUES (${id},7)`, `XA END '${xid}'`, `XA PREPARE '${xid}'`],
    ];
    expect(await captured(...prepare('x', 7), "XA ROLLBACK 'x'")).toEqual([]);
    expect(await captured(...prepare('y', 8), "XA COMMIT 'y'")).toEqual([['insert t [] [8 7]']]);
    expect(
      await captured("XA START 'z'", 'INSERT INTO t VALUES (9,7)', "XA END 'z'", "XA COMMIT 'z' ONE PHASE"),
    ).toEqual([['insert t [] [9 7]']]);
    expect(codes()).toEqual([]);
  });

  test('what is rolled back stays here, though the log holds it once a temporary table was made meanwhile', async () => {
    const temporary = 'CREATE TEMPORARY TABLE tmp (id INT PRIMARY KEY)';
    expect(await captured('BEGIN', 'INSERT INTO t VALUES (1,1)', temporary, 'ROLLBACK')).toEqual([]);
    await rig.run('DROP TEMPORARY TABLE tmp');
    expect(
      await captured(
        ...['BEGIN', 'INSERT INTO t VALUES (2,2)', 'SAVEPOINT Here', temporary, 'INSERT INTO t VALUES (3,3)'],
        ...['ROLLBACK TO here', 'INSERT INTO t VALUES (4,4)', 'COMMIT'],
      ),
    ).toEqual([['insert t [] [2 2]', 'insert t [] [4 4]']]);
    await rig.run('DROP TEMPORARY TABLE tmp');
    expect(codes()).toEqual([]);
  });

  test.each([
    ["SET SESSION binlog_format='STATEMENT'", 'DUARA_LOG_NOT_ROW', 'binlog_format=ROW'],
    ["SET SESSION binlog_row_image='MINIMAL'", 'DUARA_LOG_IMAGE_NOT_FULL', 'binlog_row_image=FULL'],
  ])('%s stops capture with the fix; skipping that GTID goes on behind it', async (setting, code, fix) => {
    expect(await captured('INSERT INTO t VALUES (1,1)')).toHaveLength(1);
    const stopped = new Promise<Error>((resolve) => rig.capture.onStopped(resolve));
    await rig.run(setting, 'UPDATE t SET n = 5');
    const [row] = await rig.rows('SELECT @@global.gtid_binlog_pos AS gtid');
    await rig.run("SET SESSION binlog_format='ROW', binlog_row_image='FULL'", 'INSERT INTO t VALUES (2,2)');
    const { message } = await stopped;
    expect(await stopped).toMatchObject({ code });
    // All that the operator needs: what to change, and the transaction to pass over.
    for (const told of [fix, String(row?.['gtid']), 'replicate.skipGtids']) expect(message).toContain(told);
    expect(codes()).toContain(code);
    expect(rig.board.healthy).toBe(false);
    await rig.stopCapture();
    await rig.start({}, { skipGtids: [String(row?.['gtid'])] });
    expect((await rig.captured()).map(show)).toEqual([['insert t [] [2 2]']]);
    const seqs = (await rig.spooled()).map((set) => set.seq);
    expect(seqs).toEqual(seqs.map((_seq, index) => BigInt(index + 1)));
  });

  test('thousands of rows in one transaction, and thousands of transactions', async () => {
    expect((await captured('INSERT INTO t SELECT seq, 1 FROM seq_1_to_20000'))[0]).toHaveLength(20_000);
    const began = process.cpuUsage();
    await rig.run(Array.from({ length: 2000 }, (_, n) => `UPDATE t SET n = 2 WHERE id = ${n + 1}`).join(';'));
    const sets = await rig.captured();
    expect(sets).toHaveLength(2000);
    // What it took of a processor: the time by the clock is the machine's and the server's too.
    const { user, system } = process.cpuUsage(began);
    expect((user + system) / 1e6).toBeLessThan(15);
  });

  test('log files that were read and purged are not missed; unread ones are', async () => {
    await captured('INSERT INTO t VALUES (1,1)');
    await rig.stopCapture();
    await rig.run('FLUSH BINARY LOGS');
    await purgeTo('binlog.000002');
    await rig.start();
    expect(await captured('INSERT INTO t VALUES (2,2)')).toEqual([['insert t [] [2 2]']]);
    await rig.stopCapture();
    await rig.run('INSERT INTO t VALUES (3,3)', 'FLUSH BINARY LOGS');
    await purgeTo('binlog.000003');
    await rig.start();
    await expect(rig.capture.reached('0-1-999999')).rejects.toMatchObject({ code: 'DUARA_LOG_PURGED' });
  });
});
