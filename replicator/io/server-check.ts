import type { DatabaseConnection } from './database-connection';

/** Something about the server's settings or the account that keeps replication from being safe, or from working. */
export interface Finding {
  readonly code: string;
  /** Replication does not start while it stands. */
  readonly fatal: boolean;
  readonly message: string;
  /** The exact line that mends it: a statement, or a line of my.cnf. */
  readonly fix: string;
}

export interface ServerCheckOptions {
  /** Lets a server run that may lose commits at a power cut (`sync_binlog`, `innodb_flush_log_at_trx_commit`). */
  readonly allowUnsafe: boolean;
}

interface Expectation {
  readonly variable: string;
  readonly values: readonly string[];
  readonly code: string;
  readonly why: string;
  /** Absent: it can be set while the server runs. */
  readonly restart?: true;
  readonly unsafeOnly?: true;
}

const BOTH: readonly Expectation[] = [
  {
    variable: 'log_bin',
    values: ['1', 'ON'],
    code: 'DUARA_SERVER_NO_LOG',
    why: 'changes are read from the binary log',
    restart: true,
  },
  {
    variable: 'binlog_format',
    values: ['ROW'],
    code: 'DUARA_SERVER_LOG_FORMAT',
    why: 'statements cannot be merged, rows can',
  },
  {
    variable: 'binlog_row_image',
    values: ['FULL'],
    code: 'DUARA_SERVER_ROW_IMAGE',
    why: 'a merge needs the values before a change',
  },
  {
    variable: 'binlog_row_metadata',
    values: ['FULL'],
    code: 'DUARA_SERVER_ROW_METADATA',
    why: 'without names and keys a row cannot be told',
  },
  {
    variable: 'sync_binlog',
    values: ['1'],
    code: 'DUARA_SERVER_UNSAFE',
    why: 'a power cut could take back a commit',
    unsafeOnly: true,
  },
  {
    variable: 'innodb_flush_log_at_trx_commit',
    values: ['1'],
    code: 'DUARA_SERVER_UNSAFE',
    why: 'a power cut could take back a commit',
    unsafeOnly: true,
  },
];

const MYSQL_ONLY: readonly Expectation[] = [
  { variable: 'gtid_mode', values: ['ON'], code: 'DUARA_SERVER_GTID', why: 'capture goes on by GTID', restart: true },
  {
    variable: 'binlog_row_value_options',
    values: [''],
    code: 'DUARA_SERVER_PARTIAL_JSON',
    why: 'parts of JSON values cannot be merged',
  },
];

/** What is amiss with the server for replication; empty when nothing is. The account is the one connected. */
export async function checkServer(connection: DatabaseConnection, options: ServerCheckOptions): Promise<Finding[]> {
  const [version] = await connection.rows('SELECT VERSION() AS version');
  const maria = /mariadb/i.test(String(version?.['version']));
  const findings: Finding[] = [];
  for (const expectation of maria ? BOTH : [...BOTH, ...MYSQL_ONLY]) {
    const finding = await checkVariable(connection, expectation, options);
    if (finding !== null) findings.push(finding);
  }
  findings.push(...(await checkServerId(connection)));
  findings.push(...(await checkPrivileges(connection, maria)));
  // The log's filters are told only to an account that may read it.
  if (!findings.some(({ fatal }) => fatal)) findings.push(...(await checkFilters(connection, maria)));
  return findings;
}

