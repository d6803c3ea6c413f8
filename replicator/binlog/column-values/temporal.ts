import { ColumnType, type TypeAndMeta } from '../column-type';
import { UnsupportedColumnError } from '../errors';

/** Temporal types as the server prints them (MySQL: "Date and Time Data Type Representation"). */

const two = (value: number): string => String(value).padStart(2, '0');
const four = (value: number): string => String(value).padStart(4, '0');
const date = (year: number, month: number, day: number): string => `${four(year)}-${two(month)}-${two(day)}`;
const clock = (hour: number, minute: number, second: number): string => `${two(hour)}:${two(minute)}:${two(second)}`;

/** `fraction`: in units of its bytes (1: hundredths, 2: ten-thousandths, 3: microseconds). */
function fractionText(fraction: number, digits: number): string {
  if (digits === 0) return '';
  if (digits > 6) throw new UnsupportedColumnError(`${digits} digits of a second`);
  return `.${String(fraction)
    .padStart(((digits + 1) >> 1) * 2, '0')
    .slice(0, digits)}`;
}

/** Text of a temporal column, or null for another type. TIMESTAMP is in UTC. */
export function temporalText({ type, meta }: TypeAndMeta, bytes: Buffer): string | null {
  switch (type) {
    case ColumnType.year: {
      const year = bytes.readUInt8(0);
      return four(year === 0 ? 0 : 1900 + year);
    }
    case ColumnType.date:
    case ColumnType.newDate:
      return dateText(bytes.readUIntLE(0, 3));
    case ColumnType.time:
      return oldTimeText(bytes.readIntLE(0, 3));
    case ColumnType.timestamp:
      return timestampText(bytes.readUInt32LE(0), '');
    case ColumnType.datetime:
      return oldDatetimeText(bytes.readBigUInt64LE(0));
    case ColumnType.time2:
      return timeText(bytes, meta);
    case ColumnType.timestamp2:
      return timestampText(bytes.readUInt32BE(0), fractionText(fractionOf(bytes, 4), meta));
    case ColumnType.datetime2:
      return datetimeText(bytes, meta);
    default:
      return null;
  }
}

function fractionOf(bytes: Buffer, offset: number): number {
  return offset < bytes.length ? bytes.readUIntBE(offset, bytes.length - offset) : 0;
}

function dateText(packed: number): string {
  return date(packed >> 9, (packed >> 5) & 15, packed & 31);
}

function oldTimeText(packed: number): string {
  const value = Math.abs(packed);
  const text = clock(Math.floor(value / 10_000), Math.floor(value / 100) % 100, value % 100);
  return packed < 0 ? `-${text}` : text;
}

function oldDatetimeText(packed: bigint): string {
  const digits = packed.toString().padStart(14, '0');
  const part = (from: number, to: number): number => Number(digits.slice(from, to));
  return `${date(part(0, 4), part(4, 6), part(6, 8))} ${clock(part(8, 10), part(10, 12), part(12, 14))}`;
}

function timestampText(seconds: number, fraction: string): string {
  // Second 0 is the zero timestamp: the type's range starts at second 1.
  if (seconds === 0 && !/[1-9]/.test(fraction)) return `0000-00-00 00:00:00${fraction}`;
  return new Date(seconds * 1000).toISOString().slice(0, 19).replace('T', ' ') + fraction;
}

/** Hours are not bounded by 23, and the packed number with its fraction is negative as a whole. */
function timeText(bytes: Buffer, digits: number): string {
  const fractionUnits = 256 ** (bytes.length - 3);
  const packed = bytes.readUIntBE(0, bytes.length) - 0x800000 * fractionUnits;
  const value = Math.abs(packed);
  const whole = Math.floor(value / fractionUnits);
  const text = clock((whole >> 12) & 0x3ff, (whole >> 6) & 63, whole & 63);
  return `${packed < 0 ? '-' : ''}${text}${fractionText(value % fractionUnits, digits)}`;
}

function datetimeText(bytes: Buffer, digits: number): string {
  const packed = bytes.readUIntBE(0, 5) - 0x8000000000;
  const days = Math.floor(packed / 2 ** 17);
  const seconds = packed % 2 ** 17;
  const months = days >> 5;
  const day = date(Math.floor(months / 13), months % 13, days & 31);
  return `${day} ${clock(seconds >> 12, (seconds >> 6) & 63, seconds & 63)}${fractionText(fractionOf(bytes, 5), digits)}`;
}
