import { LRUCache } from 'lru-cache';
import { type ParsedText, parseText } from './classifier';
import type { SqlMode } from './sql-mode';

/** Longer texts hold data more often than they come again. */
const TEXT_BYTES_MAX = 4096;
const ENTRIES_MAX = 1000;
/** Of all entries together, about 100 bytes each. */
const TOKENS_MAX = 200_000;

/** Parsed texts that came before. Shared by all sessions. */
export class StatementCache {
  private readonly parsed = new LRUCache<string, ParsedText>({ max: ENTRIES_MAX, maxSize: TOKENS_MAX });

  parse(text: string, mode: SqlMode): ParsedText {
    if (text.length > TEXT_BYTES_MAX) return parseText(text, mode);
    const key = modeKey(mode) + text;
    let parsed = this.parsed.get(key);
    if (parsed === undefined) {
      parsed = parseText(text, mode);
      this.parsed.set(key, parsed, { size: parsed.statements.reduce((sum, { tokens }) => sum + tokens.length, 1) });
    }
    return parsed;
  }
}

/** What changes how a text is read: the server too, which may be another version after a restart. */
function modeKey({ ansiQuotes, noBackslashEscapes, doubleByte, server }: SqlMode): string {
  return `${(ansiQuotes ? 1 : 0) + (noBackslashEscapes ? 2 : 0)}${doubleByte ?? ''}${server.number} `;
}
