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

/**
 * Equal for names of columns that the server takes for one: it compares them letter by letter whatever the case, and their
 * lengths in bytes. (Not as JavaScript does, which knows a final sigma, and an İ of two letters.) `name`: as the catalog has it.
 */
export function foldedName(name: string): string {
  if (isAscii(name)) return name.toLowerCase();
  return `${Buffer.byteLength(name)} ${inLowerCase(name)}`;
}

/** Equal for names of tables that a server may take for one (lower_case_table_names). */
export function foldedTable(name: string): string {
  return isAscii(name) ? name.toLowerCase() : inLowerCase(name).replaceAll('İ', 'i');
}

function inLowerCase(name: string): string {
  let lower = '';
  for (const letter of name) {
    const one = letter.toLowerCase();
    lower += one.length === letter.length ? one : letter;
  }
  return lower;
}

/**
 * Equal for names of user variables and prepared statements that the server may take for one: whatever their case and accents,
 * but of equal length. `bytes`: as in SQL text.
 */
export function looseName(bytes: string): string {
  if (isAscii(bytes)) return bytes.toLowerCase();
  return `${bytes.length} ${nameOf(bytes).normalize('NFKD').replace(/\p{M}/gu, '').toLowerCase().toUpperCase()}`;
}

/** Nearly all names are, and are the same in both. */
export function isAscii(text: string): boolean {
  for (let at = 0; at < text.length; at++) if (text.charCodeAt(at) > 127) return false;
  return true;
}
