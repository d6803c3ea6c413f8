/**
 * SQL text has one character for each byte here (latin1, as the tokenizer reads it); clients send UTF-8, and the catalog
 * has names as text. From the text's to the catalog's:
 */
export function nameOf(bytes: string): string {
  return isAscii(bytes) ? bytes : Buffer.from(bytes, 'latin1').toString('utf8');
}

/** What the catalog has, a name or a definition, as SQL text has it. */
export function bytesOf(text: string): string {
  return isAscii(text) ? text : Buffer.from(text, 'utf8').toString('latin1');
}

export function quoteName(name: string): string {
  return `\`${name.replace(/`/g, '``')}\``;
}

/** Nearly all names are, and are the same in both. */
function isAscii(text: string): boolean {
  for (let at = 0; at < text.length; at++) if (text.charCodeAt(at) > 127) return false;
  return true;
}
