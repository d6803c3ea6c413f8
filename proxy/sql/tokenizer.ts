import { type DoubleByte, isDoubleByteCharacter, lengthAt, readsAlikeInAll } from './client-charset';
import { isAscii } from './names';
import { executesComment, type SqlMode } from './sql-mode';

/**
 * word: keyword, name or function, unquoted. name: quoted by backticks (or ANSI quotes). userVariable: @x, @'x', @`x`.
 * systemVariable: @@x (a scope and dots follow as tokens of their own). parameter: ?.
 */
export type TokenKind =
  'word' | 'name' | 'string' | 'number' | 'userVariable' | 'systemVariable' | 'parameter' | 'symbol' | 'separator';

/** A piece of a statement; `start` and `end` are byte offsets into its text. */
export interface Token {
  readonly kind: TokenKind;
  /**
   * word: as written; name: unquoted; symbol: its characters; userVariable, systemVariable: the name.
   * string: empty, so that large values are not copied (see `stringValue`). separator: empty within an executable comment, where
   * the server does not come to it.
   */
  readonly text: string;
  /** word: in upper case; otherwise the same as `text`. */
  readonly upper: string;
  readonly start: number;
  readonly end: number;
}

export interface Tokens {
  readonly tokens: readonly Token[];
  /** Bytes that could not be read as SQL: the statement must be relayed as it is and trusted in nothing. */
  readonly broken: boolean;
  /** Broken off after TOKENS_MAX. */
  readonly tooLong: boolean;
}

/** About 200 MB, and a second in which no other client is served: more than mysqldump puts into one INSERT. */
const TOKENS_MAX = 1 << 21;

const enum Char {
  newline = 10,
  doubleQuote = 34,
  hash = 35,
  singleQuote = 39,
  star = 42,
  minus = 45,
  dot = 46,
  slash = 47,
  zero = 48,
  nine = 57,
  semicolon = 59,
  question = 63,
  at = 64,
  backslash = 92,
  backtick = 96,
}

/** Characters that may stand in an unquoted name: letters, digits, _, $, and every byte of a multibyte character. */
const wordChars = new Uint8Array(256);
for (let code = 0; code < 256; code++) {
  const letter = (code >= 65 && code <= 90) || (code >= 97 && code <= 122);
  const digit = code >= Char.zero && code <= Char.nine;
  wordChars[code] = letter || digit || code === 95 || code === 36 || code >= 128 ? 1 : 0;
}

function isWordChar(code: number): boolean {
  return wordChars[code] === 1;
}

function isDigit(code: number): boolean {
  return code >= Char.zero && code <= Char.nine;
}

const longSymbols = new Set(['<=>', ':=', '<=', '>=', '<>', '!=', '||', '&&', '<<', '>>', '->', '->>']);

/**
 * Cuts SQL text into tokens. `text` holds one character for each byte (latin1), so offsets are byte offsets, and UTF-8
 * needs no care: none of its continuation bytes looks like a quote.
 */
export function tokenize(text: string, mode: SqlMode): Tokens {
  // Nobody knows where its strings end.
  if (mode.charset.doubleByte === 'unknown' && !readsAlikeInAll(text)) {
    return { tokens: [], broken: true, tooLong: false };
  }
  const scanner = new Scanner(text, mode);
  const broken = !scanner.scan();
  return { tokens: scanner.tokens, broken, tooLong: scanner.tokens.length >= TOKENS_MAX };
}

class Scanner {
  readonly tokens: Token[] = [];
  private at = 0;
  private readonly doubleByte: DoubleByte | null;
  private readonly blank: number;
  /** Inside a versioned comment whose contents the server executes: its end mark is to be skipped. */
  private inExecutedComment = false;

  constructor(
    private readonly text: string,
    private readonly mode: SqlMode,
  ) {
    const { doubleByte, blank } = mode.charset;
    this.blank = blank;
    this.doubleByte = doubleByte === 'unknown' ? null : doubleByte;
  }

  /** False when the text ends inside a quoted string or a comment, or is too long. */
  scan(): boolean {
    while (this.at < this.text.length) {
      if (this.tokens.length >= TOKENS_MAX) return false;
      const code = this.text.charCodeAt(this.at);
      if (code <= 32 || code === this.blank) this.at += 1;
      else if (isWordChar(code)) this.wordOrNumber();
      else if (!this.other(code)) return false;
    }
    return !this.inExecutedComment;
  }

  private peek(ahead: number): number {
    return this.at + ahead < this.text.length ? this.text.charCodeAt(this.at + ahead) : 0;
  }

