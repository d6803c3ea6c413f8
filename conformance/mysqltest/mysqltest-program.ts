import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Need } from '../clients/client-needs';
import type { MtrServer } from './mtr-server';
import { type TestFile, testDirectory } from './test-files';

/** Where a test finds the server: the server itself, or the proxy before it. */
export interface TestTarget {
  readonly name: 'direct' | 'proxied';
  readonly socket: string;
  readonly port: number;
}

export interface TestOutcome {
  readonly result: 'passed' | 'failed' | 'skipped' | 'timed out';
  /** What mysqltest printed: the difference, or why it was skipped. */
  readonly output: string;
  readonly milliseconds: number;
}

export const mysqltest: Need = {
  packages: ['mariadb-test', 'mariadb-test-data'],
  works: () => existsSync(join(testDirectory, 'main')) && spawnSync('mysqltest', ['--version']).status === 0,
};

const skippedStatus = 62;

/** Runs one test with mtr's own runner of statements, in mtr's environment. */
export async function runTest(
  test: TestFile,
  server: MtrServer,
  target: TestTarget,
  secondsMax: number,
): Promise<TestOutcome> {
  const cnf = join(server.varDir, `${target.name}.cnf`);
  writeFileSync(cnf, clientOptions(target));
  emptyTmp(server);
  const started = performance.now();
  const args = mysqltestArguments(server, cnf);
  const child = spawn('mysqltest', [...args, `--test-file=${test.test}`, `--result-file=${test.result}`], {
    cwd: testDirectory,
    env: {
      ...environment(server, target, cnf, args.join(' ')),
      MTR_SUITE_DIR: test.suiteDir,
      MTR_TEST_NAME: test.name,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
    // A group of its own, so that what the test itself started can be ended with it.
    detached: true,
  });
  let output = '';
  const keep = (chunk: Buffer): void => {
    if (output.length < 100_000) output += chunk.toString('latin1');
  };
  child.stdout.on('data', keep);
  child.stderr.on('data', keep);
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
  }, secondsMax * 1000);
  const status = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  clearTimeout(timer);
  const milliseconds = Math.round(performance.now() - started);
  if (late) return { result: 'timed out', output, milliseconds };
  const result = status === 0 ? 'passed' : status === skippedStatus ? 'skipped' : 'failed';
  return { result, output, milliseconds };
}

/** Files that the test before left. */
function emptyTmp(server: MtrServer): void {
  for (const name of readdirSync(server.tmpDir)) {
    if (name.startsWith('mysqld.1') || name.endsWith('.sock')) continue;
    rmSync(join(server.tmpDir, name), { recursive: true, force: true });
  }
  const log = join(server.varDir, 'log');
  for (const name of readdirSync(log))
    if (!name.endsWith('.err')) rmSync(join(log, name), { recursive: true, force: true });
  mkdirSync(log, { recursive: true });
}

function mysqltestArguments(server: MtrServer, cnf: string): string[] {
  return [
    `--defaults-file=${cnf}`,
    '--silent',
    `--tmpdir=${server.tmpDir}`,
    '--character-sets-dir=/usr/share/mysql/charsets',
    `--logdir=${server.varDir}/log`,
    '--database=test',
    `--timer-file=${server.varDir}/log/timer`,
  ];
}

function clientOptions({ socket, port }: TestTarget): string {
  const where = `port=${port}\nsocket=${socket}\nhost=localhost\nuser=root\npassword=\n`;
  const latin1 = ['mysql', 'mysqlshow', 'mysqlimport', 'mysqlcheck', 'mysql_upgrade'];
  return [
    ...latin1.map((program) => `[${program}]\ndefault-character-set=latin1\n`),
    '[mysqlslap]\nloose-skip-ssl\n',
    `[client]\n${where}[client.1]\n${where}`,
    `[mysqltest]\nloose-ssl-ca=${testDirectory}/std_data/cacert.pem\nloose-ssl-cert=${testDirectory}/std_data/client-cert.pem\n`,
    `loose-ssl-key=${testDirectory}/std_data/client-key.pem\nloose-skip-ssl\n`,
    '[mysqlbinlog]\ndisable-force-if-open\n',
  ].join('');
}

/** The variables that mtr's environment_setup sets, as far as the tests of our suites use them. */
function environment(server: MtrServer, target: TestTarget, cnf: string, mysqltest: string): NodeJS.ProcessEnv {
  const client = (program: string): string => `/usr/bin/${program} --defaults-file=${cnf}`;
  const numbered = (program: string): string => `${client(program)} --defaults-group-suffix=.1`;
  return {
    PATH: process.env['PATH'],
    HOME: server.varDir,
    USER: process.env['USER'] ?? 'root',
    LC_ALL: 'C',
    LC_CTYPE: 'C',
    LC_COLLATE: 'C',
    TZ: 'GMT-3',
    UMASK: '0660',
    UMASK_DIR: '0770',
    OPENSSL_CONF: `${testDirectory}/lib/openssl.cnf`,
    USE_RUNNING_SERVER: '0',
    MTR_VERSION: '2',
    MTR_PERL: '/usr/bin/perl',
    MYSQL_TEST_DIR: testDirectory,
    MYSQL_TMP_DIR: server.tmpDir,
    MYSQLTEST_VARDIR: server.varDir,
    MYSQLTEST_REAL_VARDIR: server.varDir,
    MYSQL_BINDIR: '/usr',
    MYSQL_SHAREDIR: '/usr/share/mysql',
    MYSQL_CHARSETSDIR: '/usr/share/mysql/charsets',
    SECURE_LOAD_PATH: `${testDirectory}/std_data`,
    MARIADB_TOPDIR: server.dataDir,
    MARIADB_DATADIR: server.dataDir,
    MYSQLTEST_FILE_PRIVILEGES: '1',
    MASTER_MYPORT: String(target.port),
    MASTER_MYSOCK: target.socket,
    DEFAULT_MASTER_PORT: '3306',
    MYSQL: client('mariadb'),
    EXE_MYSQL: '/usr/bin/mariadb',
    MYSQL_CHECK: client('mariadb-check'),
    MYSQL_DUMP: numbered('mariadb-dump'),
    MYSQL_SLAP: client('mariadb-slap'),
    MYSQL_IMPORT: client('mariadb-import'),
    MYSQL_SHOW: client('mariadb-show'),
    MYSQL_BINLOG: `${client('mariadb-binlog')} --local-load=${server.tmpDir}`,
    MYSQL_UPGRADE: client('mariadb-upgrade'),
    MYSQLADMIN: client('mariadb-admin'),
    MYSQL_TEST: `/usr/bin/mysqltest ${mysqltest}`,
    MYSQL_CLIENT_TEST: `/usr/bin/mysql_client_test --defaults-file=${cnf} --testcase --vardir=${server.varDir}`,
    MYSQL_TZINFO_TO_SQL: '/usr/bin/mariadb-tzinfo-to-sql',
    MYSQL_MY_PRINT_DEFAULTS: '/usr/bin/my_print_defaults',
    MY_PERROR: '/usr/bin/perror',
    REPLACE: '/usr/bin/replace',
    MARIADB_CONV: '/usr/bin/mariadb-conv --character-sets-dir=/usr/share/mysql/charsets',
    MYSQL_FIX_PRIVILEGE_TABLES: '/usr/share/mysql/mysql_fix_privilege_tables.sql',
    INNODB_PAGE_SIZE: '16384',
    HAVE_BROKEN_DNS: '',
    MYSQL_TEST_ROOT: process.getuid?.() === 0 ? '1' : '0',
  };
}
