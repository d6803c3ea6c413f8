import { crc32 } from 'node:zlib';

/** Most events are smaller: calling zlib, and making the view that it takes, costs more than the sum of so few bytes. */
const SMALL_BYTES = 256;
/** The reversed polynomial of CRC-32 (IEEE 802.3), as zlib has it. */
const POLYNOMIAL = 0xedb88320;

/** For each byte what it adds to the sum, when it stands 0, 1, 2 or 3 bytes before the end ("slicing by four"). */
const tables = [new Int32Array(256), new Int32Array(256), new Int32Array(256), new Int32Array(256)] as const;
const [table0, table1, table2, table3] = tables;

for (let byte = 0; byte < 256; byte++) {
  let sum = byte;
  for (let bit = 0; bit < 8; bit++) sum = (sum & 1) === 1 ? (sum >>> 1) ^ POLYNOMIAL : sum >>> 1;
  table0[byte] = sum;
}
for (let place = 1; place < 4; place++) {
  for (let byte = 0; byte < 256; byte++) {
    const nearer = tables[place - 1]?.[byte] ?? 0;
    tables[place]?.fill((nearer >>> 8) ^ (table0[nearer & 0xff] ?? 0), byte, byte + 1);
  }
}

/** CRC32 of the first `end` bytes. */
export function crc32Of(bytes: Buffer, end: number): number {
  if (end > SMALL_BYTES) return crc32(bytes.subarray(0, end));
  let sum = -1;
  let at = 0;
  for (; at + 4 <= end; at += 4) {
    sum ^= (bytes[at] as number) | ((bytes[at + 1] as number) << 8) | ((bytes[at + 2] as number) << 16);
    sum ^= (bytes[at + 3] as number) << 24;
    sum =
      (table3[sum & 0xff] as number) ^
      (table2[(sum >>> 8) & 0xff] as number) ^
      (table1[(sum >>> 16) & 0xff] as number) ^
      (table0[sum >>> 24] as number);
  }
  for (; at < end; at++) sum = (sum >>> 8) ^ (table0[(sum ^ (bytes[at] as number)) & 0xff] as number);
  return ~sum >>> 0;
}
