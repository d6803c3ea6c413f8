import { isUtf8 } from 'node:buffer';
import { asUtf8, type ClientCharset, utf8 } from './client-charset';
import { isAscii, nameOf } from './names';
import type { Token } from './tokenizer';

/**
 * Whether words and quoted names are UTF-8, as the catalog has them. In other character sets of clients their bytes mean other
 * names, and some stand for a blank (0xA0 in latin1): then one word here may be two for the server.
 */
function namesAreUtf8(tokens: readonly Token[]): boolean {
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

/** The tokens with their names as bytes of UTF-8, whatever the character set of the client; null: that is not known. */
export function tokensInUtf8(tokens: readonly Token[], charset: ClientCharset): readonly Token[] | null {
  if (charset === utf8) return namesAreUtf8(tokens) ? tokens : null;
  let changed: Token[] | null = null;
  for (const [at, token] of tokens.entries()) {
    if (isAscii(token.text)) continue;
    const text = asUtf8(token.text, charset);
    // A sign that is none of a name's, as a blank of latin1, ends the word for the server.
    if (text === null || (token.kind === 'word' && /[^\p{L}\p{M}\p{N}_$]/u.test(nameOf(text)))) return null;
    changed ??= [...tokens];
    changed[at] = { ...token, text, upper: token.kind === 'word' ? text.toUpperCase() : text };
  }
  return changed ?? tokens;
}