  private add(kind: TokenKind, text: string, start: number): true {
    const upper = kind === 'word' ? text.toUpperCase() : text;
    this.tokens.push({ kind, text, upper, start, end: this.at });
    return true;
  }

  private other(code: number): boolean {
    switch (code) {
      case Char.singleQuote:
        return this.quoted(code, 'string');
      case Char.doubleQuote:
        return this.quoted(code, this.mode.ansiQuotes ? 'name' : 'string');
      case Char.backtick:
        return this.quoted(code, 'name');
      case Char.hash:
        return this.lineComment();
      case Char.minus: {
        // "--" starts a comment only before a space or control character: 5--3 is a sum.
        const after = this.at + 2 < this.text.length ? this.peek(2) : 32;
        const blank = after <= 32 || after === this.blank;
        return this.peek(1) === Char.minus && blank ? this.lineComment() : this.symbol();
      }
      case Char.slash:
        return this.peek(1) === Char.star ? this.blockComment() : this.symbol();
      case Char.star:
        if (!this.inExecutedComment || this.peek(1) !== Char.slash) return this.symbol();
        this.inExecutedComment = false;
        this.at += 2;
        return true;
      case Char.semicolon:
        return this.separator();
      case Char.question:
        return this.single('parameter');
      case Char.at:
        return this.variable();
      case Char.dot:
        return isDigit(this.peek(1)) && !this.afterName() ? this.wordOrNumber() : this.symbol();
      default:
        return this.symbol();
    }
  }

  private separator(): true {
    const start = this.at++;
    return this.add('separator', this.inExecutedComment ? '' : ';', start);
  }

  private single(kind: TokenKind): boolean {
    const start = this.at++;
    return this.add(kind, this.text.charAt(start), start);
  }

  private symbol(): boolean {
    const start = this.at;
    for (const length of [3, 2]) {
      const symbol = this.text.substr(start, length);
      if (symbol.length === length && longSymbols.has(symbol)) {
        this.at += length;
        return this.add('symbol', symbol, start);
      }
    }
    return this.single('symbol');
  }

  private afterName(): boolean {
    const last = this.tokens[this.tokens.length - 1];
    return last !== undefined && last.end === this.at && (last.kind === 'word' || last.kind === 'name');
  }

  private wordOrNumber(): true {
    const { text } = this;
    const start = this.at;
    const previous = this.tokens[this.tokens.length - 1];
    const afterDot = previous !== undefined && previous.upper === '.' && previous.end === start;
    const number = afterDot ? null : numberAt(text, start, this.blank);
    if (number !== null) {
      this.at = start + number;
      return this.add('number', text.slice(start, this.at), start);
    }
    if (!isWordChar(text.charCodeAt(start))) {
      this.symbol();
      return true;
    }
    this.at = this.wordEnd(start);
    const quote = this.peek(0);
    // x'41', b'01', n'text': one literal. _utf8mb4'text' stays a word and a string.
    if (this.at - start === 1 && quote === Char.singleQuote && /[xXbBnN]/.test(text.charAt(start))) {
      this.quoted(quote, 'string', start);
      return true;
    }
    return this.add('word', text.slice(start, this.at), start);
  }

  /** Offset behind the word's characters from `at` on. */
  private wordEnd(at: number): number {
    const { text, doubleByte, blank } = this;
    for (; at < text.length; at++) {
      const code = text.charCodeAt(at);
      if (!isWordChar(code) || code === blank) break;
      const double = code >= 0x81 && doubleByte !== null;
      if (double && isDoubleByteCharacter(doubleByte, code, text.charCodeAt(at + 1))) at += 1;
    }
    return at;
  }

  private quoted(quote: number, kind: 'string' | 'name', from = this.at): boolean {
    const end = this.closingQuote(this.at, quote, kind === 'string');
    if (end < 0) return false;
    const inner = kind === 'name' ? unquoteName(this.text.slice(this.at + 1, end - 1), String.fromCharCode(quote)) : '';
    this.at = end;
    return this.add(kind, inner, from);
  }

  /** Offset behind the quote that closes the one at `open`; -1 when the text ends first. A doubled quote stands for itself. */
  private closingQuote(open: number, quote: number, string: boolean): number {
    const { text, mode, doubleByte } = this;
    const escapes = string && !mode.noBackslashEscapes;
    for (let at = open + 1; at < text.length; at++) {
      const code = text.charCodeAt(at);
      if (code === quote) {
        if (text.charCodeAt(at + 1) !== quote) return at + 1;
        at += 1;
      } else if (code === Char.backslash && escapes) {
        at += 1;
      } else if (
        code >= 0x81 &&
        doubleByte !== null &&
        isDoubleByteCharacter(doubleByte, code, text.charCodeAt(at + 1))
      ) {
        at += 1;
      }
    }
    return -1;
  }

