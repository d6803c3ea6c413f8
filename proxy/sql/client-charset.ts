import { isUtf8 } from 'node:buffer';
import { isAscii } from './names';
import type { TextEdit } from './text-edit';

/** How the bytes of a client's texts are characters. One object a character set. */
export interface ClientCharset {
  /** As the server calls it; '' for UTF-8, and for what the server takes for it; '?' when it is not known. */
  readonly name: string;
  /** Characters of two bytes whose second may look like a backslash or a backtick; 'unknown': there may be such. */
  readonly doubleByte: DoubleByte | 'unknown' | null;
  /** A byte beyond ASCII that the server takes for a blank; -1: there is none. */
  readonly blank: number;
  /** For `TextDecoder`; null: what bytes beyond ASCII mean is not known. */
  readonly decoder: string | null;
  /** It is the one that the client asked for when it logged in: a server may take all clients for UTF-8, and does not tell. */
  readonly perhapsUtf8?: boolean;
}

/** Character sets by their first bytes: gbk (gb18030 too), big5, sjis (cp932 too). */
export type DoubleByte = 'gbk' | 'big5' | 'sjis';

/** utf8mb3, utf8mb4, and binary, whose names the server takes as they are. */
export const utf8: ClientCharset = { name: '', doubleByte: null, blank: -1, decoder: 'utf-8' };
export const unknownCharset: ClientCharset = { name: '?', doubleByte: 'unknown', blank: -1, decoder: null };

/** Name, decoder, collations by number (MariaDB 11.4: information_schema.collation_character_set_applicability). */
const others: readonly (readonly [name: string, decoder: string | null, ids: readonly number[]])[] = [
  ['big5', 'big5', [1, 84, 1025, 1108]],
  ['latin2', 'iso-8859-2', [2, 9, 21, 27, 77, 1033, 1101]],
  ['dec8', null, [3, 69, 1027, 1093]],
  ['cp850', null, [4, 80, 1028, 1104]],
  ['latin1', 'windows-1252', [5, 8, 15, 31, 47, 48, 49, 94, 1032, 1071]],
  ['hp8', null, [6, 72, 1030, 1096]],
  ['koi8r', 'koi8-r', [7, 74, 1031, 1098]],
  ['swe7', null, [10, 82, 1034, 1106]],
  ['ascii', null, [11, 65, 1035, 1089]],
  ['ujis', 'euc-jp', [12, 91, 1036, 1115]],
  ['sjis', 'shift_jis', [13, 88, 1037, 1112]],
  ['cp1251', 'windows-1251', [14, 23, 50, 51, 52, 1074, 1075]],
  ['hebrew', 'iso-8859-8', [16, 71, 1040, 1095]],
  ['tis620', 'windows-874', [18, 89, 1042, 1113]],
  ['euckr', 'euc-kr', [19, 85, 1043, 1109]],
  ['latin7', 'iso-8859-13', [20, 41, 42, 79, 1065, 1103]],
  ['koi8u', 'koi8-u', [22, 75, 1046, 1099]],
  ['gb2312', 'gbk', [24, 86, 1048, 1110]],
  ['greek', 'iso-8859-7', [25, 70, 1049, 1094]],
  ['cp1250', 'windows-1250', [26, 34, 44, 66, 99, 1050, 1090]],
  ['gbk', 'gbk', [28, 87, 1052, 1111]],
  ['cp1257', 'windows-1257', [29, 58, 59, 1082, 1083]],
  ['latin5', 'windows-1254', [30, 78, 1054, 1102]],
  ['armscii8', null, [32, 64, 1056, 1088]],
  ['cp866', 'ibm866', [36, 68, 1060, 1092]],
  ['keybcs2', null, [37, 73, 1061, 1097]],
  ['macce', null, [38, 43, 1062, 1067]],
  ['macroman', 'macintosh', [39, 53, 1063, 1077]],
  ['cp852', null, [40, 81, 1064, 1105]],
  ['cp1256', 'windows-1256', [57, 67, 1081, 1091]],
  ['geostd8', null, [92, 93, 1116, 1117]],
  ['cp932', 'shift_jis', [95, 96, 1119, 1120]],
  ['eucjpms', 'euc-jp', [97, 98, 1121, 1122]],
  // MySQL's.
  ['gb18030', 'gb18030', [248, 249, 250]],
];

const doubleBytes: Readonly<Record<string, DoubleByte>> = {
  gbk: 'gbk',
  gb18030: 'gbk',
  big5: 'big5',
  sjis: 'sjis',
  cp932: 'sjis',
};
/** As measured on MariaDB 10.11. */
const noBreakSpaces: Readonly<Record<string, number>> = Object.fromEntries([
  ...'dec8 latin1 latin2 hebrew greek cp1250 latin5 armscii8 latin7 geostd8'.split(' ').map((name) => [name, 0xa0]),
  ...'cp866 keybcs2 cp852'.split(' ').map((name) => [name, 0xff]),
]);
const byName = new Map<string, ClientCharset>(
  ['utf8', 'utf8mb3', 'utf8mb4', 'binary'].map((name) => [name, utf8] as const),
);
const byCollation = new Map<number, ClientCharset>();
const atLogin = new Map<ClientCharset, ClientCharset>();
for (const [name, decoder, ids] of others) {
  const charset = { name, decoder, doubleByte: doubleBytes[name] ?? null, blank: noBreakSpaces[name] ?? -1 };
  byName.set(name, charset);
  // In UTF-8 such a byte may be part of a name.
  atLogin.set(charset, { ...charset, name: `${name}?`, blank: -1, perhapsUtf8: true });
  for (const id of ids) byCollation.set(id, charset);
}

