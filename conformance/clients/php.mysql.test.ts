import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createConnection } from 'mysql2/promise';
import { DatabaseServer } from '../../site/lab/database-server';
import { findOrInstallServer } from '../../site/lab/find-server';
import { LabProcess } from '../lab/lab-process';
import { phpAvailable } from './php';

const script = join(__dirname, 'crud.php');
const drivers = ['mysqli', 'pdo-emulated', 'pdo-native'];
const keyTypes = ['BIGINT', 'INT'];
const describePhp = phpAvailable() ? describe : describe.skip;

interface Target {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly database: string;
}

function crud(driver: string, target: Target, table: string): { output: string; keys: bigint[] } {
  const { host, port, user, password, database } = target;
  const run = spawnSync('php', [script, driver, host, String(port), user, password, database, table], {
    encoding: 'utf8',
  });
  expect({ status: run.status, error: run.status === 0 ? '' : run.stdout + run.stderr }).toEqual({
    status: 0,
    error: '',
  });
  const keys = /\{"keys":\[(.*)\]\}/.exec(run.stderr)?.[1] ?? '';
  return { output: run.stdout, keys: keys.split(',').map((key) => BigInt(key.replace(/"/g, ''))) };
}

function tableName(driver: string, keyType: string): string {
  return `crud_${driver.replace('-', '_')}_${keyType.toLowerCase()}`;
}

function createTables(): string[] {
  return drivers.flatMap((driver) =>
    keyTypes.map(
      (keyType) =>
        `CREATE TABLE ${tableName(driver, keyType)} (id ${keyType} NOT NULL AUTO_INCREMENT PRIMARY KEY, ` +
        'name VARCHAR(60) NOT NULL UNIQUE, note TEXT) ENGINE=InnoDB',
    ),
  );
}

describePhp('PHP through the proxy behaves as direct', () => {
  const dir = mkdtempSync(join(tmpdir(), 'duara-php-'));
  let direct: DatabaseServer;
  let lab: LabProcess;

  beforeAll(async () => {
    direct = new DatabaseServer({ binary: findOrInstallServer(() => undefined), dir, serverId: 1, durable: false });
    await direct.start();
    const root = await createConnection({ socketPath: direct.socket, user: 'root', multipleStatements: true });
    await root.query(
      "CREATE DATABASE app; CREATE USER app@'127.0.0.1' IDENTIFIED BY 'secret'; GRANT ALL ON app.* TO app@'127.0.0.1'; USE app",
    );
    for (const sql of createTables()) await root.query(sql);
    await root.end();
    lab = await LabProcess.start();
    for (const { name } of lab.sites) {
      const client = await lab.connect(name);
      for (const sql of createTables()) await client.query(sql);
      await client.end();
    }
  });

  afterAll(async () => {
    await lab?.stop();
    await direct?.stop();
    rmSync(dir, { recursive: true, force: true });
  });

  const cases = drivers.flatMap((driver) => keyTypes.map((keyType) => [driver, keyType] as const));
  test.each(cases)('%s, %s key: the same output apart from the key range', (driver, keyType) => {
    const table = tableName(driver, keyType);
    const plain = { host: '127.0.0.1', port: direct.port, user: 'app', password: 'secret', database: 'app' };
    const expected = crud(driver, plain, table);
    const proxied = crud(driver, lab.site('a').mysql, table);
    expect(proxied.output).toBe(expected.output);
    expect(proxied.keys).toHaveLength(expected.keys.length);
    // A time-sliced key of today is far above 2^40; an INT key stays within its column.
    for (const key of proxied.keys) expect(keyType === 'BIGINT' ? key > 2n ** 40n : key < 2n ** 31n).toBe(true);
  });

  test('and the other sites have the same rows', async () => {
    await lab.must('compare', '--wait', '60');
  });
});