async function checkVariable(
  connection: DatabaseConnection,
  { variable, values, code, why, restart, unsafeOnly }: Expectation,
  { allowUnsafe }: ServerCheckOptions,
): Promise<Finding | null> {
  const [row] = await connection.rows(`SHOW GLOBAL VARIABLES LIKE '${variable}'`);
  if (row === undefined && variable === 'binlog_row_value_options') return null;
  const actual = String(row?.['Value'] ?? '(unknown)');
  if (values.includes(actual.toUpperCase())) return null;
  const wanted = variable === 'log_bin' ? 'binlog' : (values[0] as string);
  return {
    code,
    fatal: unsafeOnly !== true || !allowUnsafe,
    message: `${variable} is ${actual === '' ? "''" : actual}, not ${values.at(-1)}: ${why}`,
    fix:
      restart === true
        ? `[mysqld] ${variable}=${wanted} in my.cnf, and a restart of the server`
        : `SET GLOBAL ${variable}=${wanted === '' ? "''" : wanted}; and [mysqld] ${variable}=${wanted} in my.cnf`,
  };
}

async function checkServerId(connection: DatabaseConnection): Promise<Finding[]> {
  const [row] = await connection.rows('SELECT @@global.server_id AS id');
  if (Number(row?.['id']) !== 0) return [];
  const message = 'server_id is 0: the server refuses to send its binary log';
  return [
    {
      code: 'DUARA_SERVER_ID',
      fatal: true,
      message,
      fix: 'SET GLOBAL server_id=1; and [mysqld] server_id=1 in my.cnf',
    },
  ];
}

/** Each needed privilege, the names it goes by, and what for. */
const MARIA_PRIVILEGES: readonly (readonly [string, RegExp, string])[] = [
  ['REPLICATION SLAVE', /REPLICATION (SLAVE|REPLICA)(?! ADMIN)/, 'read the binary log'],
  ['BINLOG MONITOR', /BINLOG MONITOR|REPLICATION CLIENT/, 'know where the log stands'],
  ['BINLOG REPLAY', /BINLOG REPLAY/, 'apply rows of other sites'],
];
const MYSQL_PRIVILEGES: readonly (readonly [string, RegExp, string])[] = [
  ['REPLICATION SLAVE', /REPLICATION SLAVE(?! ADMIN)/, 'read the binary log'],
  ['REPLICATION CLIENT', /REPLICATION CLIENT/, 'know where the log stands'],
  ['REPLICATION_APPLIER', /REPLICATION_APPLIER|SUPER/, 'apply rows of other sites'],
];

async function checkPrivileges(connection: DatabaseConnection, maria: boolean): Promise<Finding[]> {
  const grants = (await connection.rows('SHOW GRANTS')).map((row) => String(Object.values(row)[0]));
  const global = grants.filter((grant) => / ON \*\.\* TO /i.test(grant)).join('\n');
  if (/GRANT ALL PRIVILEGES ON/i.test(global)) return [];
  const [user] = await connection.rows('SELECT CURRENT_USER() AS name');
  const [name = '', host = '%'] = String(user?.['name']).split('@');
  const who = `'${name.replaceAll("'", "''")}'@'${host}'`;
  const missing = (maria ? MARIA_PRIVILEGES : MYSQL_PRIVILEGES).filter(([, pattern]) => !pattern.test(global));
  return missing.map(([privilege, , purpose]) => ({
    code: 'DUARA_SERVER_PRIVILEGE',
    fatal: true,
    message: `${who} lacks ${privilege}, needed to ${purpose}`,
    fix: `GRANT ${privilege} ON *.* TO ${who};`,
  }));
}

async function checkFilters(connection: DatabaseConnection, maria: boolean): Promise<Finding[]> {
  const rows = await connection.rows(maria ? 'SHOW MASTER STATUS' : 'SHOW BINARY LOG STATUS').catch(() => []);
  const filters = (['Binlog_Do_DB', 'Binlog_Ignore_DB'] as const).filter((column) => {
    const value = rows[0]?.[column];
    return value !== undefined && value !== null && String(value) !== '';
  });
  return filters.map((filter) => ({
    code: 'DUARA_SERVER_LOG_FILTER',
    fatal: true,
    message: `${filter.toLowerCase()} is set: the binary log leaves changes out, by the session's default schema`,
    fix: `take ${filter.toLowerCase().replaceAll('_', '-')} out of my.cnf, and restart the server`,
  }));
}
