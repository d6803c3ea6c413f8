import { isUtf8 } from 'node:buffer';
import type { Token } from './tokenizer';

/**
 * Whether words and quoted names are UTF-8, as the catalog has them. In other character sets of clients their bytes mean other
 * names, and some stand for a blank (0xA0 in latin1): then one word here may be two for the server.
 */
export function namesAreUtf8(tokens: readonly Token[]): boolean {
  for (const { kind, text } of tokens) {
    if (kind !== 'word' && kind !== 'name') continue;
    for (let at = 0; at < text.length; at++) {
      if (text.charCodeAt(at) < 128) continue;
      if (!isUtf8(Buffer.from(text, 'latin1'))) return false;
      break;
    }
  }
  return true;
}
