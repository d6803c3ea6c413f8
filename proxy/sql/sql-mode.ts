import { type ClientCharset, utf8 } from './client-charset';

/** How the server reads a statement's text. */
export interface SqlMode {
  /** sql_mode ANSI_QUOTES: "x" is a name, not a string. */
  readonly ansiQuotes: boolean;
  /** sql_mode NO_BACKSLASH_ESCAPES. */
  readonly noBackslashEscapes: boolean;
  /** sql_mode NO_AUTO_VALUE_ON_ZERO: a 0 in the key column is a key. null: to be asked before it matters. */
  readonly noAutoValueOnZero: boolean | null;
  readonly charset: ClientCharset;
  /** Texts, and numbers as text, may have two or four bytes a character (collation_connection). */
  readonly wideText: boolean;
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
  charset: utf8,
  wideText: false,
  server: { flavour: 'mariadb', number: 101100 },
};

/** The last text and what it says: all connections are greeted alike. */
let last: { readonly text: string; readonly version: ServerVersion } | null = null;

/** From the greeting's text, such as `5.5.5-10.11.19-MariaDB-log` or `8.0.36`. */
export function parseServerVersion(text: string): ServerVersion {
  if (last?.text !== text) last = { text, version: readServerVersion(text) };
  return last.version;
}

function readServerVersion(text: string): ServerVersion {
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

/** Texts mean the same under both (what a zero is as a key aside). */
export function readAlike(a: SqlMode, b: SqlMode): boolean {
  return (
    a === b ||
    (a.ansiQuotes === b.ansiQuotes &&
      a.noBackslashEscapes === b.noBackslashEscapes &&
      a.charset === b.charset &&
      a.server === b.server)
  );
}
