import { charsetNamed } from './client-charset';
import { onlyReads, onlyWrites, parseText } from './classifier';
import { defaultSqlMode, type SqlMode } from './sql-mode';
import { StatementCache } from './statement-cache';
import { textShape } from './text-shape';
import { tokenize } from './tokenizer';

const gbk: SqlMode = { ...defaultSqlMode, charset: charsetNamed('gbk') };
const key = (text: string, mode = defaultSqlMode): string | undefined => textShape(text, mode)?.key;

test.each([
  ['SELECT 1', 'SELECT 22', 'integers'],
  ["SELECT 'a'", "SELECT ''", 'strings'],
  ["SELECT 'it''s'", "SELECT 'x'", 'a doubled quote'],
  ["SELECT 'it\\'s', 'a\\\\'", "SELECT 'x', 'y'", 'escapes'],
  ['SELECT a+1,-5', 'SELECT a+77,-0', 'operators'],
  ['SELECT (1),(2)\n', 'SELECT (0),(999)\n', 'line ends'],
  ["SELECT 'habari\xc3\xa9'", "SELECT 'x'", 'bytes of UTF-8'],
  ['SELECT 1e-5', 'SELECT 1e-66', 'the exponent alone'],
])('%p and %p have one shape: %s', (a, b) => {
  expect(key(a)).toBeDefined();
  expect(key(a)).toBe(key(b));
});

test.each([
  ['SELECT 1', "SELECT '1'", 'an integer is no string'],
  ['SELECT 1', 'SELECT 1.5', 'decimals stay'],
  ['SELECT a1', 'SELECT a2', 'digits of a name'],
  ['SELECT t.1a', 'SELECT t.2a', 'digits behind a dot'],
  ['SELECT 0x10', 'SELECT 0x11', 'hexadecimals'],
  ['SELECT `a5`', 'SELECT `a6`', 'quoted names'],
  ['SELECT 1', 'SELECT  1', 'blanks'],
  ["SELECT 'a'", "SELECT 'a''b' 'c'", 'one string, two strings'],
])('%p and %p have different ones: %s', (a, b) => {
  expect(key(a)).toBeDefined();
  expect(key(b)).toBeDefined();
  expect(key(a)).not.toBe(key(b));
});

test.each([
  ['SELECT 1 -- x', 'a comment'],
  ['SELECT 1--1', 'what may be one'],
  ['SELECT 1 # x', 'a comment'],
  ['SELECT /* x */ 1', 'a comment'],
  ['SELECT "a"', 'a name or a string, by the mode'],
  ['SELECT @a', 'a variable'],
  ["SELECT 'a\\'", 'an escape, and no end'],
  ["SELECT x'41'", 'a hexadecimal'],
  ["SELECT _utf8'a'", 'an introducer'],
  ["SELECT 'a", 'no end'],
  ['SELECT `a', 'no end'],
  ['SELECT \x01', 'what stands for a literal'],
  ['SELECT `\x02`', 'what stands for a literal'],
  ['SELECT \\N', 'a backslash'],
])('%p has none: %s', (text) => expect(textShape(text, defaultSqlMode)).toBeNull());

test('an escape is one only where the mode says so', () => {
  expect(textShape("SELECT 'a\\'", { ...defaultSqlMode, noBackslashEscapes: true })).toBeNull();
  expect(textShape("SELECT 'a\\'b'", gbk)).toBeNull();
});

test('a character set whose characters may hide a quote has no shapes with them', () => {
  expect(textShape("SELECT '\xbf'", gbk)).toBeNull();
  expect(textShape('SELECT `\xbf`', gbk)).toBeNull();
  expect(textShape("SELECT 'a'", gbk)).not.toBeNull();
});

