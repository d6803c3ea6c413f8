import type { Connection, RowDataPacket } from 'mysql2/promise';
import { type ArrivedWrite, VisibilityBarrier } from '../../replicator/io/visibility-barrier';
import type { Logger } from '../../replicator/ports';
import { findServer } from '../../site/lab/find-server';
import { CaptureRig } from './capture-rig';

const binary = findServer();
const withMaria = binary?.flavour === 'mariadb' ? describe : describe.skip;

/** An open transaction stands in for one that is in the log but not yet visible: both hold their row's lock. */
withMaria('visibility of what the log shows (G9)', () => {
  let rig: CaptureRig;
  let writer: Connection;
  let warnings: number;
  let barrier: VisibilityBarrier;
  const log: Logger = { info: () => undefined, warn: () => warnings++, error: () => undefined };

  beforeAll(async () => {
    rig = new CaptureRig(binary!, false);
    await rig.server.start();
    await rig.run(`CREATE DATABASE school; CREATE TABLE school.t (id BIGINT PRIMARY KEY, n INT);
      CREATE DATABASE secret; CREATE TABLE secret.t (id BIGINT PRIMARY KEY);
      CREATE USER reader@localhost IDENTIFIED BY ''; GRANT SELECT ON school.* TO reader@localhost;`);
    writer = await rig.connect();
  });
  afterAll(async () => {
    writer.destroy();
    await rig.end();
  });
  beforeEach(() => {
    warnings = 0;
    barrier = new VisibilityBarrier({ ...rig.address, user: 'reader' }, rig.board, log);
  });
  afterEach(() => barrier.close());

  const write = (id: number, table = 'school.t'): ArrivedWrite => ({
    tables: [{ schema: table.split('.')[0]!, table: 't', rows: [[String(id)]] }],
    probe: `SELECT 1 FROM ${table} WHERE id = ${id} LOCK IN SHARE MODE`,
    cascades: false,
  });
  const busy = (table = 'school.t'): boolean => (rig.board.inFlight.get(table) ?? 0) > 0;
  const readers = async (): Promise<RowDataPacket[]> =>
    (await rig.rows('SHOW PROCESSLIST')).filter((row) => row['User'] === 'reader' && row['Command'] === 'Query');
  const asking = async (): Promise<RowDataPacket> => {
    for (;;) {
      const [row] = await readers();
      if (row !== undefined) return row;
    }
  };

  test('a table stays busy until the row can be seen, longer than a lock wait too, and no longer', async () => {
    await writer.query('BEGIN; INSERT INTO school.t VALUES (1, 1)');
    const began = Date.now();
    barrier.arrived(write(1));
    await asking();
    // Beyond innodb_lock_wait_timeout: the question is asked again.
    while (Date.now() - began < 1_500) await asking();
    expect(busy()).toBe(true);
    await writer.query('COMMIT');
    await barrier.settled();
    expect(busy()).toBe(false);
    expect(await rig.rows('SELECT id FROM school.t')).toHaveLength(1);
  });

  test('a delete and an update likewise', async () => {
    for (const statement of ['UPDATE school.t SET n = 2 WHERE id = 1', 'DELETE FROM school.t WHERE id = 1']) {
      await writer.query(`BEGIN; ${statement}`);
      barrier.arrived(write(1));
      await asking();
      expect(busy()).toBe(true);
      await writer.query('COMMIT');
      await barrier.settled();
      expect(busy()).toBe(false);
    }
  });

  test('one question answers for all writes before it, and a lost connection is replaced', async () => {
    await writer.query('BEGIN; INSERT INTO school.t VALUES (3, 1)');
    for (let n = 0; n < 50; n++) barrier.arrived(write(3));
    const { Id } = await asking();
    expect(rig.board.inFlight.get('school.t')).toBe(50);
    await rig.run(`KILL ${Number(Id)}`);
    while (warnings === 0) await asking();
    expect(rig.board.inFlight.get('school.t')).toBe(50);
    await writer.query('COMMIT');
    await barrier.settled();
    expect(busy()).toBe(false);
  });

  test('a table that is gone, or that the account may not read, is not busy for ever', async () => {
    barrier.arrived(write(1, 'school.gone'));
    barrier.arrived(write(1, 'secret.t'));
    expect(busy('secret.t')).toBe(true);
    await barrier.settled();
    expect(busy('secret.t')).toBe(false);
    expect(busy()).toBe(false);
  });

  test('closing ends what is in flight', async () => {
    await writer.query('BEGIN; INSERT INTO school.t VALUES (9, 1)');
    barrier.arrived(write(9));
    await asking();
    await barrier.close();
    expect(busy()).toBe(false);
    await writer.query('ROLLBACK');
  });
});
