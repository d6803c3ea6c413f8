import type { SqlMode } from './sql-mode';

/** Texts are no longer than this. */
export const SHAPE_BYTES_MAX = 4096;

/** What a text of a shape may hold at its place. No text that has a shape holds these characters itself. */
const enum Literal {
  integer = 1,
  string = 2,
}

const enum Kind {
  /** Comments, variables, what quotes in other ways, control characters: only the tokenizer knows. */
  other,
  symbol,
  word,
  digit,
  quote,
  backtick,
  minus,
  slash,
  dot,
}

const kinds = new Uint8Array(256);
for (let code = 0; code < 256; code++) kinds[code] = kindOf(String.fromCharCode(code));

function kindOf(char: string): Kind {
  if (/[A-Za-z_$\x80-\xff]/.test(char)) return Kind.word;
  if (/[0-9]/.test(char)) return Kind.digit;
  if (/[\t\n\r !%&()*+,:;<=>?[\]^{|}~]/.test(char)) return Kind.symbol;
  const special: Readonly<Record<string, Kind>> = {
    "'": Kind.quote,
    '`': Kind.backtick,
    '-': Kind.minus,
    '/': Kind.slash,
    '.': Kind.dot,
  };
  return special[char] ?? Kind.other;
}

const BACKSLASH = 92;
const shape = Buffer.allocUnsafeSlow(SHAPE_BYTES_MAX);

/** Where the literals of the text that was read last begin and end. */
const starts = new Uint16Array(SHAPE_BYTES_MAX);
const ends = new Uint16Array(SHAPE_BYTES_MAX);

/** A text without its literals. */
export interface TextShape {
  /** Equal for texts whose tokens are the same but for their offsets and for what integers and strings say. */
  readonly key: string;
  /** The key is the text. */
  readonly whole: boolean;
  /** How many it has. */
  readonly literals: number;
}

/**
 * The shape of a text of at most SHAPE_BYTES_MAX, in one pass; null when it holds what only the tokenizer understands: what
 * has a shape is read alike in every mode.
 */
export function textShape(text: string, mode: SqlMode): TextShape | null {
  const end = text.length;
  let length = 0;
  let literals = 0;
  let at = 0;
  let before: number = Kind.symbol;
  while (at < end) {
    const code = text.charCodeAt(at);
    let kind: number = kinds[code] ?? Kind.other;
    if (kind === Kind.digit) {
      const behind = behindDigits(text, at + 1);
      const next = behind < end ? kinds[text.charCodeAt(behind)] : Kind.symbol;
      // Parts of names and of numbers that are no plain integers stay as they are.
      if (before !== Kind.word && before !== Kind.dot && next !== Kind.word && next !== Kind.dot) {
        shape[length++] = Literal.integer;
        starts[literals] = at;
        ends[literals] = behind;
        literals += 1;
      } else {
        for (let i = at; i < behind; i++) shape[length++] = text.charCodeAt(i);
        kind = Kind.word;
      }
      at = behind;
      before = kind;
      continue;
    }
    if (kind === Kind.quote) {
      // x'41', N'text', _utf8'text'
      if (before === Kind.word) return null;
      starts[literals] = at;
      at = behindString(text, at, mode);
      if (at < 0) return null;
      ends[literals] = at;
      shape[length++] = Literal.string;
      literals += 1;
      before = kind;
      continue;
    }
    if (kind === Kind.backtick) {
      const close = text.indexOf('`', at + 1);
      if (close < 0) return null;
      for (let i = at; i <= close; i++) {
        const inside = text.charCodeAt(i);
        if (inside < 32 || (inside > 127 && mode.charset.doubleByte !== null)) return null;
        shape[length++] = inside;
      }
      at = close + 1;
      before = kind;
      continue;
    }
    if (kind === Kind.other || opensComment(kind, text.charCodeAt(at + 1))) return null;
    shape[length++] = code;
    at += 1;
    before = kind;
  }
  if (literals === 0) return { key: text, whole: true, literals };
  return { key: shape.toString('latin1', 0, length), whole: false, literals };
}

/** The literals of a text that has a shape, by their places among them. */
export interface LiteralPlaces {
  readonly count: number;
  start(place: number): number;
  end(place: number): number;
}

const lastLiterals = {
  count: 0,
  start: (place: number): number => starts[place] ?? 0,
  end: (place: number): number => ends[place] ?? 0,
};

/** To be looked at before another text is. */
export function literalPlaces(text: string, mode: SqlMode): LiteralPlaces {
  const shape = textShape(text, mode);
  lastLiterals.count = shape === null || shape.whole ? 0 : shape.literals;
  return lastLiterals;
}

/** "--" and "/*". */
function opensComment(kind: number, next: number): boolean {
  return (kind === Kind.minus && next === 45) || (kind === Kind.slash && next === 42);
}

function behindDigits(text: string, from: number): number {
  let at = from;
  while (at < text.length && kinds[text.charCodeAt(at)] === Kind.digit) at += 1;
  return at;
}

/** Behind the string that opens at `open`; -1: where it ends only the tokenizer can tell, if anyone. */
function behindString(text: string, open: number, mode: SqlMode): number {
  for (let at = open + 1; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (kinds[code] === Kind.quote) {
      if (kinds[text.charCodeAt(at + 1)] !== Kind.quote) return at + 1;
      at += 1;
    } else if (code === BACKSLASH) {
      if (mode.noBackslashEscapes || mode.charset.doubleByte !== null) return -1;
      at += 1;
    } else if (code > 127 && mode.charset.doubleByte !== null) return -1;
  }
  return -1;
}