  private lineComment(): true {
    const end = this.text.indexOf('\n', this.at);
    this.at = end < 0 ? this.text.length : end + 1;
    return true;
  }

  private blockComment(): boolean {
    const head = /^\/\*(M?)!(\d{5,6})?/.exec(this.text.substr(this.at, 12));
    if (head !== null && executesComment(this.mode.server, head[1] === 'M', Number(head[2] ?? 0))) {
      this.at += head[0].length;
      this.inExecutedComment = true;
      return true;
    }
    let end = this.text.indexOf('*/', this.at + 2);
    // One that is skipped for its version may hold another comment.
    const inner = head === null ? -1 : this.text.indexOf('/*', this.at + 3);
    if (inner >= 0 && inner < end) end = this.text.indexOf('*/', end + 2);
    if (end < 0) return false;
    this.at = end + 2;
    return true;
  }

  private variable(): boolean {
    const start = this.at;
    const system = this.peek(1) === Char.at;
    const kind = system ? 'systemVariable' : 'userVariable';
    this.at += system ? 2 : 1;
    const next = this.peek(0);
    if (next === Char.backtick || next === Char.singleQuote || next === Char.doubleQuote) {
      const end = this.closingQuote(this.at, next, next !== Char.backtick);
      if (end < 0) return false;
      const name = this.text.slice(this.at + 1, end - 1);
      this.at = end;
      return this.add(kind, name, start);
    }
    const nameStart = this.at;
    for (let code = this.peek(0); code !== this.blank; code = this.peek(0)) {
      if (!isWordChar(code) && (system || code !== Char.dot)) break;
      this.at += 1;
    }
    return this.add(kind, this.text.slice(nameStart, this.at), start);
  }
}

/** Length of the number at `start`, or null when it is a name, which may start with digits too (`2fa`). */
function numberAt(text: string, start: number, blank: number): number | null {
  const first = text.charCodeAt(start);
  if (!isDigit(first) && first !== Char.dot) return null;
  // Sticky, so that a long text is not copied.
  numberPattern.lastIndex = start;
  const match = numberPattern.exec(text);
  if (match === null) return null;
  const end = start + match[0].length;
  const next = end < text.length ? text.charCodeAt(end) : blank;
  if (next !== blank && isWordChar(next) && !match[0].includes('.')) return null;
  return match[0].length;
}

const numberPattern = /0[xX][0-9a-fA-F]+(?![\w$])|0[bB][01]+(?![\w$])|(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?/y;

function unquoteName(inner: string, quote: string): string {
  return inner.includes(quote) ? inner.replaceAll(quote + quote, quote) : inner;
}

/**
 * The value of a string literal (one character for each byte); null for hexadecimal, bit and national literals.
 */
export function stringValue(text: string, token: Token, mode: SqlMode): string | null {
  const quote = text.charAt(token.start);
  if (quote !== "'" && quote !== '"') return null;
  const inner = text.slice(token.start + 1, token.end - 1);
  if (mode.charset.doubleByte !== null && !isAscii(inner)) return doubleByteValue(inner, quote, mode);
  const single = inner.replaceAll(quote + quote, quote);
  if (mode.noBackslashEscapes || !inner.includes('\\')) return single;
  // One pass, because \\'' holds both kinds of escape.
  return inner.replace(/\\([\s\S])|''|""/g, (match, escaped: string | undefined) => {
    if (escaped === undefined) return match.charAt(0) === quote ? quote : match;
    return escapes[escaped] ?? escaped;
  });
}

function doubleByteValue(inner: string, quote: string, { charset, noBackslashEscapes }: SqlMode): string {
  let value = '';
  for (let at = 0; at < inner.length;) {
    const length = lengthAt(inner, at, charset);
    const char = inner.slice(at, at + length);
    const escaped = char === '\\' && !noBackslashEscapes ? inner[at + 1] : undefined;
    if (escaped !== undefined) value += escapes[escaped] ?? escaped;
    else value += char;
    at += escaped !== undefined || (char === quote && inner[at + 1] === quote) ? 2 : length;
  }
  return value;
}

/** MySQL: "String Literals", table of special character escape sequences. */
const escapes: Readonly<Record<string, string>> = {
  '0': '\0',
  b: '\b',
  n: '\n',
  r: '\r',
  t: '\t',
  Z: '\x1a',
  '%': '\\%',
  _: '\\_',
};