/** A generator of its own, so that a seed prints its way back. */
function random(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

const pieces = (
  "SELECT|FROM|t|`n`|``|.|,|(|)|=|<|<=|>|->|->>|:=|-|--|+|*|/|/*|*/|#|1|23|0|1.5|1e5|1e|0x1F|0b1|b|x|N|'a'|''|'b''c'" +
  "|'\\\\'|\"q\"|@v|@@g| |  |\n|\t|;|?|%|_utf8|abc9|$1|\xc3\xa9|'\xc3\xa9'|\x01|\x02|'|`|.5|5.|e-|!|&&|LIMIT|GET_LOCK|FOR|UPDATE|INTO"
).split('|');
const modes: readonly SqlMode[] = [
  defaultSqlMode,
  { ...defaultSqlMode, noBackslashEscapes: true },
  { ...defaultSqlMode, ansiQuotes: true },
  gbk,
];

test('texts of one shape have the same tokens but for what literals say, whatever the mode', () => {
  const seed = Date.now() % 1e6;
  const pick = random(seed);
  const known = new Map<string, string>();
  const wrong: string[] = [];
  let shaped = 0;
  for (let round = 0; round < 60_000; round++) {
    let text = pick(3) === 0 ? '' : 'SELECT ';
    for (let length = pick(9); length >= 0; length--) text += pieces[pick(pieces.length)] ?? '';
    const mode = modes[pick(modes.length)] ?? defaultSqlMode;
    const shape = textShape(text, mode);
    if (shape === null) continue;
    shaped += 1;
    const { tokens, broken } = tokenize(text, mode);
    if (broken) wrong.push(text);
    const without = JSON.stringify(
      tokens.map(({ kind, text: said, upper, start }) =>
        kind === 'number' && /^\d+$/.test(said) && shape.key !== text
          ? [kind]
          : [
              kind,
              said.replace(/^(\d+e[+-])\d+$/, '$1'),
              upper.replace(/^(\d+e[+-])\d+$/, '$1'),
              shape.whole ? start : null,
            ],
      ),
    );
    // Other literals in the same places.
    const inName = text.includes('`');
    const other = text.replace(/'(?:[^'\\]|''|\\[^])*'/g, (literal) =>
      inName || shape.whole ? literal : `'${pick(100)}'`,
    );
    if ((known.get(shape.key) ?? without) !== without || textShape(other, mode)?.key !== shape.key) wrong.push(text);
    known.set(shape.key, without);
  }
  expect({ seed, wrong }).toEqual({ seed, wrong: [] });
  expect(shaped).toBeGreaterThan(5_000);
});

test('a text of a known shape is judged as it would be alone', () => {
  const cache = new StatementCache();
  const first = cache.parseByShape("SELECT a FROM t JOIN s.u WHERE id=1 AND n='x'", defaultSqlMode);
  const text = "SELECT a FROM t JOIN s.u WHERE id=23456 AND n='another'";
  const second = cache.parseByShape(text, defaultSqlMode);
  expect(second.statements[0]?.ofShape).toBe(true);
  expect(first.statements[0]?.ofShape).toBeUndefined();
  expect(cache.parseByShape("SELECT a FROM t JOIN s.u WHERE id=3 AND n='z'", defaultSqlMode)).toBe(second);
  const alone = parseText(text, defaultSqlMode);
  expect(second.statements[0]?.tables).toEqual(alone.statements[0]?.tables);
  expect(onlyReads(second)).toBe(true);
});

test.each([
  ["UPDATE t SET a='it\\'s' WHERE id=2", "UPDATE t SET a='x' WHERE id=345"],
  ['DELETE FROM s.t WHERE id=2', 'DELETE FROM s.t WHERE id=345'],
])('%p and %p are one change of rows', (text, other) => {
  const cache = new StatementCache();
  cache.parseByShape(text, defaultSqlMode);
  const known = cache.parseByShape(other, defaultSqlMode);
  expect(cache.parseByShape(text, defaultSqlMode)).toBe(known);
  expect(onlyWrites(known)).toBe(true);
  expect(known.statements[0]?.tables).toEqual(parseText(other, defaultSqlMode).statements[0]?.tables);
});

test.each([
  'UPDATE t SET a=f(1)',
  "INSERT INTO t VALUES (1,'a')",
  "SET NAMES 'utf8'",
  'SELECT f(1)',
  'SELECT a INTO x FROM t LIMIT 1',
  'SELECT 1; SELECT 2',
])('%p keeps its own literals and offsets', (text) => {
  const cache = new StatementCache();
  for (const each of [text, text.replace(/1/g, '12345'), text.replace(/1/g, '12345'), text.replace(/1/g, '12345')]) {
    const { statements } = cache.parseByShape(each, defaultSqlMode);
    expect(statements).toEqual(parseText(each, defaultSqlMode).statements);
  }
});
