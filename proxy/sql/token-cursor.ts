import type { Token } from './tokenizer';

/** A table as a statement names it; `schema` is null when it is the session's default one. latin1, as the tokens. */
export interface TableName {
  readonly schema: string | null;
  readonly table: string;
}

/** Walks over tokens; a reading method that does not find what it looks for leaves the cursor where it was. */
export class TokenCursor {
  constructor(
    readonly tokens: readonly Token[],
    public at = 0,
  ) {}

  get done(): boolean {
    return this.at >= this.tokens.length;
  }

  /** The current token's upper-case text if it is a keyword or a symbol; '' otherwise: behind a dot a word is a name. */
  upper(ahead = 0): string {
    const token = this.tokens[this.at + ahead];
    if (token === undefined) return '';
    if (token.kind === 'symbol') return token.upper;
    return token.kind === 'word' && this.tokens[this.at + ahead - 1]?.upper !== '.' ? token.upper : '';
  }

  kind(ahead = 0): Token['kind'] | null {
    return this.tokens[this.at + ahead]?.kind ?? null;
  }

  /** Consumes the current token if it is one of `words`. */
  accept(...words: readonly string[]): boolean {
    const upper = this.upper();
    if (upper === '' || !words.includes(upper)) return false;
    this.at += 1;
    return true;
  }

  /** Consumes `words` if they follow one another here. */
  acceptSequence(...words: readonly string[]): boolean {
    if (!words.every((word, ahead) => this.upper(ahead) === word)) return false;
    this.at += words.length;
    return true;
  }

  name(): string | null {
    const token = this.tokens[this.at];
    if (token === undefined || (token.kind !== 'word' && token.kind !== 'name')) return null;
    this.at += 1;
    return token.text;
  }

  /** `table`, `schema.table`, or null. */
  tableName(): TableName | null {
    const from = this.at;
    // ".t" means a table of the default schema (ODBC).
    if (this.upper() === '.') this.at += 1;
    const first = this.name();
    if (first === null) {
      this.at = from;
      return null;
    }
    if (this.upper() !== '.') return { schema: null, table: first };
    this.at += 1;
    const second = this.name();
    if (second === null) {
      this.at = from;
      return null;
    }
    return { schema: first, table: second };
  }

  /** At '(': moves behind the matching ')'; false (and to the end) when there is none. */
  skipGroup(): boolean {
    let depth = 0;
    while (!this.done) {
      const symbol = this.upper();
      this.at += 1;
      if (symbol === '(') depth += 1;
      else if (symbol === ')' && --depth === 0) return true;
    }
    return false;
  }

  /** Moves to the next `words` outside parentheses, or to the end. Returns the word found. */
  seek(...words: readonly string[]): string | null {
    while (!this.done) {
      const upper = this.upper();
      if (upper === '(') {
        this.skipGroup();
        continue;
      }
      if (upper !== '' && words.includes(upper)) return upper;
      this.at += 1;
    }
    return null;
  }
}
