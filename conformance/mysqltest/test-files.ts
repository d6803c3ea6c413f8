import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';

/** One of MariaDB's own tests. */
export interface TestFile {
  /** As mtr prints it, such as `main.select` or `innodb.autoinc_debug`. */
  readonly name: string;
  /** Path of the .test file below the test directory, which mysqltest wants as its working directory. */
  readonly test: string;
  readonly result: string;
  /** Of the whole suite; mtr tells it to tests. */
  readonly suiteDir: string;
}

/** Where Debian's mariadb-test-data lies. */
export const testDirectory = '/usr/share/mysql/mysql-test';

/** Name, folder of tests, folder of results, below the test directory. */
const suites: readonly (readonly [name: string, tests: string, results: string])[] = [
  ['main', 'main', 'main'],
  ['innodb', 'suite/innodb/t', 'suite/innodb/r'],
  ['json', 'suite/json/t', 'suite/json/r'],
  ['vcol', 'suite/vcol/t', 'suite/vcol/r'],
  ['compat/oracle', 'suite/compat/oracle/t', 'suite/compat/oracle/r'],
  ['compat/maxdb', 'suite/compat/maxdb', 'suite/compat/maxdb'],
  ['compat/mssql', 'suite/compat/mssql', 'suite/compat/mssql'],
];

/** The tests of the suites above, by name. */
export function findTests(root = testDirectory): TestFile[] {
  return suites.flatMap(([suite, tests, results]) =>
    readdirSync(join(root, tests))
      .filter((file) => file.endsWith('.test'))
      .sort()
      .map((file) => ({
        name: `${suite}.${basename(file, '.test')}`,
        test: join(tests, file),
        result: join(results, `${basename(file, '.test')}.result`),
        suiteDir: join(root, tests.endsWith('/t') ? dirname(tests) : tests),
      })),
  );
}

/** Files beside a test by which mtr starts its servers in another way. */
const companions = ['.opt', '-master.opt', '-slave.opt', '.cnf', '-master.sh', '-slave.sh'];

/** Included files that need another server: a debug build, a second one, a restart, a binary log, hours. */
const needs: readonly (readonly [pattern: RegExp, reason: string])[] = [
  [/include\/have_debug(_sync)?\.inc/i, 'needs a debug build'],
  [/include\/(big_test|have_valgrind|long_test)\.inc/, 'takes too long'],
  [
    /(restart_mysqld|start_mysqld|kill_mysqld|kill_and_restart_mysqld|shutdown_mysqld|crash_mysqld|wait_until_disconnected)/,
    'restarts the server',
  ],
  [/shutdown_server|\$MYSQLD_CMD|\$MYSQLD_BOOTSTRAP_CMD|\$MYSQLD_LAST_CMD|^\s*shutdown\b/im, 'restarts the server'],
  [
    /include\/(master-slave|have_log_bin|have_binlog_format\w*|have_wsrep\w*|have_innodb_\d+k|rpl_\w+)\.inc/,
    'needs another server',
  ],
];

/** Why a test is not run at all; null when it is. */
export function skipReason(test: TestFile, root = testDirectory): string | null {
  const path = join(root, test.test);
  const stem = path.slice(0, -'.test'.length);
  if (!existsSync(join(root, test.result))) return 'has no result file';
  if (companions.some((suffix) => existsSync(stem + suffix))) return 'needs other server options';
  if (disabled(dirname(path)).has(basename(stem))) return 'disabled by MariaDB';
  const text = readFileSync(path, 'latin1');
  return needs.find(([pattern]) => pattern.test(text))?.[1] ?? null;
}

/** True when clients of the test speak TLS: it is run with TLS at both ends of the proxy. */
export function speaksTls(test: TestFile, root = testDirectory): boolean {
  return /^\s*connect\b.*\bSSL\b|\$\w+.*--ssl\b|--let \$ssl|let \$ssl/im.test(
    readFileSync(join(root, test.test), 'latin1'),
  );
}

/**
 * True when the server itself writes, on behalf of no client: a cache is right only if the binary log tells of that. Not
 * where a test counts all sessions, those of whoever reads the log among them.
 */
export function runsEvents(test: TestFile, root = testDirectory): boolean {
  const text = readFileSync(join(root, test.test), 'latin1');
  const scheduled = /\bcreate\s.*\bevent\b/i.test(text) && /event_scheduler\s*=\s*(1|on)\b/i.test(text);
  return scheduled && !text.includes('count_sessions.inc');
}

const disabledLists = new Map<string, ReadonlySet<string>>();

function disabled(directory: string): ReadonlySet<string> {
  const known = disabledLists.get(directory);
  if (known !== undefined) return known;
  const file = join(directory, 'disabled.def');
  const lines = existsSync(file) ? readFileSync(file, 'latin1').split('\n') : [];
  const names = new Set(lines.map((line) => /^(\w+)\s*:/.exec(line)?.[1] ?? '').filter((name) => name !== ''));
  disabledLists.set(directory, names);
  return names;
}

/** Fast ones, chosen for their variety; in `npm test` too. */
export const quickTests: readonly string[] = [
  '1st',
  'alias',
  'bigint',
  'bench_count_distinct',
  'cast',
  'compare',
  'comments',
  'func_analyse',
  'func_default',
  'func_equal',
  'func_op',
  'func_set',
  'get_diagnostics',
  'keywords',
  'null',
  'prepare',
  'ps_4heap',
  'signal',
  'sp-anchor-row-type-cursor',
  'temp_table',
  'type_bit',
  'type_year',
  'user_var',
  'xa',
]
  .map((name) => `main.${name}`)
  .concat(
    'json.json_no_table',
    'vcol.vcol_select_innodb',
    'compat/oracle.sp-cursor',
    'innodb.autoinc_persist',
    'innodb.innodb-lock',
  );
