import { charsetNamed } from './client-charset';
import { defaultSqlMode, parseServerVersion, type SqlMode } from './sql-mode';
import { stringValue, tokenize } from './tokenizer';

const texts = (sql: string, mode: Partial<SqlMode> = {}): string[] =>
  tokenize(sql, { ...defaultSqlMode, ...mode }).tokens.map(({ kind, text, start, end }) =>
    kind === 'string' ? sql.slice(start, end) : kind === 'name' ? `[${text}]` : text,
  );

const cases: [sql: string, tokens: string[], why: string, mode?: Partial<SqlMode>][] = [
  ['SELECT a,1', ['SELECT', 'a', ',', '1'], 'words, numbers, symbols'],
  ["'it''s'", ["'it''s'"], 'a doubled quote is part of the string'],
  ["'a\\'b' c", ["'a\\'b'", 'c'], 'an escaped quote is too'],
  ["'a\\' b", ["'a\\'", 'b'], 'not under NO_BACKSLASH_ESCAPES', { noBackslashEscapes: true }],
  ['"a`b" c', ['"a`b"', 'c'], 'double quotes are strings'],
  ['"a""b" c', ['[a"b]', 'c'], 'or names under ANSI_QUOTES', { ansiQuotes: true }],
  ['`a``b`.`c`', ['[a`b]', '.', '[c]'], 'backticks, where a backslash means nothing'],
  ['`a\\` b', ['[a\\]', 'b'], 'no escapes in names'],
  ['a -- x ; y\nb', ['a', 'b'], 'line comment'],
  ['a # x\nb', ['a', 'b'], 'hash comment'],
  ['5--3', ['5', '-', '-', '3'], 'two minus signs without a space are none'],
  ['a--', ['a'], 'at the end they are'],
  ["a /* ' ; */ b", ['a', 'b'], 'block comment'],
  ['a /*! b */ c', ['a', 'b', 'c'], 'an executed comment'],
  ['a /*!50001 b */ c', ['a', 'b', 'c'], 'with a version we have'],
  ['a /*!99999 b */ c', ['a', 'c'], 'with one we do not have'],
  ['a /*!50701 b */ c', ['a', 'c'], 'MariaDB skips those of MySQL 5.7 and later'],
  ['a /*M!100100 b */ c', ['a', 'b', 'c'], 'MariaDB only'],
  ['a /*M!100100 b */ c', ['a', 'c'], 'and not MySQL', { server: { flavour: 'mysql', number: 80036 } }],
  ['@a @`b c` @@x @@session.y', ['a', 'b c', 'x', 'session', '.', 'y'], 'variables'],
  ['1.5e3 .5 0x1F 2fa a.1b', ['1.5e3', '.5', '0x1F', '2fa', 'a', '.', '1b'], 'numbers and names with digits'],
  ["x'41' N'x' _utf8'y'", ["x'41'", "N'x'", '_utf8', "'y'"], 'literals with a letter'],
  ['a<=>b:=c||d', ['a', '<=>', 'b', ':=', 'c', '||', 'd'], 'long symbols'],
  ['\xe4\xbd\xa0 = 1', ['\xe4\xbd\xa0', '=', '1'], 'UTF-8 names'],
  [
    "'\xbf\x5c' b",
    ["'\xbf\x5c'", 'b'],
    'a gbk character whose second byte is a backslash',
    { charset: charsetNamed('gbk') },
  ],
];

it.each(cases)('%j', (sql, tokens, _why, mode = {}) => {
  expect(texts(sql, mode)).toEqual(tokens);
});

it('goes on behind dots that make no sense', () => {
  expect(texts('a..5')).toEqual(['a', '.', '.', '5']);
});

it.each([["'a"], ['`a'], ['/* a'], ['/*! a'], ['@`a'], ["'a\\'"]])('says that %j is broken', (sql) => {
  expect(tokenize(sql, defaultSqlMode).broken).toBe(true);
});

const strings: [literal: string, value: string | null, why: string][] = [
  ["'a''b'", "a'b", 'doubled'],
  ["'a\\'b\\n\\\\'", "a'b\n\\", 'escapes'],
  ["'\\\\''x'", "\\'x", 'an escape before a doubled quote'],
  ['"a""b"', 'a"b', 'double quotes'],
  ["'\\%\\_'", '\\%\\_', 'these keep their backslash'],
  ["x'41'", null, 'hexadecimal'],
];
it.each(strings)('value of %j', (literal, value) => {
  const [token] = tokenize(literal, defaultSqlMode).tokens;
  expect(token && stringValue(literal, token, defaultSqlMode)).toBe(value);
});

it.each([
  ['5.5.5-10.11.19-MariaDB-log', 'mariadb', 101119],
  ['11.4.2-MariaDB', 'mariadb', 110402],
  ['8.0.36', 'mysql', 80036],
])('server version %s', (text, flavour, number) => {
  expect(parseServerVersion(text)).toEqual({ flavour, number });
});
