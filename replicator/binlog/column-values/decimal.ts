import { decimalDigitBytes, decimalBytes, DECIMAL_GROUP_DIGITS } from '../column-length';
import { decimalDigits } from '../column-type';
import { UnsupportedColumnError } from '../errors';

/**
 * DECIMAL's binary form (MySQL: decimal2bin): digits in groups of nine, 4 bytes each, big-endian, the odd group outermost
 * and shorter; the first bit inverted, and every bit inverted when negative.
 */

/** Lengths in digits of the groups before and behind the point. */
function groups(meta: number): { readonly digits: number[]; readonly scale: number } {
  const { precision, scale } = decimalDigits(meta);
  const whole = precision - scale;
  const full = (count: number) =>
    new Array<number>(Math.floor(count / DECIMAL_GROUP_DIGITS)).fill(DECIMAL_GROUP_DIGITS);
  const digits = [whole % DECIMAL_GROUP_DIGITS, ...full(whole), ...full(scale), scale % DECIMAL_GROUP_DIGITS];
  return { digits: digits.filter((count) => count > 0), scale };
}

/** The value times 10^scale. `bytes`: as in the row image. */
export function decimalToUnscaled(meta: number, bytes: Uint8Array): bigint {
  if (bytes.length !== decimalBytes(meta)) throw new UnsupportedColumnError(`DECIMAL of ${bytes.length} bytes`);
  const copy = Buffer.from(bytes);
  const negative = ((copy[0] ?? 0) & 0x80) === 0;
  copy[0] = (copy[0] ?? 0) ^ 0x80;
  if (negative) for (let at = 0; at < copy.length; at++) copy[at] = (copy[at] ?? 0) ^ 0xff;
  let value = 0n;
  let offset = 0;
  for (const digits of groups(meta).digits) {
    const length = decimalDigitBytes[digits] ?? 4;
    value = value * 10n ** BigInt(digits) + BigInt(copy.readUIntBE(offset, length));
    offset += length;
  }
  return negative ? -value : value;
}

/** Twin of decimalToUnscaled; null when the value has more digits than the column. */
export function unscaledToDecimal(meta: number, value: bigint): Buffer | null {
  const negative = value < 0n;
  let rest = negative ? -value : value;
  const bytes = Buffer.alloc(decimalBytes(meta));
  let offset = bytes.length;
  for (const digits of groups(meta).digits.toReversed()) {
    const length = decimalDigitBytes[digits] ?? 4;
    const base = 10n ** BigInt(digits);
    offset -= length;
    bytes.writeUIntBE(Number(rest % base), offset, length);
    rest /= base;
  }
  if (rest > 0n) return null;
  if (negative) for (let at = 0; at < bytes.length; at++) bytes[at] = (bytes[at] ?? 0) ^ 0xff;
  bytes[0] = (bytes[0] ?? 0) ^ 0x80;
  return bytes;
}

/** As the server prints it: `scale` digits behind the point. */
export function decimalText(meta: number, bytes: Uint8Array): string {
  const { scale } = decimalDigits(meta);
  const value = decimalToUnscaled(meta, bytes);
  const digits = (value < 0n ? -value : value).toString().padStart(scale + 1, '0');
  const whole = digits.slice(0, digits.length - scale);
  return `${value < 0n ? '-' : ''}${whole}${scale > 0 ? `.${digits.slice(-scale)}` : ''}`;
}
