import { LRUCache } from 'lru-cache';
import { onlyReads, onlyWrites, type ParsedText, parseText, type Statement } from './classifier';
import type { SqlMode } from './sql-mode';
import { utf8 } from './client-charset';
import { isAscii } from './names';
import { SHAPE_BYTES_MAX, textShape } from './text-shape';

/** Longer texts hold data more often than they come again. */
const TEXT_BYTES_MAX = SHAPE_BYTES_MAX;
const ENTRIES_MAX = 1000;
/** Of all entries together, about 100 bytes each. */
const TOKENS_MAX = 200_000;
/** Texts that came once, by their hashes; then they are forgotten all at once. */
const ONCE_MAX = 2000;

/** Parsed texts that came before. Shared by all sessions. */
export class StatementCache {
  private readonly texts = new LRUCache<string, ParsedText>({ max: ENTRIES_MAX, maxSize: TOKENS_MAX });
  private readonly shapes = new LRUCache<string, ParsedText>({ max: ENTRIES_MAX, maxSize: TOKENS_MAX });
  private once = new Set<number>();

  /** Tokens and offsets are those of the text. */
  parse(text: string, mode: SqlMode): ParsedText {
    if (text.length > TEXT_BYTES_MAX) return parseText(text, mode);
    const key = modeKey(mode) + text;
    return this.texts.get(key) ?? this.keepText(key, parseText(text, mode));
  }

  /**
   * Of a SELECT that only reads, an UPDATE and a DELETE, literals and offsets may be those of another text of the same shape
   * (`ofShape`): an application has few shapes, and mostly new texts.
   */
  parseByShape(text: string, mode: SqlMode): ParsedText {
    const shape = text.length > TEXT_BYTES_MAX ? null : textShape(text, mode);
    if (shape === null) return this.parse(text, mode);
    // Of equal bytes, names beyond ASCII may be others in another character set.
    const key = mode.charset === utf8 || isAscii(shape.key) ? shape.key : `${mode.charset.name} ${shape.key}`;
    const known = this.shapes.get(key);
    if (known !== undefined) return known;
    if (shape.whole) return this.keep(this.shapes, key, parseText(text, mode));
    const parsed = this.parse(text, mode);
    if (!onlyReads(parsed) && !onlyWrites(parsed)) return parsed;
    this.keep(this.shapes, key, { ...parsed, statements: parsed.statements.map(asShape) });
    return parsed;
  }

  /** What comes once is not kept: many such texts would only age in memory, and that is dear. */
  private keepText(key: string, parsed: ParsedText): ParsedText {
    const hash = hashOf(key);
    if (this.once.delete(hash)) return this.keep(this.texts, key, parsed);
    if (this.once.size >= ONCE_MAX) this.once = new Set();
    this.once.add(hash);
    return parsed;
  }

  private keep(where: LRUCache<string, ParsedText>, key: string, parsed: ParsedText): ParsedText {
    const kept = { ...parsed, kept: true };
    where.set(key, kept, { size: parsed.statements.reduce((sum, { tokens }) => sum + tokens.length, 1) });
    return kept;
  }
}

function asShape(statement: Statement): Statement {
  return { ...statement, ofShape: true };
}

/** What changes how a text is read: the server too, which may be another version after a restart. */
function modeKey({ ansiQuotes, noBackslashEscapes, charset, server }: SqlMode): string {
  return `${(ansiQuotes ? 1 : 0) + (noBackslashEscapes ? 2 : 0)}${charset.name}${server.number} `;
}

/** FNV-1a. Of two texts with one hash, one is kept too early. */
function hashOf(key: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < key.length; i++) hash = Math.imul(hash ^ key.charCodeAt(i), 0x01000193);
  return hash | 0;
}
