import type { SqlMode } from './sql-mode';

/** The rows behind the VALUES of an INSERT, where they are made of nothing but literals. */
export interface LiteralRows {
  readonly count: number;
  /** What stands in the key's column: an integer above 0 in each row, or (empty) NULL in each or no such column. */
  readonly keys: readonly bigint[];
}

const enum Char {
  space = 32,
  doubleQuote = 34,
  singleQuote = 39,
  open = 40,
  close = 41,
  comma = 44,
  minus = 45,
  dot = 46,
  zero = 48,
  nine = 57,
  backslash = 92,
}

/** Longer ones do not fit a BIGINT column, or need a closer look. */
const KEY_DIGITS_MAX = 18;

/**
 * Reads `('a', 1), ('b', -2.5), …` from `from` to the end of the text. null for anything else (a function, a comment, a
 * charset's introducer, a second statement …): then the text has to be cut into tokens. `keyAt`: the place of the key's
 * value in each row, from 0; -1: it has none. This is the tokenizer's reading of these forms, at a tenth of its cost.
 */
export function literalRows(text: string, from: number, mode: SqlMode, keyAt: number): LiteralRows | null {
  // A second byte may look like a quote's escape.
  if (mode.charset.doubleByte !== null) return null;
  const keys: bigint[] = [];
  let count = 0;
  let generated = 0;
  for (let at = from; ;) {
    at = behindBlanks(text, at);
    if (text.charCodeAt(at) !== Char.open) return null;
    at += 1;
    let place = 0;
    for (;;) {
      at = behindBlanks(text, at);
      const end = literalEnd(text, at, mode);
      if (end < 0) return null;
      if (place === keyAt) {
        const key = keyOf(text, at, end);
        if (key === undefined) return null;
        if (key === null) generated += 1;
        else keys.push(key);
      }
      place += 1;
      at = behindBlanks(text, end);
      const next = text.charCodeAt(at);
      at += 1;
      if (next === Char.close) break;
      if (next !== Char.comma) return null;
    }
    count += 1;
    // The server refuses it; and a row that has no place for the key would have it generated.
    if (place <= keyAt) return null;
    at = behindBlanks(text, at);
    if (at >= text.length) break;
    if (text.charCodeAt(at) !== Char.comma) return null;
    at += 1;
  }
  // Among generated ones a given key decides how the server counts on.
  return keys.length > 0 && generated > 0 ? null : { count, keys };
}

function behindBlanks(text: string, from: number): number {
  let at = from;
  while (at < text.length && text.charCodeAt(at) <= Char.space) at += 1;
  return at;
}

/** Offset behind the literal that begins at `at`; -1: it is none of those that are read here. */
function literalEnd(text: string, at: number, mode: SqlMode): number {
  const code = text.charCodeAt(at);
  if (code === Char.singleQuote || (code === Char.doubleQuote && !mode.ansiQuotes)) return quotedEnd(text, at, mode);
  if (code === Char.minus) return isDigit(text.charCodeAt(at + 1)) ? numberEnd(text, at + 1) : -1;
  if (isDigit(code)) return numberEnd(text, at);
  return isNull(text, at) ? at + 4 : -1;
}

function quotedEnd(text: string, open: number, { noBackslashEscapes }: SqlMode): number {
  const quote = text.charCodeAt(open);
  for (let at = open + 1; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === quote) {
      if (text.charCodeAt(at + 1) !== quote) return at + 1;
      at += 1;
    } else if (code === Char.backslash && !noBackslashEscapes) at += 1;
  }
  return -1;
}

/** Digits with at most one point in them; what follows is looked at by the caller. */
function numberEnd(text: string, from: number): number {
  let at = from;
  while (isDigit(text.charCodeAt(at))) at += 1;
  if (text.charCodeAt(at) !== Char.dot) return at;
  at += 1;
  while (isDigit(text.charCodeAt(at))) at += 1;
  return at;
}

function isDigit(code: number): boolean {
  return code >= Char.zero && code <= Char.nine;
}

function isNull(text: string, at: number): boolean {
  const word = text.slice(at, at + 4);
  return word === 'NULL' || word === 'null';
}

/** null: the server generates it; undefined: it takes a closer look. */
function keyOf(text: string, start: number, end: number): bigint | null | undefined {
  if (isNull(text, start)) return null;
  if (end - start > KEY_DIGITS_MAX) return undefined;
  let value = 0;
  for (let at = start; at < end; at++) {
    const code = text.charCodeAt(at);
    if (!isDigit(code)) return undefined;
    value = value * 10 + (code - Char.zero);
  }
  // A zero is a key or none, as sql_mode has it.
  if (value === 0) return undefined;
  return value <= Number.MAX_SAFE_INTEGER ? BigInt(value) : BigInt(text.slice(start, end));
}
