import { type ChildProcess, spawn } from 'node:child_process';
import { cpSync, closeSync, existsSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ServerBinary } from '../../site/lab/find-server';
import { freePort } from '../../site/lab/free-port';
import { run } from '../wire/run-program';
import { testDirectory } from './test-files';

const share = '/usr/share/mysql';

/**
 * A server as mtr would start it: its options, its system tables, its time zone; and as new again after a test that left
 * something behind.
 */
export class MtrServer {
  readonly varDir: string;
  readonly tmpDir: string;
  readonly dataDir: string;
  readonly socket: string;
  port = 0;
  private readonly template: string;
  private child: ChildProcess | null = null;
  /** What mtr's own check says of a server as new. */
  private clean = '';

  constructor(
    private readonly binary: ServerBinary,
    dir: string,
    /** mtr's servers have none, where a test does not ask for it. */
    private readonly binaryLog = false,
  ) {
    this.varDir = join(dir, 'var');
    this.tmpDir = join(this.varDir, 'tmp');
    this.dataDir = join(this.varDir, 'mysqld.1/data');
    this.socket = join(this.tmpDir, 'mysqld.1.sock');
    this.template = join(dir, 'template');
  }

  get running(): boolean {
    return this.child !== null && this.child.exitCode === null && this.child.signalCode === null;
  }

  /** Makes the data directory that each restore copies, and starts on a first copy. */
  async prepare(): Promise<void> {
    for (const dir of [this.tmpDir, join(this.varDir, 'log'), join(this.varDir, 'run')]) {
      mkdirSync(dir, { recursive: true });
    }
    mkdirSync(join(this.template, 'mysql'), { recursive: true });
    mkdirSync(join(this.template, 'test'), { recursive: true });
    this.port = await freePort();
    writeFileSync(join(this.varDir, 'server.cnf'), this.options());
    const boot = ['--no-defaults', '--bootstrap', `--datadir=${this.template}`, '--basedir=/usr', ...bootOptions];
    const made = await run(this.binary.path, [...boot, `--tmpdir=${this.tmpDir}`], bootstrapSql());
    if (made.status !== 0) throw new Error(`no system tables: ${made.err.slice(-1500)}`);
    await this.restore();
  }

  /** Ends the server, lays the data directory anew and starts it. */
  async restore(): Promise<void> {
    await this.stop();
    for (const dir of [this.tmpDir, this.dataDir]) rmSync(dir, { recursive: true, force: true });
    mkdirSync(join(this.tmpDir, 'mysqld.1'), { recursive: true });
    cpSync(this.template, this.dataDir, { recursive: true });
    const log = openSync(join(this.varDir, 'log/mysqld.1.err'), 'a');
    this.child = spawn(this.binary.path, [`--defaults-file=${join(this.varDir, 'server.cnf')}`, ...asRoot()], {
      stdio: ['ignore', log, log],
      cwd: this.varDir,
      env: { ...process.env, TZ: 'GMT-3', LC_ALL: 'C' },
    });
    closeSync(log);
    await this.answers();
    this.clean = await this.check();
  }

  /** True when the last test left something behind, or the server is gone. */
  async dirty(): Promise<boolean> {
    return !this.running || (await this.check()) !== this.clean;
  }

  async stop(): Promise<void> {
    const { child } = this;
    if (child === null || !this.running) return;
    const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    child.kill('SIGKILL');
    await ended;
  }

  private async check(): Promise<string> {
    const { status, out, err } = await this.sql('CALL mtr.check_testcase()', 'mtr');
    return status === 0 ? out : `check failed: ${err}`;
  }

  private sql(text: string, schema: string): ReturnType<typeof run> {
    return run('mariadb', ['--no-defaults', '-uroot', `-S${this.socket}`, '-N', '-B', schema, '-e', text]);
  }

  private async answers(): Promise<void> {
    const deadline = Date.now() + 60_000;
    while (!existsSync(this.socket) || (await this.sql('DO 1', 'test')).status !== 0) {
      if (!this.running || Date.now() > deadline) {
        throw new Error(
          `the server did not start: ${readFileSync(join(this.varDir, 'log/mysqld.1.err'), 'utf8').slice(-1500)}`,
        );
      }
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  /** mtr's default_mysqld.cnf, and what mtr itself adds to it. */
  private options(): string {
    const defaults = readFileSync(join(testDirectory, 'include/default_mysqld.cnf'), 'utf8')
      .replaceAll('@ENV.MYSQLTEST_VARDIR', this.varDir)
      .replaceAll('@ENV.MYSQL_TEST_DIR', testDirectory);
    const own = join(this.varDir, 'mysqld.1');
    return `${defaults}
[mysqld]
basedir=/usr
tmpdir=${join(this.tmpDir, 'mysqld.1')}
datadir=${this.dataDir}
pid-file=${join(this.varDir, 'run/mysqld.1.pid')}
port=${this.port}
socket=${this.socket}
general-log=1
general-log-file=${own}/mysqld.log
slow-query-log=1
slow-query-log-file=${own}/mysqld-slow.log
log-output=file
server-id=1
bind-address=127.0.0.1
loose-innodb-flush-log-at-trx-commit=1
loose-debug-sync-timeout=300
${this.binaryLog ? 'log-bin=binlog\nbinlog-format=row\n' : ''}`;
  }
}

const bootOptions = [
  '--default-storage-engine=myisam',
  '--loose-innodb-log-file-size=10M',
  '--character-set-server=latin1',
  '--loose-disable-performance-schema',
  `--lc-messages-dir=${share}`,
  ...asRoot(),
];

/** A server that root starts must be told that this is meant. */
function asRoot(): string[] {
  return process.getuid?.() === 0 ? ['--user=root'] : [];
}

/** As mtr makes its system tables. */
function bootstrapSql(): string {
  const file = (name: string): string => readFileSync(join(share, name), 'utf8');
  const include = (name: string): string =>
    oneStatementALine(readFileSync(join(testDirectory, 'include', name), 'utf8'));
  return [
    'use mysql;\n',
    file('mysql_system_tables.sql'),
    file('maria_add_gis_sp_bootstrap.sql'),
    file('mysql_performance_tables.sql'),
    file('mysql_system_tables_data.sql'),
    file('mysql_test_data_timezone.sql'),
    file('fill_help_tables.sql'),
    file('mysql_sys_schema.sql'),
    'CREATE DATABASE IF NOT EXISTS test CHARACTER SET latin1 COLLATE latin1_swedish_ci;\n',
    'ALTER TABLE gtid_slave_pos ENGINE=Aria transactional=0;\n',
    "DELETE FROM mysql.global_priv where user= '';\n",
    'CREATE DATABASE mtr CHARSET=latin1;\n',
    include('mtr_warnings.sql'),
    include('mtr_check.sql'),
  ].join('');
}

/** A bootstrapping server reads one statement a line, and knows no DELIMITER. */
function oneStatementALine(sql: string): string {
  let delimiter = ';';
  let result = '\n';
  for (const line of sql.split('\n')) {
    const changed = /^delimiter (.*)/.exec(line)?.[1];
    if (changed !== undefined) delimiter = changed.endsWith(delimiter) ? changed.slice(0, -delimiter.length) : changed;
    else if (line.endsWith(delimiter)) result += `${line.slice(0, -delimiter.length)};\n`;
    else if (!/^\s*--/.test(line)) result += `${line} `;
  }
  return result;
}
