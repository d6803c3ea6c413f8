import { deflateSync, inflateSync } from 'node:zlib';
import { BinlogFormatError } from './errors';

const zlibMarker = 0x80;
const algorithmMask = 0x70;
const lengthMask = 0x07;

/** Largest event the servers write: max_allowed_packet cannot be larger. */
const inflatedBytesMax = 2 ** 30;

/**
 * Data of MariaDB's compressed events (log_bin_compress): 0x80 | algorithm (0: zlib) | count of length bytes, the length
 * big-endian, the zlib stream.
 */
export function inflateLogData(bytes: Buffer): Buffer {
  const head = bytes[0] ?? 0;
  const lengthBytes = head & lengthMask;
  if ((head & zlibMarker) === 0 || (head & algorithmMask) !== 0 || lengthBytes < 1 || lengthBytes > 4) {
    throw new BinlogFormatError(`compressed event with an unknown head ${head}`);
  }
  if (bytes.length < 1 + lengthBytes) throw new BinlogFormatError('compressed event ends in its head');
  const length = bytes.readUIntBE(1, lengthBytes);
  if (length > inflatedBytesMax) throw new BinlogFormatError(`compressed event says it has ${length} bytes`);
  let data: Buffer;
  try {
    data = inflateSync(bytes.subarray(1 + lengthBytes), { maxOutputLength: Math.max(1, length) });
  } catch (error) {
    throw new BinlogFormatError('compressed event is broken', { cause: error });
  }
  if (data.length !== length) throw new BinlogFormatError(`compressed event of ${data.length} bytes, not ${length}`);
  return data;
}

/** Twin of inflateLogData. */
export function deflateLogData(data: Buffer): Buffer {
  const lengthBytes = data.length > 0xffffff ? 4 : data.length > 0xffff ? 3 : data.length > 0xff ? 2 : 1;
  const head = Buffer.alloc(1 + lengthBytes);
  head[0] = zlibMarker | lengthBytes;
  head.writeUIntBE(data.length, 1, lengthBytes);
  return Buffer.concat([head, deflateSync(data)]);
}