/** By its name. One that is not known may be of any kind. */
export function charsetNamed(name: string): ClientCharset {
  return byName.get(name.toLowerCase()) ?? unknownCharset;
}

/**
 * By the number of one of its collations. null: none that MariaDB knows (MySQL 8's own, from 255 on), for which a login gets
 * the server's.
 */
export function charsetOfCollation(id: number): ClientCharset | null {
  return byCollation.get(id) ?? (id === 0 || (id >= 251 && id < 576) ? null : utf8);
}

/** What sessions begin with whose clients ask for this collation; `fallback`: where the server does not know it. */
export function charsetAtLogin(id: number, { charset: fallback, charsetForced }: BeginningCharset): ClientCharset {
  const asked = charsetForced ? null : charsetOfCollation(id);
  return asked === null ? charsetNamed(fallback) : (atLogin.get(asked) ?? asked);
}

/** See ServerDefaults. */
export interface BeginningCharset {
  readonly charset: string;
  readonly charsetForced: boolean;
}

export const beginsInUtf8: BeginningCharset = { charset: 'utf8mb4', charsetForced: false };

/**
 * Whether the server takes these two bytes for one character. A first byte before anything else, a quote above all, stands
 * for itself. Source: MariaDB's ctype-gbk.c, ctype-big5.c, ctype-sjis.c.
 */
export function isDoubleByteCharacter(charset: DoubleByte, first: number, second: number): boolean {
  // Not a number behind the end.
  if (!(second >= 0x40 && second <= 0xfe) || second === 0x7f) return false;
  switch (charset) {
    case 'gbk':
      return first >= 0x81 && first <= 0xfe;
    case 'big5':
      return first >= 0xa1 && first <= 0xf9 && (second <= 0x7e || second >= 0xa1);
    case 'sjis':
      // 0xA1 to 0xDF are katakana of one byte.
      return second <= 0xfc && ((first >= 0x81 && first <= 0x9f) || (first >= 0xe0 && first <= 0xfc));
  }
}

/** The length of the character at `at`, in bytes: 2 for those of two, 1 for all others, whose bytes look like nothing else. */
export function lengthAt(text: string, at: number, { doubleByte }: ClientCharset): 1 | 2 {
  const code = text.charCodeAt(at);
  if (code < 0x81 || doubleByte === null || doubleByte === 'unknown') return 1;
  return isDoubleByteCharacter(doubleByte, code, text.charCodeAt(at + 1)) ? 2 : 1;
}

const maybeDouble = /[\x81-\xfe][\\`]/;

/** Whether a text is cut into the same words whatever the character set. */
export function readsAlikeInAll(text: string): boolean {
  return !maybeDouble.test(text);
}

const decoders = new Map<string, InstanceType<typeof TextDecoder>>();
const encoders = new Map<ClientCharset, ReadonlyMap<string, string>>();

/** What these bytes (latin1) say, as the bytes of UTF-8 (latin1); null: that is not known. */
export function asUtf8(bytes: string, { decoder: label, perhapsUtf8 }: ClientCharset): string | null {
  if (isAscii(bytes)) return bytes;
  if (perhapsUtf8 === true && isUtf8(Buffer.from(bytes, 'latin1'))) return bytes;
  if (label === null) return null;
  let decoder = decoders.get(label);
  if (decoder === undefined) decoders.set(label, (decoder = new TextDecoder(label)));
  const text = decoder.decode(Buffer.from(bytes, 'latin1'));
  return text.includes('\ufffd') ? null : Buffer.from(text, 'utf8').toString('latin1');
}

/** The other way; null: not all of it is known to have bytes in this character set. */
export function fromUtf8(bytes: string, charset: ClientCharset): string | null {
  if (isAscii(bytes) || charset === utf8) return bytes;
  let letters = encoders.get(charset);
  if (letters === undefined) encoders.set(charset, (letters = lettersOf(charset)));
  let encoded = '';
  for (const letter of Buffer.from(bytes, 'latin1').toString('utf8')) {
    const own = letter.charCodeAt(0) < 128 ? letter : letters.get(letter);
    if (own === undefined) return null;
    encoded += own;
  }
  return encoded;
}

/** Edits of texts in this character set: names beyond ASCII are in UTF-8 until then. */
export function editsIn(edits: readonly TextEdit[], charset: ClientCharset): readonly TextEdit[] {
  if (charset === utf8 || edits.every(({ text }) => isAscii(text))) return edits;
  // Of a name without bytes the server will not hear: it refuses the text.
  return edits.map((edit) => ({ ...edit, text: fromUtf8(edit.text, charset) ?? edit.text }));
}

/** Bytes by letter: those of one byte, and of two. */
function lettersOf({ decoder: label }: ClientCharset): ReadonlyMap<string, string> {
  const letters = new Map<string, string>();
  if (label === null) return letters;
  const decoder = new TextDecoder(label);
  const learn = (...bytes: number[]): void => {
    const letter = decoder.decode(Uint8Array.from(bytes));
    if ([...letter].length !== 1 || letter === '\ufffd' || letters.has(letter)) return;
    letters.set(letter, String.fromCharCode(...bytes));
  };
  for (let first = 0x80; first <= 0xff; first++) learn(first);
  // A letter of one byte by which every second one is another is no first byte.
  for (let first = 0x81; first <= 0xfe; first++) for (let second = 0x40; second <= 0xfe; second++) learn(first, second);
  return letters;
}
