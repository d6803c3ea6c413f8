/** How the server reads a statement's text. */
export interface SqlMode {
  /** sql_mode ANSI_QUOTES: "x" is a name, not a string. */
  readonly ansiQuotes: boolean;
  /** sql_mode NO_BACKSLASH_ESCAPES. */
  readonly noBackslashEscapes: boolean;
  /** sql_mode NO_AUTO_VALUE_ON_ZERO: a 0 in the key column is a key. null: to be asked before it matters. */
  readonly noAutoValueOnZero: boolean | null;
  /** The client's character set, if it has characters whose second byte may look like a backslash or a backtick. */
  readonly doubleByte: DoubleByte | null;
  readonly server: ServerVersion;
}

/** Character sets by their first bytes: gbk (gb18030 too), big5, sjis (cp932 too). */
export type DoubleByte = 'gbk' | 'big5' | 'sjis';

export interface ServerVersion {
  readonly flavour: 'mariadb' | 'mysql';
  /** As in versioned comments: 101119 for 10.11.19. */
  readonly number: number;
}

export const defaultSqlMode: SqlMode = {
  ansiQuotes: false,
  noBackslashEscapes: false,
  noAutoValueOnZero: false,
  doubleByte: null,
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

/**
 * Whether the server takes these two bytes for one character. A first byte before anything else, a quote above all, stands
 * for itself. Source: MariaDB's ctype-gbk.c, ctype-big5.c, ctype-sjis.c.
 */
export function isDoubleByteCharacter(charset: DoubleByte, first: number, second: number): boolean {
  if (second < 0x40 || second === 0x7f || second > 0xfe) return false;
  switch (charset) {
    case 'gbk':
      return first >= 0x81 && first <= 0xfe;
    case 'big5':
      return first >= 0xa1 && first <= 0xf9;
    case 'sjis':
      // 0xA1 to 0xDF are katakana of one byte.
      return (first >= 0x81 && first <= 0x9f) || (first >= 0xe0 && first <= 0xfc);
  }
}

const collations: ReadonlyMap<number, DoubleByte> = new Map([
  ...[28, 87, 248, 249, 250].map((id) => [id, 'gbk'] as const),
  ...[1, 84].map((id) => [id, 'big5'] as const),
  ...[13, 88, 95, 96].map((id) => [id, 'sjis'] as const),
]);
const charsetNames: Readonly<Record<string, DoubleByte>> = {
  gbk: 'gbk',
  gb18030: 'gbk',
  big5: 'big5',
  sjis: 'sjis',
  cp932: 'sjis',
};

/** By the collation id of a handshake response. */
export function doubleByteOfCollation(id: number): DoubleByte | null {
  return collations.get(id) ?? null;
}

/** By the name of a character set or one of its collations. */
export function doubleByteOfCharset(name: string): DoubleByte | null {
  return charsetNames[name.toLowerCase().split('_')[0] ?? ''] ?? null;
}

/** Texts mean the same under both (what a zero is as a key aside). */
export function readAlike(a: SqlMode, b: SqlMode): boolean {
  return (
    a === b ||
    (a.ansiQuotes === b.ansiQuotes &&
      a.noBackslashEscapes === b.noBackslashEscapes &&
      a.doubleByte === b.doubleByte &&
      a.server === b.server)
  );
}
