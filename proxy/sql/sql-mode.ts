/** How the server reads a statement's text. */
export interface SqlMode {
  /** sql_mode ANSI_QUOTES: "x" is a name, not a string. */
  readonly ansiQuotes: boolean;
  /** sql_mode NO_BACKSLASH_ESCAPES. */
  readonly noBackslashEscapes: boolean;
  /** sql_mode NO_AUTO_VALUE_ON_ZERO: a 0 in the key column is a key. */
  readonly noAutoValueOnZero: boolean;
  /** The client's character set has characters whose second byte may look like a quote or a backslash (gbk, sjis, …). */
  readonly doubleByte: boolean;
  readonly server: ServerVersion;
}

export interface ServerVersion {
  readonly flavour: 'mariadb' | 'mysql';
  /** As in versioned comments: 101119 for 10.11.19. */
  readonly number: number;
}

export const defaultSqlMode: SqlMode = {
  ansiQuotes: false,
  noBackslashEscapes: false,
  noAutoValueOnZero: false,
  doubleByte: false,
  server: { flavour: 'mariadb', number: 101100 },
};

/** From the greeting's text, such as `5.5.5-10.11.19-MariaDB-log` or `8.0.36`. */
export function parseServerVersion(text: string): ServerVersion {
  const flavour = /mariadb/i.test(text) ? 'mariadb' : 'mysql';
  // MariaDB before 11 puts 5.5.5- before its own version, so that MySQL replicas accept it.
  const match = /(\d+)\.(\d+)\.(\d+)/.exec(text.replace(/^5\.5\.5-(?=\d+\.)/, ''));
  if (match === null) return { flavour, number: 0 };
  return { flavour, number: Number(match[1]) * 10_000 + Number(match[2]) * 100 + Number(match[3]) };
}

/** Whether the server executes what stands in a versioned comment. `mariaDbOnly`: written as M!. Version 0: none given. */
export function executesComment(server: ServerVersion, mariaDbOnly: boolean, version: number): boolean {
  if (server.flavour === 'mysql') return !mariaDbOnly && version <= server.number;
  // MariaDB skips comments meant for MySQL 5.7 and later (MariaDB: "Comment Syntax").
  if (!mariaDbOnly && version >= 50_700 && version <= 99_999) return false;
  return version <= server.number;
}

/** Collation ids of gbk, sjis, big5, cp932, gb18030, gb2312, euckr, ujis, eucjpms: see SqlMode.doubleByte. */
const doubleByteCollations = new Set([1, 12, 13, 19, 24, 28, 84, 85, 86, 87, 88, 91, 95, 96, 97, 98, 248, 249, 250]);
const doubleByteNames = /^(gbk|sjis|big5|cp932|gb18030|gb2312|euckr|ujis|eucjpms)(_|$)/i;

export function isDoubleByteCollation(id: number): boolean {
  return doubleByteCollations.has(id);
}

export function isDoubleByteCharset(name: string): boolean {
  return doubleByteNames.test(name);
}
