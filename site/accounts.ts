import { quoteName } from '../proxy/sql/names';
/** The database account that Duara itself uses, as SQL: the lab runs it. */

export interface DuaraAccount {
  readonly user: string;
  /** Host part of the account, such as 127.0.0.1 or %. */
  readonly host: string;
  readonly password: string;
  /** Schemas whose tables replicate. */
  readonly schemas: readonly string[];
  readonly flavour: 'mariadb' | 'mysql';
}

/** Statements, to be run by an administrator, that create the account with exactly what it needs. */
export function duaraAccountSql(account: DuaraAccount): readonly string[] {
  const who = `${quoteText(account.user)}@${quoteText(account.host)}`;
  // BINLOG REPLAY (MySQL: REPLICATION_APPLIER) is for applying rows as the binary log holds them; MONITOR for positions;
  // PROCESS for InnoDB's list of foreign keys (without it every table is opened for them, and those out of sight are missed).
  const global =
    account.flavour === 'mariadb'
      ? 'PROCESS, REPLICATION SLAVE, BINLOG MONITOR, BINLOG REPLAY'
      : 'REPLICATION SLAVE, REPLICATION CLIENT, REPLICATION_APPLIER, SESSION_VARIABLES_ADMIN';
  return [
    `CREATE USER IF NOT EXISTS ${who} IDENTIFIED BY ${quoteText(account.password)}`,
    `GRANT ${global} ON *.* TO ${who}`,
    `GRANT ALL PRIVILEGES ON \`duara\`.* TO ${who}`,
    // The bodies of routines: which tables they insert into (key triggers).
    ...(account.flavour === 'mariadb'
      ? [`GRANT SELECT ON mysql.proc TO ${who}`]
      : [`GRANT SHOW_ROUTINE ON *.* TO ${who}`]),
    ...account.schemas.map((schema) => `${schemaGrant(schema)} TO ${who}`),
  ];
}

/** What Duara's account needs in a schema that replicates. */
export function schemaGrant(schema: string): string {
  // TRIGGER, EVENT and SHOW VIEW: information_schema hides their texts from others.
  return `GRANT SELECT, INSERT, UPDATE, DELETE, TRIGGER, EVENT, SHOW VIEW ON ${quoteName(schema)}.*`;
}

/** A text literal for SQL that is not run under ANSI_QUOTES or NO_BACKSLASH_ESCAPES. */
export function quoteText(text: string): string {
  return `'${text.replace(/\\/g, '\\\\').replace(/'/g, "''")}'`;
}
