import { charsetNamed } from './client-charset';
import { insertShape } from './insert-shape';
import { literalRows } from './literal-rows';
import { defaultSqlMode, type SqlMode } from './sql-mode';
import { tokenize } from './tokenizer';

const read = (rows: string, mode: Partial<SqlMode> = {}, keyAt = -1) =>
  literalRows(rows, 0, { ...defaultSqlMode, ...mode }, keyAt);

test.each([
  ["(1, 'a')", 1],
  [" ( -1.5 ,NULL, null,\t'it''s' ) \n", 1],
  [`('a'),("b\\"')"),('\\\\')`, 3],
  ["('-- no comment'),('/* nor this */'),('; one statement')", 3],
])('%s: %d rows of literals', (rows, count) => {
  expect(read(rows)).toEqual({ count, keys: [] });
});

test.each([
  ['', 'no row'],
  ['()', 'an empty row'],
  ['(1', 'it does not end'],
  ["('a", 'the string does not end'],
  ["('a\\')", 'nor here: the quote is escaped'],
  ['(1),', 'a row is to come'],
  ['(1) ON DUPLICATE KEY UPDATE a = 1', 'more than rows'],
  ['(1) RETURNING id', 'more than rows'],
  ['(1);', 'perhaps a second statement'],
  ['(1) -- a comment', 'a comment'],
  ['(1 /*! + 1 */)', 'a comment that is run'],
  ['(?)', 'a parameter'],
  ['(NOW())', 'a function'],
  ['(DEFAULT)', 'what the table decides'],
  ['(1 + 1)', 'a sum'],
  ['(-(1))', 'a sum'],
  ['(--1)', 'a sum, or a comment'],
  ["(_latin1'a')", 'an introducer'],
  ["('a' 'b')", 'two strings that are one'],
  ["('a' COLLATE utf8mb4_bin)", 'an expression'],
  ["(x'41')", 'a hexadecimal literal'],
  ['(0x41)', 'a hexadecimal literal'],
  ['(1e5)', 'a float'],
  ['(NULLIF(1, 1))', 'a function'],
  ['(`a`)', 'a column'],
  ['ROW(1)', 'a keyword'],
  ['(@a)', 'a variable'],
])('%s is not read: %s', (rows) => {
  expect(read(rows)).toBeNull();
});

test('strings end where sql_mode says', () => {
  expect(read("('a\\'), (1)")).toBeNull();
  expect(read("('a\\'), (1)", { noBackslashEscapes: true })).toEqual({ count: 2, keys: [] });
  expect(read('("a")', { ansiQuotes: true })).toBeNull();
  expect(read("('a')", { charset: charsetNamed('gbk') })).toBeNull();
});

test.each([
  ['(7, 1), (9007199254740993, 1)', 0, { count: 2, keys: [7n, 9007199254740993n] }],
  ["('a', 12)", 1, { count: 1, keys: [12n] }],
  ['(NULL, 1), (NULL, 2)', 0, { count: 2, keys: [] }],
  ['(NULL, 1), (5, 2)', 0, null],
  ['(0, 1)', 0, null],
  ['(-5, 1)', 0, null],
  ["('5', 1)", 0, null],
  ['(1.0, 1)', 0, null],
  ['(1)', 1, null],
  ['(1234567890123456789, 1)', 0, null],
])('%s, the key at %d', (rows, keyAt, expected) => {
  expect(read(rows, {}, keyAt)).toEqual(expected);
});

test('what is read is what the tokenizer reads', () => {
  const parts = [
    "'",
    '"',
    '\\',
    ',',
    '(',
    ')',
    ' ',
    '1',
    '-',
    '.',
    'NULL',
    "''",
    'a',
    '--',
    '/*',
    ';',
    '\xe9',
    '\n',
    '#',
    'e1',
  ];
  let seed = 17;
  const chance = (n: number): number => (seed = (Math.imul(seed, 1103515245) + 12345) >>> 0) % n;
  const piece = (): string =>
    [
      () => `'${parts[chance(parts.length)]}'`,
      () => String(chance(99)),
      () => 'NULL',
      () => parts[chance(parts.length)]!,
    ][chance(4)]!();
  let understood = 0;
  for (let run = 0; run < 40_000; run++) {
    const rows = Array.from(
      { length: 1 + chance(2) },
      () => `(${Array.from({ length: 1 + chance(3) }, piece).join(',')})`,
    );
    const tail = rows.join(',') + (chance(5) === 0 ? parts[chance(parts.length)]! : '');
    const mode = { ...defaultSqlMode, noBackslashEscapes: chance(2) === 0, ansiQuotes: chance(2) === 0 };
    const found = literalRows(tail, 0, mode, -1);
    if (found === null) continue;
    understood += 1;
    const text = `INSERT INTO t VALUES${tail}`;
    const { tokens, broken } = tokenize(text, mode);
    expect({ text, broken }).toEqual({ text, broken: false });
    const shape = insertShape(tokens, 0);
    const source = shape?.source;
    expect({ text, rows: source?.kind === 'values' ? source.rows.length : source }).toEqual({
      text,
      rows: found.count,
    });
    expect(tokens.every(({ kind }) => kind !== 'separator' && kind !== 'parameter' && kind !== 'name')).toBe(true);
  }
  expect(understood).toBeGreaterThan(5_000);
});
