import { LRUCache } from 'lru-cache';
import { type ParsedText, parseText } from './classifier';
import type { SqlMode } from './sql-mode';

/** Longer texts hold data more often than they come again. */
const TEXT_BYTES_MAX = 4096;
const ENTRIES_MAX = 1000;

/** Parsed texts that came before. Shared by all sessions. */
export class StatementCache {
  private readonly parsed = new LRUCache<string, ParsedText>({ max: ENTRIES_MAX });

  parse(text: string, mode: SqlMode): ParsedText {
    if (text.length > TEXT_BYTES_MAX) return parseText(text, mode);
    const key = modeKey(mode) + text;
    let parsed = this.parsed.get(key);
    if (parsed === undefined) {
      parsed = parseText(text, mode);
      this.parsed.set(key, parsed);
    }
    return parsed;
  }
}

/** One character for what changes how a text is read; the server is the same for all sessions. */
function modeKey(mode: SqlMode): string {
  return String((mode.ansiQuotes ? 1 : 0) + (mode.noBackslashEscapes ? 2 : 0) + (mode.doubleByte ? 4 : 0));
}
