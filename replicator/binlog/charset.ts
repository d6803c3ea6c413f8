import { TextDecoder } from 'node:util';

/** Collation ids to character sets: measured on MariaDB 10.11, MySQL's from its documents. */

export const BINARY_COLLATION = 63;

/** Character sets whose text can be turned into a string here. */
export type Charset = 'utf8mb4' | 'utf8mb3' | 'ascii' | 'latin1';

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * The servers' latin1 is cp1252, with the five undefined bytes as control characters: its bytes 0x80 to 0x9F. Node's own
 * decoder of this name takes them for ISO 8859-1.
 */
const cp1252Upper = '€\x81‚ƒ„…†‡ˆ‰Š‹Œ\x8dŽ\x8f\x90‘’“”•–—˜™š›œ\x9džŸ';

/** The text, or null when the bytes are not valid in the character set. */
export function decodeText(charset: Charset, bytes: Uint8Array): string | null {
  switch (charset) {
    case 'ascii':
      return bytes.some((byte) => byte > 0x7f) ? null : asBuffer(bytes).toString('latin1');
    case 'latin1':
      return asBuffer(bytes)
        .toString('latin1')
        .replace(/[\x80-\x9f]/g, (control) => cp1252Upper.charAt(control.charCodeAt(0) - 0x80));
    default:
      try {
        return utf8.decode(bytes);
      } catch {
        return null;
      }
  }
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

const latin1 = new Set([5, 8, 15, 31, 47, 48, 49, 94, 1032, 1071]);
const ascii = new Set([11, 65, 1035, 1089]);

/** null: a character set that is not known here (or binary): its bytes are kept as bytes. */
export function charsetOf(collation: number): Charset | null {
  if (latin1.has(collation)) return 'latin1';
  if (ascii.has(collation)) return 'ascii';
  if (isUtf8mb4(collation)) return 'utf8mb4';
  return isUtf8mb3(collation) ? 'utf8mb3' : null;
}

function isUtf8mb4(id: number): boolean {
  // 255 to 323 are MySQL's utf8mb4_…_0900_…, 2304 to 2559 MariaDB's utf8mb4_uca1400_…; the rest is of both.
  if (id === 45 || id === 46 || (id >= 224 && id <= 247) || (id >= 255 && id <= 323)) return true;
  if ((id >= 608 && id <= 610) || id === 1069 || id === 1070 || id === 1248 || id === 1270) return true;
  return id >= 2304 && id <= 2559;
}

function isUtf8mb3(id: number): boolean {
  if (id === 33 || id === 76 || id === 83 || (id >= 192 && id <= 215) || id === 223) return true;
  if ((id >= 576 && id <= 578) || id === 1057 || id === 1107 || id === 1216 || id === 1238) return true;
  return id >= 2048 && id <= 2303;
}
