import { DatabaseConnection } from '../../replicator/io/database-connection';
import { type Finding, checkServer } from '../../replicator/io/server-check';
import { duaraAccountSql } from '../../site/accounts';
import { findServer } from '../../site/lab/find-server';
import { CaptureRig } from './capture-rig';

const binary = findServer();
const withMaria = binary?.flavour === 'mariadb' ? describe : describe.skip;

withMaria('what keeps a server from replicating', () => {
  let rig: CaptureRig;
  beforeAll(async () => {
    rig = new CaptureRig(binary!, true);
    await rig.server.start();
    await rig.run(
      ...duaraAccountSql({ user: 'duara', host: 'localhost', password: 'pw', schemas: [], flavour: 'mariadb' }),
    );
    await rig.run("CREATE USER weak@localhost IDENTIFIED BY 'pw'");
  });
  afterAll(() => rig.end());

  const check = async (user: string, password: string, allowUnsafe = false): Promise<Finding[]> => {
    const connection = await DatabaseConnection.open({ ...rig.address, user, password }, []);
    const findings = await checkServer(connection, { allowUnsafe });
    await connection.close();
    return findings;
  };

  test('a rightly set up server has nothing amiss, for root and for the account that the lab makes', async () => {
    expect(await check('root', '')).toEqual([]);
    expect(await check('duara', 'pw')).toEqual([]);
  });

  test.each([
    ['binlog_format', 'MIXED', 'ROW', 'DUARA_SERVER_LOG_FORMAT'],
    ['binlog_row_image', 'MINIMAL', 'FULL', 'DUARA_SERVER_ROW_IMAGE'],
    ['binlog_row_metadata', 'NO_LOG', 'FULL', 'DUARA_SERVER_ROW_METADATA'],
    ['sync_binlog', '0', '1', 'DUARA_SERVER_UNSAFE'],
    ['innodb_flush_log_at_trx_commit', '2', '1', 'DUARA_SERVER_UNSAFE'],
  ])('%s=%s is fatal, and the line that mends it mends it', async (variable, wrong, right, code) => {
    await rig.run(`SET GLOBAL ${variable}=${wrong}`);
    const [finding, ...more] = await check('duara', 'pw');
    expect(more).toEqual([]);
    expect(finding).toMatchObject({ code, fatal: true, message: expect.stringContaining(`${variable} is ${wrong}`) });
    expect(finding?.fix).toContain(`SET GLOBAL ${variable}=${right}`);
    const overridden = await check('duara', 'pw', true);
    expect(overridden[0]?.fatal).toBe(code !== 'DUARA_SERVER_UNSAFE');
    await rig.run(finding!.fix.split(';')[0]!);
    expect(await check('duara', 'pw')).toEqual([]);
  });

  test('missing privileges are named with the GRANT that gives them', async () => {
    const findings = await check('weak', 'pw');
    expect(findings.map(({ fix }) => fix)).toEqual([
      "GRANT REPLICATION SLAVE ON *.* TO 'weak'@'localhost';",
      "GRANT BINLOG MONITOR ON *.* TO 'weak'@'localhost';",
      "GRANT BINLOG REPLAY ON *.* TO 'weak'@'localhost';",
    ]);
    for (const { fix } of findings) await rig.run(fix);
    expect(await check('weak', 'pw')).toEqual([]);
  });
});
