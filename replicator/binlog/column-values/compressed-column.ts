import { inflateRawSync, inflateSync } from 'node:zlib';
import { BinlogFormatError } from '../errors';

const plain = 0;
const zlibAlgorithm = 8;
const rawFlag = 0x08;
const lengthMask = 0x07;

/**
 * Content of a MariaDB COMPRESSED column: a head of algorithm (upper 4 bits; a head of 0: not compressed), "without zlib
 * header" (bit 3) and count of length bytes; the length, big-endian; the data. Nothing at all is the empty string.
 */
export function inflateColumn(bytes: Buffer): Buffer {
  const head = bytes[0];
  if (head === undefined || head === plain) return bytes.subarray(1);
  const lengthBytes = head & lengthMask;
  if (head >> 4 !== zlibAlgorithm || lengthBytes === 0 || lengthBytes > 4 || bytes.length <= lengthBytes) {
    throw new BinlogFormatError(`compressed column with an unknown head ${head}`);
  }
  const length = bytes.readUIntBE(1, lengthBytes);
  const inflate = head & rawFlag ? inflateRawSync : inflateSync;
  let content: Buffer;
  try {
    content = inflate(bytes.subarray(1 + lengthBytes), { maxOutputLength: Math.max(1, length) });
  } catch (error) {
    throw new BinlogFormatError('compressed column is broken', { cause: error });
  }
  if (content.length !== length)
    throw new BinlogFormatError(`compressed column of ${content.length} bytes, not ${length}`);
  return content;
}
